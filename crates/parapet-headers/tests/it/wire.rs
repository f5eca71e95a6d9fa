use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderValue;
use parapet_core::{Middleware, Request, RequestExt, Server, from_fn, handler_fn};
use parapet_headers as headers;
use parapet_testkit::{RawClient, RawOrigin};
use parapet_upstream::{H2cTransport, HttpTransport, Transport, Upstream};
use tokio::net::TcpListener;

/// A proxy to `origin` with `layer` in front, whose clients are told early hints.
async fn proxy(
    layer: impl Middleware,
    origin: SocketAddr,
    transport: impl Into<Transport>,
) -> SocketAddr {
    let upstream = Upstream::single_host(&origin.to_string(), transport).unwrap();
    serve(Server::new().early_hints_http1(true).with(layer).with(upstream)).await
}

async fn serve(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener));
    address
}

/// Reads a head and answers with these bytes.
async fn answering(bytes: &'static str) -> RawOrigin {
    RawOrigin::start(move |mut conn| async move {
        while !conn.read_head().await.is_empty() {
            conn.send(bytes).await;
        }
    })
    .await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_interim_response_passes_untouched_and_is_not_taken_for_the_answer() {
    let origin = answering(
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx: 1\r\n\r\n\
         HTTP/1.1 404 Not Found\r\nserver: a\r\ncontent-length: 2\r\n\r\nno",
    )
    .await;
    let (tell, told) = std::sync::mpsc::channel();
    let layer = headers::intercept_response(move |view| tell.send(view.status()).unwrap());
    let layer = layer.set([("x", "2")]).unwrap().delete(["server", "link"]).unwrap();
    let address = proxy(layer, origin.address(), HttpTransport::new()).await;
    let mut client = RawClient::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let hint = client.answer().await;
    assert_eq!((hint.status, hint.field("link"), hint.field("x")), (103, Some("</a>"), Some("1")));
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (404, "no"));
    assert_eq!((answer.fields("x"), answer.field("server")), (vec!["2"], None));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [404]);
}

#[tokio::test]
async fn a_constant_host_is_the_one_that_an_http1_origin_gets() {
    let origin = answering(OK).await;
    let inside = from_fn(|request: Request, next| async move {
        assert_eq!(request.authority().unwrap(), "app.internal");
        assert_eq!(request.headers()["host"], "app.internal");
        next.run(request).await
    });
    let layer = (headers::set_request([("Host", "app.internal")]).unwrap(), inside);
    let address = proxy(layer, origin.address(), HttpTransport::new()).await;
    let mut client = RawClient::connect(address).await;
    for target in ["/", "http://example.com/"] {
        client.send(format!("GET {target} HTTP/1.1\r\nhost: example.com\r\n\r\n")).await;
        assert_eq!(client.answer().await.text(), "ok");
    }
    let received = origin.received().to_lowercase();
    assert_eq!(received.matches("get / http/1.1\r\n").count(), 2, "{received}");
    assert_eq!(received.matches("\r\nhost:").count(), 2, "{received}");
    assert_eq!(received.matches("\r\nhost: app.internal\r\n").count(), 2, "{received}");
}

#[tokio::test]
async fn a_constant_host_is_the_authority_that_an_http2_origin_gets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut answer) = connection.accept().await.unwrap().unwrap();
        let mut body = answer.send_response(http::Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"ok"), true).unwrap();
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
        (request.uri().authority().cloned(), request.headers().contains_key("host"))
    });
    let layer = headers::set_request([("Host", "app.internal")]).unwrap();
    let address = proxy(layer, origin, H2cTransport::new()).await;
    let mut client = RawClient::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "ok");
    let (authority, host) = seen.await.unwrap();
    assert_eq!((authority.unwrap().as_str(), host), ("app.internal", false));
}

#[tokio::test]
async fn a_mapped_host_is_the_one_that_host_blocks_look_at() {
    let origin = answering(OK).await;
    let upstream =
        Upstream::single_host(&origin.address().to_string(), HttpTransport::new()).unwrap();
    let lower = headers::map_request("Host", str::to_lowercase).unwrap();
    let block = parapet_host::new(["example.com"]).unwrap().with(upstream);
    let server =
        Server::new().with(lower).with(block).handler(handler_fn(|_| async { "no block" }));
    let mut client = RawClient::connect(serve(server).await).await;
    client.send("GET / HTTP/1.1\r\nHost: EXAMPLE.com\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "ok");
    assert!(origin.received().contains(": example.com\r\n"), "{}", origin.received());
}

#[tokio::test]
async fn an_origin_gets_the_fields_that_the_operations_left() {
    let origin = answering(OK).await;
    let layer = headers::add_request([("x-add", "1"), ("x-add", "2")])
        .unwrap()
        .set([("x-set", "new"), ("x-map", "set")])
        .unwrap()
        .delete(["x-gone"])
        .unwrap()
        .map("x-map", |value| format!("9{value}"))
        .unwrap();
    let intercept = headers::intercept_request(|map| {
        map.insert("x-intercept", HeaderValue::from_static("1"));
        map.insert("transfer-encoding", HeaderValue::from_static("chunked"));
    });
    let address = proxy((layer, intercept), origin.address(), HttpTransport::new()).await;
    let mut client = RawClient::connect(address).await;
    // What a map made of a set value is not there when the next request comes.
    for number in 1..=2 {
        client
            .send("GET / HTTP/1.1\r\nhost: a\r\nx-add: 0\r\nx-set: old\r\nx-set: old\r\nx-gone: 1\r\nX-Gone: 2\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.text(), "ok");
        let received = origin.received().to_lowercase();
        let last = received.split_terminator("\r\n\r\n").last().unwrap();
        let mut ours: Vec<_> = last
            .lines()
            .filter(|line| {
                ["x-add", "x-set", "x-gone", "x-map", "x-intercept", "transfer-encoding"]
                    .iter()
                    .any(|name| line.starts_with(name))
            })
            .collect();
        ours.sort_unstable();
        let expected =
            ["x-add: 0", "x-add: 1", "x-add: 2", "x-intercept: 1", "x-map: 9set", "x-set: new"];
        assert_eq!(ours, expected, "{number}");
    }
}

#[tokio::test]
async fn a_head_without_content_carries_the_fields_and_content_is_left_as_it_is() {
    const TUNNEL: &str =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    for (method, fields, sent, status, length, content) in [
        ("GET", "", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, Some("5"), "hello"),
        (
            "GET",
            "",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            200,
            Some("5"),
            "hello",
        ),
        ("HEAD", "", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 200, Some("5"), ""),
        ("GET", "", "HTTP/1.1 204 No Content\r\n\r\n", 204, None, ""),
        ("GET", "", "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n", 304, None, ""),
        ("GET", "connection: upgrade\r\nupgrade: echo\r\n", TUNNEL, 101, None, ""),
    ] {
        let origin = answering(sent).await;
        let layer = headers::set_response([("x-frame-options", "DENY")]).unwrap();
        let layer = layer.add([("x-add", "1"), ("x-add", "2")]).unwrap();
        let address = proxy(layer, origin.address(), HttpTransport::new()).await;
        let mut client = RawClient::connect(address).await;
        client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await;
        let answer = client.answer_to(method == "HEAD").await;
        assert_eq!((answer.status, answer.text()), (status, content), "{sent}");
        assert_eq!(answer.field("content-length"), length, "{sent}");
        assert_eq!(answer.fields("x-frame-options"), ["DENY"], "{sent}");
        assert_eq!(answer.fields("x-add"), ["1", "2"], "{sent}");
    }
}
