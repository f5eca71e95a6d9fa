use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::ext::Protocol;
use parapet_core::Server;
use parapet_upstream::HttpTransport;
use sha1::{Digest, Sha1};
use tokio::net::TcpStream;

use super::{Proxy, to};
use crate::backend::{Backend, within};

/// RFC 8441 in front, RFC 6455 behind.
#[tokio::test]
async fn a_websocket_of_http2_reaches_an_http1_origin() {
    for honest in [true, false] {
        let backend = Backend::start().await;
        let upstream = to(&backend, HttpTransport::new()).retries(0);
        let proxy = Proxy::start(Server::backend(), upstream).await;
        let stream = TcpStream::connect(proxy.address).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut send = within(send.ready()).await.unwrap();
        // An exchange, after which the server's settings have arrived.
        let plain = http::Request::get("http://a/").body(()).unwrap();
        let (answer, _) = send.send_request(plain, true).unwrap();
        let mut origin = backend.accept().await;
        origin.answer("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(within(answer).await.unwrap().status(), 204);
        let mut send = within(send.ready()).await.unwrap();
        assert!(send.is_extended_connect_protocol_enabled());
        let request = http::Request::builder()
            .method("CONNECT")
            .uri("http://a/chat")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"))
            .body(())
            .unwrap();
        let (answer, mut sender) = send.send_request(request, false).unwrap();
        let head = origin.head().await;
        assert!(head.starts_with("GET /chat HTTP/1.1\r\nhost: a\r\n"), "{head}");
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        let (_, rest) = head.split_once("sec-websocket-key: ").unwrap();
        let key = if honest { rest.lines().next().unwrap() } else { "another" };
        let digest = Sha1::new()
            .chain_update(key)
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize();
        let accept = STANDARD.encode(digest);
        let switch =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n";
        origin.send(format!("{switch}sec-websocket-accept: {accept}\r\n\r\n")).await;
        let answer = within(answer).await.unwrap();
        if !honest {
            assert_eq!(answer.status(), 502);
            assert_eq!(origin.closed().await, b"");
            driver.abort();
            continue;
        }
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("sec-websocket-accept"));
        sender.send_data(Bytes::from_static(b"ping"), false).unwrap();
        origin.until(b"ping").await;
        origin.send("pong").await;
        let mut body = answer.into_body();
        assert_eq!(within(body.data()).await.unwrap().unwrap(), "pong");
        drop(origin);
        let end = within(body.data()).await;
        assert!(
            end.is_none_or(|end| end.is_ok_and(|data| data.is_empty())),
            "the stream ends well"
        );
        driver.abort();
    }
}
