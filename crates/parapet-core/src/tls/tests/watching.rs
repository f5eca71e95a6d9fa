use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::peer::Client;
use crate::{CertFiles, CertStore, Certificate, Error, TlsConfig, TlsErrorKind};

fn write(folder: &Path, name: &str, host: &str) -> (String, String) {
    let generated = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (chain, key) = (generated.cert.pem(), generated.signing_key.serialize_pem());
    std::fs::write(folder.join(format!("{name}.crt")), &chain).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), &key).unwrap();
    (chain, key)
}

fn files(folder: &Path, name: &str) -> CertFiles {
    CertFiles::new(folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")))
}

#[tokio::test]
async fn a_pair_is_taken_together_and_a_broken_one_leaves_the_old_one_serving() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (chain_1, key_1) = write(path, "a", "localhost");
    write(path, "b", "b.example");
    let first = Certificate::from_pem(&chain_1, &key_1).unwrap();
    let store = CertStore::watch([files(path, "a"), files(path, "b")], None).unwrap();
    let (sender, failures) = mpsc::channel();
    store.on_reload_error(move |error| sender.send(error.to_string()).unwrap());
    let acceptor = TlsConfig::new(store.clone()).build().unwrap();
    assert!(!store.reload().unwrap(), "nothing has changed");

    let (chain_2, key_2) = write(path, "a", "localhost");
    let second = Certificate::from_pem(&chain_2, &key_2).unwrap();
    let client = Client::new(&[&first, &second]);
    // Half-written: the new chain with the old key, and in the same round a good change of the other pair.
    std::fs::write(path.join("a.key"), &key_1).unwrap();
    write(path, "b", "c.example");
    let error = store.reload().unwrap_err();
    assert!(matches!(error, Error::Tls { kind: TlsErrorKind::KeyMismatch, .. }), "{error:?}");
    assert!(store.reload().is_err());
    assert_eq!(failures.try_iter().count(), 1, "a failure that lasts is told once");
    let (_, answer) = client.connects(&acceptor, "localhost").await;
    assert_eq!(answer.leaf, first.chain()[0]);
    let names: Vec<_> = store.expiries().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["c.example", "localhost"], "the good pair is served, its old name is gone");

    std::fs::write(path.join("a.key"), &key_2).unwrap();
    assert!(store.reload().unwrap());
    let (_, answer) = client.connects(&acceptor, "localhost").await;
    assert_eq!(answer.leaf, second.chain()[0]);

    std::fs::remove_file(path.join("a.crt")).unwrap();
    let error = store.reload().unwrap_err();
    assert!(matches!(&error, Error::Tls { kind: TlsErrorKind::Io, path: Some(path), .. }
        if path.ends_with("a.crt")));
    assert_eq!(failures.try_iter().count(), 1, "a new failure is told");
    let (_, answer) = client.connects(&acceptor, "localhost").await;
    assert_eq!(answer.leaf, second.chain()[0]);
}

#[test]
fn files_that_cannot_be_loaded_at_first_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = CertStore::watch([files(folder.path(), "a")], None).unwrap_err();
    assert!(matches!(error, Error::Tls { kind: TlsErrorKind::Io, path: Some(_), .. }), "{error:?}");
}

#[test]
fn the_thread_sees_changes_survives_a_hook_that_panics_and_ends_with_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "a", "localhost");
    let store = CertStore::watch([files(path, "a")], Duration::from_millis(2)).unwrap();
    let (sender, failures) = mpsc::channel();
    store.on_reload_error(|_| panic!("a hook that panics"));
    store.on_reload_error(move |error| drop(sender.send(error.to_string())));
    for content in ["broken", "broken otherwise, but it is the same failure"] {
        std::fs::write(path.join("a.crt"), content).unwrap();
    }
    let patience = Duration::from_secs(30);
    assert!(failures.recv_timeout(patience).unwrap().contains("a.crt"));
    std::fs::remove_file(path.join("a.key")).unwrap();
    std::fs::remove_file(path.join("a.crt")).unwrap();
    assert!(failures.recv_timeout(patience).unwrap().contains("cannot be read"));
    drop(store);
    // The hook's sender goes when the store does: nothing keeps it.
    assert!(matches!(failures.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Disconnected)));
}
