use std::sync::{Arc, Mutex};

use super::peer::{Client, self_signed};
use crate::{
    BoxFuture, CertStore, Certificate, ClientHello, ResolveCertificate, TlsConfig, UnknownName,
};

/// Knows one name, and notes who asked.
#[derive(Clone)]
struct Elsewhere {
    name: &'static str,
    certificate: Certificate,
    asked: Arc<Mutex<Vec<ClientHello>>>,
}

impl Elsewhere {
    fn new(name: &'static str, certificate: Certificate) -> Self {
        Self { name, certificate, asked: Arc::default() }
    }
}

impl ResolveCertificate for Elsewhere {
    fn resolve<'a>(&'a self, hello: &'a ClientHello) -> BoxFuture<'a, Option<Certificate>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(hello.clone());
            tokio::task::yield_now().await;
            (hello.server_name() == Some(self.name)).then(|| self.certificate.clone())
        })
    }
}

#[tokio::test]
async fn a_resolver_is_asked_after_the_store_and_before_the_default() {
    let stored = self_signed(&["a.example", "127.0.0.1"]);
    let fetched = self_signed(&["b.example"]);
    let elsewhere = Elsewhere::new("b.example", fetched.clone());
    let client = Client::new(&[&stored, &fetched]);
    for unknown_name in [UnknownName::Default, UnknownName::Refuse] {
        let config =
            TlsConfig::new(stored.clone()).resolver(elsewhere.clone()).unknown_name(unknown_name);
        let acceptor = config.build().unwrap();
        let (_, answer) = client.connects(&acceptor, "a.example").await;
        assert_eq!(answer.leaf, stored.chain()[0]);
        assert!(elsewhere.asked.lock().unwrap().is_empty(), "the store knows the name");

        let (served, answer) = client.connects(&acceptor, "B.example").await;
        assert_eq!(answer.leaf, fetched.chain()[0]);
        let hello = elsewhere.asked.lock().unwrap().pop().unwrap();
        assert_eq!(hello.server_name(), Some("b.example"));
        assert_eq!(hello.alpn().collect::<Vec<_>>(), [&b"h2"[..], b"http/1.1"]);
        assert!(hello.signature_schemes().contains(&0x0403), "ECDSA on P-256 with SHA-256");
        assert!(hello.peer().unwrap().ip().is_loopback());
        assert!(!served.info.is_resumed());

        // Nothing there either: the next rule.
        let (served, _) = client.connect(&acceptor, "c.example").await;
        let refused = unknown_name == UnknownName::Refuse;
        assert_eq!(served.is_err_and(|error| error.contains("server name")), refused);
        let (_, answer) = client.connects(&acceptor, "127.0.0.1").await;
        assert_eq!(answer.leaf, stored.chain()[0], "no name: the default");
        elsewhere.asked.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_session_with_a_resolved_certificate_resumes() {
    let fetched = self_signed(&["b.example"]);
    let config = TlsConfig::new(CertStore::from_certs([]))
        .resolver(Elsewhere::new("b.example", fetched.clone()));
    let acceptor = config.build().unwrap();
    let client = Client::new(&[&fetched]).resuming();
    for resumed in [false, true] {
        let (served, _) = client.connects(&acceptor, "b.example").await;
        assert_eq!(served.info.is_resumed(), resumed);
    }
}

#[tokio::test]
async fn an_acme_challenge_is_answered_by_the_resolver_and_then_closed() {
    let stored = self_signed(&["a.example"]);
    let challenge = self_signed(&["a.example"]);
    let roots = stored.chain().to_vec();
    let config = TlsConfig::new(stored.clone())
        .client_auth(crate::ClientAuth::Require(roots))
        .resolver(Elsewhere::new("a.example", challenge.clone()));
    let acceptor = config.build().unwrap();
    let client = Client::new(&[&stored, &challenge]).alpn(&["acme-tls/1"]);
    let (served, answer) = client.connect(&acceptor, "a.example").await;
    let answer = answer.unwrap();
    assert_eq!(answer.leaf, challenge.chain()[0], "although the store knows the name");
    assert_eq!(answer.alpn.as_deref(), Some(&b"acme-tls/1"[..]));
    assert_eq!(answer.body, b"", "closed cleanly, with nothing served");
    assert_eq!(served.unwrap_err(), "an ACME challenge was answered");

    // Without an answer it is a protocol that we do not speak.
    let client = Client::new(&[&stored]).alpn(&["acme-tls/1"]);
    for config in [
        TlsConfig::new(stored.clone()),
        TlsConfig::new(stored.clone()).resolver(Elsewhere::new("other", challenge)),
    ] {
        let (served, answer) = client.connect(&config.build().unwrap(), "a.example").await;
        assert!(served.is_err());
        assert!(answer.unwrap_err().contains("NoApplicationProtocol"));
    }
}
