use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use parapet_core::{Next, Request, Server, from_fn};
use parapet_upstream::{DynamicTransport, H2cTransport, HttpTransport, Transport, UpstreamScheme};
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

/// A client whose server has said that it takes an extended CONNECT.
async fn connected(proxy: &Proxy) -> (SendRequest<Bytes>, tokio::task::JoinHandle<()>) {
    let (send, mut connection) = h2::client::handshake(proxy.connect().await.stream).await.unwrap();
    let mut ping = connection.ping_pong().unwrap();
    let driver = tokio::spawn(async move { drop(connection.await) });
    // The answer to a ping comes behind the settings.
    within(ping.ping(h2::Ping::opaque())).await.unwrap();
    let send = within(send.ready()).await.unwrap();
    assert!(send.is_extended_connect_protocol_enabled());
    (send, driver)
}

fn connect(send: &mut SendRequest<Bytes>) -> (ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::builder()
        .method("CONNECT")
        .uri("http://a/chat?x")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(())
        .unwrap();
    send.send_request(request, false).unwrap()
}

fn over_http2() -> [Transport; 2] {
    [H2cTransport::new().into(), DynamicTransport::new().into()]
}

/// RFC 8441 on both sides.
#[tokio::test]
async fn a_websocket_of_http2_passes_as_such_to_an_http2_origin() {
    for transport in over_http2() {
        let backend = Backend::start().await;
        let scheme = from_fn(|mut request: Request, next: Next| async move {
            request.extensions_mut().insert(UpstreamScheme::H2c);
            next.run(request).await
        });
        let server = Server::backend().with(scheme);
        let proxy = Proxy::start(server, to(&backend, transport).retries(0)).await;
        let (mut send, driver) = connected(&proxy).await;
        let (answer, mut sender) = connect(&mut send);
        let origin = async {
            let mut origin = h2::server::Builder::new()
                .enable_connect_protocol()
                .handshake::<_, Bytes>(backend.accept().await.stream)
                .await
                .unwrap();
            let (request, mut respond) = within(origin.accept()).await.unwrap().unwrap();
            assert_eq!(request.method(), "CONNECT");
            assert_eq!(request.uri(), "http://a/chat?x");
            assert_eq!(request.extensions().get(), Some(&Protocol::from_static("websocket")));
            assert_eq!(request.headers()["sec-websocket-version"], "13");
            assert!(!request.headers().contains_key("sec-websocket-key"));
            let mut echo = respond.send_response(http::Response::new(()), false).unwrap();
            let mut body = request.into_body();
            let echo = async move {
                while let Some(data) = within(body.data()).await {
                    echo.send_data(data.unwrap(), false).unwrap();
                }
                echo.send_data(Bytes::new(), true).unwrap();
            };
            let serve = async { while within(origin.accept()).await.is_some() {} };
            tokio::join!(echo, serve);
        };
        let client = async {
            let answer = within(answer).await.unwrap();
            assert_eq!(answer.status(), 200);
            let mut body = answer.into_body();
            sender.send_data(Bytes::from_static(b"ping"), false).unwrap();
            assert_eq!(within(body.data()).await.unwrap().unwrap(), "ping");
            // The end of one direction goes through, and comes back.
            sender.send_data(Bytes::new(), true).unwrap();
            let end = within(body.data()).await;
            assert!(end.is_none_or(|end| end.is_ok_and(|data| data.is_empty())));
        };
        tokio::select! {
            () = client => {}
            () = origin => panic!("the origin left first"),
        }
        driver.abort();
    }
}

#[tokio::test]
async fn an_http2_origin_that_takes_no_extended_connect_is_asked_for_none() {
    let backend = Backend::start().await;
    let upstream = to(&backend, H2cTransport::new()).retries(0);
    let proxy = Proxy::start(Server::backend(), upstream).await;
    let (mut send, driver) = connected(&proxy).await;
    let (answer, _sender) = connect(&mut send);
    let origin = async {
        let stream = backend.accept().await.stream;
        let mut origin = within(h2::server::handshake(stream)).await.unwrap();
        let (request, mut respond) = within(origin.accept()).await.unwrap().unwrap();
        assert_eq!(request.method(), "GET", "the next request, on the same connection");
        respond.send_response(http::Response::new(()), true).unwrap();
        while within(origin.accept()).await.is_some() {}
    };
    let client = async {
        assert_eq!(within(answer).await.unwrap().status(), 502);
        let plain = http::Request::get("http://a/").body(()).unwrap();
        let (answer, _) = send.send_request(plain, true).unwrap();
        assert_eq!(within(answer).await.unwrap().status(), 200);
    };
    tokio::select! {
        () = client => {}
        () = origin => panic!("the origin left first"),
    }
    driver.abort();
}
