use std::io;
use std::sync::Arc;

use parapet_core::{Body, BodyError};
use parapet_upstream::{ConnectErrorKind, Error, HttpVersion, HttpsTransport, TlsReload};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::backend::{Backend, Client, Conn, ok, text, within};

/// An authority of its own, and what it signed.
pub(crate) struct Authority {
    cert: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        Self { cert, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.cert.der().clone()
    }

    pub(crate) fn sign(&self, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (vec![cert.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

pub(crate) fn acceptor(
    (chain, key): Identity,
    alpn: &[&str],
    clients: Option<&Authority>,
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.root()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn accept(
    backend: &Backend,
    acceptor: &TlsAcceptor,
) -> io::Result<Conn<TlsStream<TcpStream>>> {
    let stream = acceptor.accept(backend.accept().await.stream).await?;
    Ok(Conn { stream, read: Vec::new() })
}

fn client(backend: &Backend, transport: HttpsTransport) -> Client {
    Client::new(&backend.host(), transport)
}

#[tokio::test]
async fn certificates_are_verified_unless_that_is_switched_off_by_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let trusted = || HttpsTransport::new().roots([authority.root()]).unwrap();
    let danger = || HttpsTransport::new().danger_accept_invalid_certs(true);
    let rows = [
        ("good", authority.sign("127.0.0.1", 2100), trusted(), true),
        ("untrusted", stranger.sign("127.0.0.1", 2100), trusted(), false),
        ("platform roots", authority.sign("127.0.0.1", 2100), HttpsTransport::new(), false),
        ("expired", authority.sign("127.0.0.1", 2001), trusted(), false),
        ("wrong name", authority.sign("other.example", 2100), trusted(), false),
        (
            "named",
            authority.sign("other.example", 2100),
            trusted().server_name("other.example").unwrap(),
            true,
        ),
        ("untrusted, danger", stranger.sign("127.0.0.1", 2100), danger(), true),
        ("expired, danger", authority.sign("127.0.0.1", 2001), danger(), true),
        ("wrong name, danger", authority.sign("other.example", 2100), danger(), true),
    ];
    for (name, identity, transport, works) in rows {
        let backend = Backend::start().await;
        let acceptor = acceptor(identity, &["h2", "http/1.1"], None);
        let client = client(&backend, transport);
        let origin = async {
            let mut conn = accept(&backend, &acceptor).await?;
            conn.answer(ok("one")).await;
            conn.answer(ok("two")).await;
            io::Result::Ok(conn)
        };
        let requests = async {
            let first = client.get().await?;
            let second = client.text().await;
            Ok((text(first).await.unwrap(), second))
        };
        let (served, result) = tokio::join!(origin, requests);
        match result {
            Ok(bodies) => {
                assert!(works, "{name}");
                assert_eq!(bodies, ("one".into(), "two".into()), "{name}: kept and used again");
                assert_eq!(
                    served.unwrap().stream.get_ref().1.alpn_protocol(),
                    Some(&b"http/1.1"[..])
                );
            }
            Err(Error::Connect { kind: ConnectErrorKind::Tls, .. }) => assert!(!works, "{name}"),
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn over_tls_only_a_close_notify_ends_a_body_that_lasts_until_close() {
    let authority = Authority::new();
    for notified in [true, false] {
        let backend = Backend::start().await;
        let acceptor = acceptor(authority.sign("127.0.0.1", 2100), &[], None);
        let client = client(&backend, HttpsTransport::new().roots([authority.root()]).unwrap());
        let origin = async {
            let mut conn = accept(&backend, &acceptor).await.unwrap();
            conn.answer("HTTP/1.1 200 OK\r\n\r\nall of it").await;
            if notified {
                conn.stream.shutdown().await.unwrap();
            } else {
                conn.stream.get_mut().0.shutdown().await.unwrap();
            }
            conn
        };
        let request = async { text(client.get().await.unwrap()).await };
        let (_conn, body) = tokio::join!(origin, request);
        match body {
            Ok(body) => assert!(notified && body == "all of it"),
            Err(BodyError::Io(_)) => assert!(!notified),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_its_refusal_is_a_failed_connection() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("client", 2100);
    let base = HttpsTransport::new().roots([authority.root()]).unwrap();
    let rows = [(base.clone().client_auth(chain, key).unwrap(), true), (base, false)];
    for (transport, shown) in rows {
        let backend = Backend::start().await;
        let acceptor = acceptor(authority.sign("127.0.0.1", 2100), &[], Some(&authority));
        let client = client(&backend, transport);
        let origin = async {
            if let Ok(mut conn) = accept(&backend, &acceptor).await {
                conn.answer(ok("welcome")).await;
            }
        };
        let ((), result) = tokio::join!(origin, client.get());
        match result {
            Ok(response) => assert!(shown && response.status() == 200),
            Err(Error::Connect { kind: ConnectErrorKind::Tls, .. }) => assert!(!shown),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn http2_is_spoken_where_the_target_has_it() {
    let authority = Authority::new();
    let rows = [
        (HttpVersion::Auto, &["h2", "http/1.1"][..], true),
        (HttpVersion::Auto, &["http/1.1"][..], false),
        (HttpVersion::Http2, &["h2"][..], true),
    ];
    for (version, offered, h2) in rows {
        let backend = Backend::start().await;
        let acceptor = acceptor(authority.sign("127.0.0.1", 2100), offered, None);
        let transport =
            HttpsTransport::new().roots([authority.root()]).unwrap().http_version(version);
        let client = client(&backend, transport);
        let origin = async {
            let mut conn = accept(&backend, &acceptor).await.unwrap();
            if h2 {
                let mut conn = h2::server::handshake(conn.stream).await.unwrap();
                let (request, mut answer) = conn.accept().await.unwrap().unwrap();
                assert_eq!(request.uri().scheme_str(), Some("https"));
                answer.send_response(http::Response::new(()), true).unwrap();
                assert!(conn.accept().await.is_none());
                return;
            }
            assert_eq!(conn.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            // The connection that told serves as well.
            conn.answer(ok("")).await;
        };
        let request = async {
            let response =
                within(client.send(http::Request::get("/"), Body::empty())).await.unwrap();
            assert_eq!(response.status(), 200);
            drop(client);
        };
        tokio::join!(origin, request);
    }
}

#[test]
fn tls_material_that_cannot_be_used_is_refused_where_it_is_given() {
    let authority = Authority::new();
    let (chain, _) = authority.sign("a", 2100);
    let (_, key) = authority.sign("b", 2100);
    let none = HttpsTransport::new().roots([]).unwrap_err();
    let mismatch = HttpsTransport::new().client_auth(chain, key).unwrap_err();
    let name = HttpsTransport::new().server_name("no name").unwrap_err();
    for (error, setting) in [(none, "roots"), (mismatch, "client_auth"), (name, "server_name")] {
        assert_eq!(error.to_string(), format!("the TLS setting {setting} cannot be used"));
    }
}

#[tokio::test]
async fn renewed_material_holds_for_handshakes_that_begin_afterwards() {
    let (old, new) = (Authority::new(), Authority::new());
    let backend = Backend::start().await;
    let handle = TlsReload::new();
    let (chain, key) = old.sign("client", 2100);
    let transport = HttpsTransport::new()
        .roots([old.root()])
        .unwrap()
        .client_auth(chain, key)
        .unwrap()
        .tls_reload(&handle);
    let client = client(&backend, transport);
    // The origin asks for a certificate of the same authority as its own.
    let acceptors = [&old, &new]
        .map(|authority| acceptor(authority.sign("127.0.0.1", 2100), &[], Some(authority)));
    let origin = async {
        let mut conn = accept(&backend, &acceptors[0]).await.unwrap();
        conn.answer(ok("one")).await;
        conn
    };
    let (mut conn, one) = tokio::join!(origin, client.text());
    assert_eq!(one, "one");

    let (chain, key) = new.sign("client", 2100);
    let (_, other) = new.sign("client", 2100);
    assert!(handle.set_client_auth(chain.clone(), other).is_err());
    handle.set_client_auth(chain, key).unwrap();
    assert!(handle.set_roots([]).is_err());
    handle.set_roots([new.root()]).unwrap();
    // What is open stays.
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntwo";
    let (_, two) = tokio::join!(conn.answer(answer), client.text());
    assert_eq!(two, "two");

    let origin = async {
        let mut conn = accept(&backend, &acceptors[1]).await.unwrap();
        conn.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nnew").await;
    };
    let ((), renewed) = tokio::join!(origin, client.text());
    assert_eq!(renewed, "new");

    // What the old authority signed is believed no more.
    let origin = async { accept(&backend, &acceptors[0]).await.is_err() };
    let (_, refused) = tokio::join!(origin, client.get());
    assert!(
        matches!(refused, Err(Error::Connect { kind: ConnectErrorKind::Tls, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_post_never_meets_a_connection_whose_end_was_announced() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let acceptor = acceptor(authority.sign("127.0.0.1", 2100), &["http/1.1"], None);
    let client = client(&backend, HttpsTransport::new().roots([authority.root()]).unwrap());
    let exchange = async || {
        let origin = async {
            let mut conn = accept(&backend, &acceptor).await.unwrap();
            conn.until(b"x").await;
            conn.send(ok("")).await;
            conn
        };
        let post = client.send(http::Request::post("/"), Body::full("x"));
        let (response, conn) = tokio::join!(post, origin);
        assert_eq!(response.unwrap().status(), 200);
        conn
    };
    for _ in 0..20 {
        let mut conn = exchange().await;
        // Before the I/O driver has a turn.
        conn.stream.shutdown().await.unwrap();
    }
}
