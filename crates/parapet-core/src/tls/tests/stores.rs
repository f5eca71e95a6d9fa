use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use webpki::aws_lc_rs as algorithms;

use super::peer::{Client, self_signed, self_signed_with};
use crate::{CertStore, Certificate, KeyType, TlsConfig, UnknownName};

#[tokio::test]
async fn names_are_served_exact_then_wildcard_then_default() {
    let default = self_signed(&["default.example"]);
    let exact = self_signed(&["a.example.com"]);
    let wild = self_signed(&["*.example.com"]);
    let ip = self_signed(&["127.0.0.1"]);
    // Clients ask for other names than the default has: they accept it as it is, so look at the bytes.
    let all = [&default, &exact, &wild, &ip];
    let store = CertStore::from_certs(all.map(Clone::clone));
    for (unknown_name, name, expected) in [
        (UnknownName::Default, "a.example.com", Some(&exact)),
        (UnknownName::Default, "A.EXAMPLE.COM", Some(&exact)),
        (UnknownName::Default, "b.example.com", Some(&wild)),
        (UnknownName::Default, "default.example", Some(&default)),
        (UnknownName::Refuse, "a.example.com", Some(&exact)),
        (UnknownName::Refuse, "b.example.com", Some(&wild)),
        (UnknownName::Refuse, "default.example", Some(&default)),
        (UnknownName::Refuse, "a.b.example.com", None),
        (UnknownName::Refuse, "other.example", None),
    ] {
        let config = TlsConfig::new(store.clone()).unknown_name(unknown_name);
        let acceptor = config.build().unwrap();
        let (served, answer) = Client::new(&all).connect(&acceptor, name).await;
        if let Some(certificate) = expected {
            assert_eq!(answer.unwrap().leaf, certificate.chain()[0], "{name}");
        } else {
            assert_eq!(served.unwrap_err(), "no certificate for the server name", "{name}");
            let error = answer.unwrap_err();
            assert!(error.contains("UnrecognisedName"), "{name}: {error}");
        }
    }
    // Unknown under `Default`: the default comes, and the client does not accept it.
    let acceptor = TlsConfig::new(store.clone()).build().unwrap();
    let (_, answer) = Client::new(&all).connect(&acceptor, "other.example").await;
    let error = answer.unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn without_a_server_name_the_default_is_served_even_if_unknown_names_are_refused() {
    let default = self_signed(&["default.example", "127.0.0.1"]);
    let store = CertStore::from_certs([default.clone(), self_signed(&["a.example"])]);
    let config = TlsConfig::new(store).unknown_name(UnknownName::Refuse);
    let (served, answer) =
        Client::new(&[&default]).connects(&config.build().unwrap(), "127.0.0.1").await;
    assert_eq!(answer.leaf, default.chain()[0]);
    assert_eq!(served.info.server_name(), None);
}

#[tokio::test]
async fn of_two_kinds_of_keys_the_client_gets_the_one_it_can_verify() {
    static RSA: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
        all: &[
            algorithms::RSA_PKCS1_2048_8192_SHA256,
            algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        ],
        mapping: &[(
            SignatureScheme::RSA_PSS_SHA256,
            &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        )],
    };
    static ECDSA: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
        all: &[algorithms::ECDSA_P256_SHA256],
        mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, &[algorithms::ECDSA_P256_SHA256])],
    };
    let ecdsa = self_signed_with(&["a.example", "127.0.0.1"], KeyType::EcdsaP256);
    let rsa = self_signed_with(&["a.example", "127.0.0.1"], KeyType::Rsa2048);
    let both = CertStore::from_certs([ecdsa.clone(), rsa.clone()]);
    let added = CertStore::new(ecdsa.clone());
    added.add("A.example.", rsa.clone());
    for (name, store, algorithms, expected) in [
        ("a.example", &both, ECDSA, Some(&ecdsa)),
        ("a.example", &both, RSA, Some(&rsa)),
        ("127.0.0.1", &both, RSA, Some(&rsa)),
        ("a.example", &added, RSA, Some(&rsa)),
        ("a.example", &added, ECDSA, Some(&ecdsa)),
        ("a.example", &CertStore::new(ecdsa.clone()), RSA, None),
    ] {
        let acceptor = TlsConfig::new(store.clone()).build().unwrap();
        let client = Client::verifying(&[&ecdsa, &rsa], algorithms);
        let (served, answer) = client.connect(&acceptor, name).await;
        if let Some(certificate) = expected {
            assert_eq!(answer.unwrap().leaf, certificate.chain()[0], "{name}");
        } else {
            assert!(served.unwrap_err().contains("NoSignatureSchemesInCommon"));
            assert!(answer.unwrap_err().contains("HandshakeFailure"));
        }
    }
}

