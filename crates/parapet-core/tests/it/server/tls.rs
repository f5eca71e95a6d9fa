//! TLS, Unix and plain listeners through the server.

use std::sync::{Arc, Mutex};

use parapet_core::{
    Body, BodyError, Bound, ConnMeta, Error, Listen, Request, RequestExt as _, Response, SelfSign,
    Server, TlsConfig, TrustProxy, generate_self_sign_certificate, handler_fn,
};
use parapet_testkit::{FrameClient, RawClient};
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::peer::{Peer, serve};

/// Who is at the other end is no question here; what is stapled to the certificate is kept.
#[derive(Debug)]
struct Anybody(CryptoProvider, Arc<Mutex<Vec<u8>>>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.1.lock().unwrap() = staple.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

pub(super) fn config(hosts: &[&str]) -> TlsConfig {
    let settings = SelfSign::new().hosts(hosts.iter().copied());
    TlsConfig::new(generate_self_sign_certificate(settings).unwrap())
}

async fn connect(
    address: std::net::SocketAddr,
    name: &'static str,
    alpn: &[&str],
) -> TlsStream<TcpStream> {
    handshake(TcpStream::connect(address).await.unwrap(), name, alpn).await
}

/// TLS over a connection of any kind.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &'static str,
    alpn: &[&str],
) -> TlsStream<S> {
    let name = ServerName::try_from(name).unwrap();
    connector(alpn).connect(name, stream).await.unwrap()
}

/// A client that believes any certificate. Its sessions resume.
pub(super) fn connector(alpn: &[&str]) -> TlsConnector {
    let mut config = client(rustls::DEFAULT_VERSIONS).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// The same, of which versions and client certificate are left open.
pub(super) fn client(
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    stapled_client(versions, &Arc::default())
}

/// The same; what the server staples goes to `staple`.
pub(super) fn stapled_client(
    versions: &[&'static SupportedProtocolVersion],
    staple: &Arc<Mutex<Vec<u8>>>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = aws_lc_rs::default_provider();
    ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider, Arc::clone(staple))))
}

fn facts() -> parapet_core::Handler {
    handler_fn(|request: Request| async move {
        let field = |name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        let conn = request.conn();
        format!(
            "{:?} {} {} {} {}",
            request.version(),
            conn.listener(),
            conn.is_secure(),
            field("x-forwarded-proto"),
            conn.tls().and_then(|tls| tls.server_name()).unwrap_or("-"),
        )
    })
}

fn bound(server: Server) -> (Vec<std::net::SocketAddr>, JoinHandle<Result<(), Error>>) {
    let bound: Bound = server.bind().unwrap();
    (bound.local_addrs(), tokio::spawn(bound.serve()))
}

#[tokio::test]
async fn tls_plain_and_unix_listeners_answer_in_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::frontend()
        .tls(config(&["a.example"]))
        .listen(Listen::tcp(address).name("tls"))
        .listen(Listen::tcp(address).name("plain").plain().trust_proxy(TrustProxy::private()))
        .listen(Listen::unix(&path).name("unix").plain())
        .handler(facts());
    let handle = server.handle();
    let (addresses, ended) = bound(server);
    let get = "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: https\r\n\r\n";

    let mut peer = RawClient::over(connect(addresses[0], "a.example", &["http/1.1"]).await);
    peer.send(get).await;
    assert_eq!(peer.answer().await.text(), "HTTP/1.1 tls true https a.example");
    let stream = connect(addresses[0], "a.example", &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, _) = FrameClient::handshake(RawClient::over(stream), &[]).await;
    client.get(1, "/").await;
    assert_eq!(client.response().await, (200, b"HTTP/2.0 tls true https a.example".to_vec()));
    // This listener believes its peer.
    let mut peer = Peer::connect(addresses[1]).await;
    peer.send(get).await;
    assert_eq!(peer.answer().await.text(), "HTTP/1.1 plain false https -");
    // This one does not.
    let mut peer = RawClient::over(UnixStream::connect(&path).await.unwrap());
    peer.send(get).await;
    assert_eq!(peer.answer().await.text(), "HTTP/1.1 unix false http -");
    drop(handle.shutdown());
    handle.shutdown_now();
    let _ = ended.await.unwrap();
    assert!(!path.exists(), "the socket file is removed");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_so() {
    let server = Server::frontend().tls(config(&["a"])).handler(facts());
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = String::from_utf8(peer.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
        "{answer}"
    );
    // What is neither is closed without a word.
    let mut peer = Peer::connect(server.address).await;
    peer.send("\u{1}\u{2}nonsense that is long enough to be judged").await;
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn a_long_plain_request_on_the_tls_port_is_read_so_that_its_answer_arrives() {
    let connections = Server::frontend().tls(config(&["a"])).into_connections().unwrap();
    let (client, io) = tokio::io::duplex(1024);
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    let (mut read, mut write) = tokio::io::split(client);
    let long = "a".repeat(100 * 1024);
    let mut answer = String::new();
    // Closed with bytes unread, a socket sends a reset, which may overtake the answer.
    let (sent, read) = tokio::join!(
        async {
            write.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nX: ").await?;
            write.write_all(long.as_bytes()).await?;
            write.shutdown().await
        },
        read.read_to_string(&mut answer)
    );
    assert!(sent.is_ok() && read.is_ok(), "{sent:?} {read:?}");
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{answer}");
}

#[tokio::test]
async fn a_request_for_another_host_than_the_session_is_misdirected() {
    let server = Server::frontend().tls(config(&["a.example"]).strict_sni(true)).handler(facts());
    let server = serve(server).await;
    let mut peer = RawClient::over(connect(server.address, "a.example", &["http/1.1"]).await);
    peer.send("GET / HTTP/1.1\r\nHost: A.example:443\r\n\r\n").await;
    assert_eq!(peer.answer().await.status, 200);
    peer.send("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n").await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.text()), (421, "Misdirected Request\n"));
    assert!(peer.ends_well().await);
    let stream = connect(server.address, "a.example", &["h2"]).await;
    let (mut client, _) = FrameClient::handshake(RawClient::over(stream), &[]).await;
    client.get(1, "/").await;
    assert_eq!(client.response().await, (421, b"Misdirected Request\n".to_vec()));
}

#[tokio::test]
async fn a_tls_stream_ends_with_close_notify_unless_its_message_was_cut() {
    let handler = handler_fn(|request: Request| async move {
        let chunks = match request.uri().path() {
            "/whole" => vec![Ok("ab")],
            _ => vec![Ok("ab"), Err(BodyError::Timeout)],
        };
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    });
    let server = serve(Server::frontend().tls(config(&["a"])).handler(handler)).await;
    for (path, well) in [("/whole", true), ("/cut", false)] {
        let mut peer = RawClient::over(connect(server.address, "a", &[]).await);
        peer.send(format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert_eq!(peer.ends_well().await, well, "{path}");
    }
}

#[tokio::test]
async fn a_cut_answer_to_http10_is_a_reset() {
    let handler = handler_fn(|_| async {
        let chunks = [Ok("ab"), Err(BodyError::Timeout)];
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(!peer.ends_well().await);
}
