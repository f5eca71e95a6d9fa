//! Versions, key exchange, sessions and client certificates through the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use parapet_core::{
    ClientAuth, Request, RequestExt as _, SelfSign, Server, TlsConfig,
    generate_self_sign_certificate, handler_fn, worker,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::peer::{Peer, serve};
use super::tls::{client, config, handshake, stapled_client};
use super::workers::Workers;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Answers with the version, whether the session resumed, and the length of the client's chain.
fn facts(server: Server) -> Server {
    server.handler(handler_fn(|request: Request| async move {
        let tls = request.conn().tls().unwrap();
        format!("{:?} {} {}", tls.version(), tls.is_resumed(), tls.client_certs().len())
    }))
}

async fn ask(
    address: SocketAddr,
    connector: &TlsConnector,
    name: &'static str,
    host: &str,
) -> Option<(u16, String)> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name).unwrap();
    let mut peer = Peer::over(connector.connect(name, stream).await.ok()?);
    peer.try_send(GET.replace("Host: a", &format!("Host: {host}"))).await;
    // With TLS 1.3 a client hears of a refusal after its own end of the handshake.
    let rest = peer.rest().await;
    let text = String::from_utf8(rest).ok().filter(|text| !text.is_empty())?;
    let status = text.get(9..12)?.parse().ok()?;
    Some((status, text.rsplit_once("\r\n\r\n")?.1.to_owned()))
}

#[tokio::test]
async fn the_post_quantum_key_exchange_and_sessions_go_through_and_old_versions_do_not() {
    let server = serve(facts(Server::frontend().tls(config(&["a"])))).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let stream = handshake(stream, "a", &["http/1.1"]).await;
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    drop(stream);
    let mut versions = Vec::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let connector = TlsConnector::from(Arc::new(client(&[version]).with_no_client_auth()));
        for resumed in [false, true] {
            let (status, text) = ask(server.address, &connector, "a", "a").await.unwrap();
            assert_eq!(status, 200);
            assert!(text.ends_with(&format!(" {resumed} 0")), "{version:?}: {text}");
            versions.push(text.split(' ').next().unwrap().to_owned());
        }
    }
    versions.dedup();
    assert_eq!(versions.len(), 2, "{versions:?}");
    // A hello of TLS 1.1: a fatal alert, protocol_version.
    let mut hello = vec![0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let mut peer = Peer::connect(server.address).await;
    peer.send(hello).await;
    assert_eq!(peer.rest().await, [0x15, 3, 3, 0, 2, 2, 70]);
}