#[tokio::test]
async fn set_while_handshakes_run_fails_none_and_holds_for_the_next() {
    let old = self_signed(&["localhost"]);
    let new = self_signed(&["localhost"]);
    let store = CertStore::new(old.clone());
    let acceptor = TlsConfig::new(store.clone()).build().unwrap();
    let client = Client::new(&[&old, &new]);
    let half = Arc::new(tokio::sync::Notify::new());
    let is_set = Arc::new(AtomicBool::new(false));
    let mut workers = Vec::new();
    for worker in 0..10 {
        let (acceptor, client, half, is_set) =
            (acceptor.clone(), client.clone(), Arc::clone(&half), Arc::clone(&is_set));
        let (old, new) = (old.clone(), new.clone());
        workers.push(tokio::spawn(async move {
            for round in 0..100 {
                if worker == 0 && round == 50 {
                    half.notify_one();
                }
                let was_set = is_set.load(Ordering::SeqCst);
                let (_, answer) = client.connects(&acceptor, "localhost").await;
                let is_new = answer.leaf == new.chain()[0];
                assert!(is_new || answer.leaf == old.chain()[0]);
                assert!(is_new || !was_set, "served the old one after the change");
            }
        }));
    }
    half.notified().await;
    store.set("localhost", new.clone());
    is_set.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn set_replaces_the_default_where_it_takes_its_place() {
    let first = self_signed(&["localhost", "127.0.0.1"]);
    let second = self_signed(&["localhost", "127.0.0.1"]);
    let store = CertStore::new(first.clone());
    let acceptor = TlsConfig::new(store.clone()).build().unwrap();
    let client = Client::new(&[&first, &second]);
    store.set("other.example", second.clone());
    let (_, answer) = client.connects(&acceptor, "127.0.0.1").await;
    assert_eq!(answer.leaf, first.chain()[0], "another name leaves the default");
    store.set("localhost", second.clone());
    let (_, answer) = client.connects(&acceptor, "127.0.0.1").await;
    assert_eq!(answer.leaf, second.chain()[0]);
}

#[test]
fn changes_show_in_what_is_served_and_in_the_expiries() {
    let names = |store: &CertStore| -> Vec<String> {
        store.expiries().into_iter().map(|(name, _)| name).collect()
    };
    let a = self_signed(&["a.example", "*.a.example"]);
    let store = CertStore::new(a.clone());
    assert_eq!(names(&store), ["*.a.example", "a.example"]);
    assert_eq!(store.expiries()[0].1, a.not_after());
    store.set("B.example.", a.clone());
    assert_eq!(names(&store), ["*.a.example", "a.example", "b.example"]);
    assert!(store.remove("b.EXAMPLE"));
    assert!(!store.remove("b.example"));
    let clone = store.clone();
    clone.replace([self_signed(&["127.0.0.1"]), self_signed(&["c.example"])]);
    assert_eq!(names(&store), ["", "c.example"], "a default without names has the empty one");
    store.replace(Vec::<Certificate>::new());
    assert_eq!(names(&store), [""; 0]);
    assert!(matches!(store.reload(), Ok(false)), "nothing is watched");
}
