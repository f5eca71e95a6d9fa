use parapet_core::Server;
use parapet_upstream::{ConnectPolicy, HttpTransport, Transport, UnixTransport, Upstream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::{Proxy, to};
use crate::backend::{Backend, Conn, ok};

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\
                      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Bytes both ways from the first ones, and the end of one direction before that of the other.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut client: Conn, mut origin: Conn<S>) {
    let head = origin.head().await;
    assert!(head.contains("connection: Upgrade\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    origin.send(format!("{SWITCH}first")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(client.until(b"first").await, "first");
    client.send("ping").await;
    origin.until(b"ping").await;
    client.stream.shutdown().await.unwrap();
    let mut end = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut origin.stream, &mut end).await.unwrap();
    assert_eq!(end, b"");
    origin.send("last").await;
    origin.stream.shutdown().await.unwrap();
    assert_eq!(client.closed().await, b"last");
}

#[tokio::test]
async fn a_websocket_goes_through_each_transport() {
    let tcp: Vec<Transport> = vec![
        HttpTransport::new().into(),
        #[cfg(feature = "http2")]
        parapet_upstream::H2cTransport::new().into(),
    ];
    for transport in tcp {
        let backend = Backend::start().await;
        let proxy = Proxy::start(Server::new(), to(&backend, transport)).await;
        let mut client = proxy.connect().await;
        client.send(ASK).await;
        talk(client, backend.accept().await).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("origin.sock").to_str().unwrap().to_owned();
    let listener = UnixListener::bind(&path).unwrap();
    let upstream = Upstream::single_host(&path, UnixTransport::new()).unwrap();
    let proxy = Proxy::start(Server::new(), upstream).await;
    let mut client = proxy.connect().await;
    client.send(ASK).await;
    let (stream, _) = listener.accept().await.unwrap();
    talk(client, Conn { stream, read: Vec::new() }).await;
}

/// What an origin says to an upgrade, and what the client gets.
#[tokio::test]
async fn an_answer_that_is_no_agreement_makes_no_tunnel() {
    for (answer, status) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n",
            "502",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "502"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "200"),
        ("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n", "426"),
    ] {
        let backend = Backend::start().await;
        let upstream = to(&backend, HttpTransport::new()).retries(0);
        let proxy = Proxy::start(Server::new(), upstream).await;
        let mut client = proxy.connect().await;
        client.send(ASK).await;
        backend.accept().await.answer(answer).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}: {head}");
    }
}

#[tokio::test]
async fn an_upgrade_that_is_no_token_reaches_nobody() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: \x80\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn connect_is_refused_without_a_dial_and_a_tunnel_where_it_is_allowed() {
    let ask = "CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n\r\n";
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send(ask).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD"), "{head}");
    assert!(!backend.has_another().await);

    let upstream = to(&backend, HttpTransport::new()).connect(ConnectPolicy::Forward);
    let proxy = Proxy::start(Server::new(), upstream).await;
    let mut client = proxy.connect().await;
    client.send(ask).await;
    let mut origin = backend.accept().await;
    let head = origin.answer("HTTP/1.1 200 OK\r\n\r\nfirst").await;
    assert!(
        head.starts_with("CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n"),
        "{head}"
    );
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    client.until(b"first").await;
    client.send("ping").await;
    origin.until(b"ping").await;
    drop(origin);
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn trace_that_may_go_no_further_ends_here() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send("TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 405 "));
    assert!(!backend.has_another().await);
    client.send("OPTIONS / HTTP/1.1\r\nhost: a\r\nmax-forwards: 1\r\n\r\n").await;
    let head = backend.accept().await.answer(ok("")).await;
    assert!(head.contains("max-forwards: 0\r\n"), "{head}");
}