/// An authority, and what a client of it shows.
struct Ca {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    fn connector(&self) -> TlsConnector {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["someone".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = client(rustls::ALL_VERSIONS).with_client_auth_cert(vec![leaf], der).unwrap();
        TlsConnector::from(Arc::new(config))
    }
}

#[tokio::test]
async fn client_certificates_are_required_checked_and_told() {
    let (good, bad) = (Ca::new(), Ca::new());
    let nobody = TlsConnector::from(Arc::new(client(rustls::ALL_VERSIONS).with_no_client_auth()));
    let roots = || vec![good.root.clone()];
    for (auth, none, wrong) in [
        (ClientAuth::Require(roots()), false, false),
        (ClientAuth::Request(roots()), true, false),
        (ClientAuth::None, true, true),
    ] {
        let asked = !matches!(auth, ClientAuth::None);
        let name = format!("{auth:?}");
        let server = serve(facts(Server::frontend().tls(config(&["a"]).client_auth(auth)))).await;
        let served = ask(server.address, &good.connector(), "a", "a").await.unwrap();
        let chain = usize::from(asked);
        assert!(served.0 == 200 && served.1.ends_with(&format!(" {chain}")), "{name}: {served:?}");
        assert_eq!(ask(server.address, &nobody, "a", "a").await.is_some(), none, "{name}: none");
        assert_eq!(
            ask(server.address, &bad.connector(), "a", "a").await.is_some(),
            wrong,
            "{name}: wrong"
        );
    }
}

#[tokio::test]
async fn the_certificate_of_another_name_is_not_passed_by() {
    let good = Ca::new();
    let own = |host: &str| {
        let settings = SelfSign::new().hosts([host]);
        TlsConfig::new(generate_self_sign_certificate(settings).unwrap())
    };
    let guarded = own("b").client_auth(ClientAuth::Require(vec![good.root.clone()]));
    let server = serve(facts(Server::frontend().tls(own("a").host("b", guarded)))).await;
    let nobody = TlsConnector::from(Arc::new(client(rustls::ALL_VERSIONS).with_no_client_auth()));
    assert_eq!(ask(server.address, &nobody, "a", "a").await.unwrap().0, 200);
    assert_eq!(ask(server.address, &nobody, "a", "b").await.unwrap().0, 421);
}

#[tokio::test]
async fn a_session_resumes_on_another_worker() {
    let handler = handler_fn(|request: Request| async move {
        format!("{:?} {}", worker::index(), request.conn().tls().unwrap().is_resumed())
    });
    let server = Workers::start(Server::frontend().tls(config(&["a"])).handler(handler), 2);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let connector = TlsConnector::from(Arc::new(client(&[version]).with_no_client_auth()));
        // The workers take connections in turn.
        for expected in ["Some(0) false", "Some(1) true"] {
            let (_, text) = ask(server.address, &connector, "a", "a").await.unwrap();
            assert_eq!(text, expected, "{version:?}");
        }
    }
}

/// Offers the session of any server name to every other.
#[derive(Debug)]
struct Promiscuous(ClientSessionMemoryCache);

fn one_name() -> ServerName<'static> {
    ServerName::try_from("one").unwrap()
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

#[tokio::test]
async fn a_session_of_one_name_opens_no_other() {
    let good = Ca::new();
    let settings = SelfSign::new().hosts(["a", "b", "c"]);
    let certificate = generate_self_sign_certificate(settings).unwrap();
    let own = || TlsConfig::new(certificate.clone());
    let guarded = own().client_auth(ClientAuth::Require(vec![good.root.clone()]));
    let server = Server::frontend().tls(own().host("b", own()).host("c", guarded));
    let server = serve(facts(server)).await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut config = client(&[version]).with_no_client_auth();
        let sessions = Promiscuous(ClientSessionMemoryCache::new(8));
        config.resumption = Resumption::store(Arc::new(sessions));
        let connector = TlsConnector::from(Arc::new(config));
        for (name, resumed) in [
            ("a", Some(false)),
            ("a", Some(true)),
            ("b", Some(false)),
            ("b", Some(true)),
            ("c", None),
        ] {
            let answer = ask(server.address, &connector, name, name).await;
            let found = answer.map(|(_, text)| text.ends_with(" true 0"));
            assert_eq!(found, resumed, "{version:?} {name}");
        }
    }
}

#[tokio::test]
async fn stapled_bytes_and_the_certificate_as_its_own_root_go_through() {
    let settings = SelfSign::new().hosts(["localhost", "127.0.0.1"]);
    let certificate = generate_self_sign_certificate(settings).unwrap().ocsp(*b"a response");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.chain()[0].clone()).unwrap();
    let tls = TlsConfig::new(certificate);
    let server = serve(facts(Server::frontend().tls(tls))).await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let staple = Arc::new(Mutex::new(Vec::new()));
        let client = stapled_client(&[version], &staple).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(client));
        assert!(ask(server.address, &connector, "localhost", "a").await.is_some());
        assert_eq!(*staple.lock().unwrap(), b"a response", "{version:?}");
    }
    // As a client does that knows this root and no other.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    for (name, passes) in [("localhost", true), ("127.0.0.1", true), ("example.org", false)] {
        assert_eq!(ask(server.address, &connector, name, "a").await.is_some(), passes, "{name}");
    }
}
