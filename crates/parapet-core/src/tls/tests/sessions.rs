use std::sync::Arc;

use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption};
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::ServerName;

use super::peer::{Client, self_signed};
use crate::TlsConfig;

fn on_another_thread<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    })
    .join()
    .unwrap()
}

#[test]
fn a_session_resumes_on_another_worker_once_a_ticket_is_had() {
    let certificate = self_signed(&["localhost"]);
    for version in [&TLS12, &TLS13] {
        for (tickets, resumes) in [(true, true), (false, false)] {
            let config = TlsConfig::new(certificate.clone()).session_tickets(tickets);
            let acceptor = config.build().unwrap();
            let client = Client::version(&[&certificate], version).resuming();
            let mut resumed = Vec::new();
            for _worker in 0..2 {
                let (acceptor, client) = (acceptor.clone(), client.clone());
                let (served, _) =
                    on_another_thread(async move { client.connects(&acceptor, "localhost").await });
                resumed.push(served.info.is_resumed());
            }
            assert_eq!(resumed, [false, resumes], "{version:?}, tickets {tickets}");
        }
    }
}

#[tokio::test]
async fn a_session_of_one_host_does_not_resume_in_another() {
    let certificate = self_signed(&["a.example", "b.example"]);
    let config = || TlsConfig::new(certificate.clone());
    let acceptor = config().host("b.example", config()).build().unwrap();

    // The keys themselves: neither opens what the other sealed.
    let (root, host) = (acceptor.root_config(), acceptor.host_config("b.example"));
    assert!(!Arc::ptr_eq(&root, &host));
    let sealed = root.ticketer.encrypt(b"session").unwrap();
    assert_eq!(root.ticketer.decrypt(&sealed).as_deref(), Some(&b"session"[..]));
    assert_eq!(host.ticketer.decrypt(&sealed), None);
    assert_eq!(root.ticketer.lifetime(), 12 * 3_600);

    // And a client that offers its session everywhere.
    for version in [&TLS12, &TLS13] {
        let mut client = Client::version(&[&certificate], version);
        client.config.resumption = Resumption::store(Arc::new(Promiscuous::new()));
        let mut resumed = Vec::new();
        for name in ["a.example", "a.example", "b.example", "b.example"] {
            let (served, _) = client.connects(&acceptor, name).await;
            resumed.push(served.info.is_resumed());
        }
        assert_eq!(resumed, [false, true, false, true], "{version:?}");
    }
}

/// Keeps all sessions under one name.
#[derive(Debug)]
struct Promiscuous(ClientSessionMemoryCache);

impl Promiscuous {
    fn new() -> Self {
        Self(ClientSessionMemoryCache::new(8))
    }
}

fn one_name() -> ServerName<'static> {
    ServerName::try_from("one.example").unwrap()
}

impl ClientSessionStore for Promiscuous {
    fn set_kx_hint(&self, _: ServerName<'static>, group: rustls::NamedGroup) {
        self.0.set_kx_hint(one_name(), group);
    }
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<rustls::NamedGroup> {
        self.0.kx_hint(&one_name())
    }
    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(one_name(), value);
    }
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&one_name())
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&one_name());
    }
    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(one_name(), value);
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&one_name())
    }
}
