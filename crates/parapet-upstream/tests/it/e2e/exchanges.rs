use std::time::Duration;

use parapet_core::{Body, BodyError, Next, Request, Server, from_fn};
use parapet_upstream::HttpTransport;
use tokio::io::AsyncWriteExt as _;

use super::{CHUNKED_POST, GET, Proxy, to};
use crate::backend::{Backend, ok};

#[tokio::test]
async fn the_client_is_forwarded_once_and_what_it_claims_is_not() {
    let backend = Backend::start().await;
    let proxy = Proxy::start(Server::frontend(), to(&backend, HttpTransport::new())).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 192.0.2.1\r\n\r\n").await;
    let head = backend.accept().await.answer(ok("")).await;
    let lines: Vec<_> = head.lines().filter(|line| line.starts_with("x-forwarded-for")).collect();
    assert_eq!(lines, ["x-forwarded-for: 127.0.0.1"]);
    client.until(b"\r\n\r\n").await;
}

#[tokio::test]
async fn a_malformed_upload_is_a_400_and_never_ends_cleanly_upstream() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send(CHUNKED_POST).await;
    client.send("5\r\nhello\r\n").await;
    let mut origin = backend.accept().await;
    origin.until(b"hello\r\n").await;
    client.send("zz\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    assert!(!origin.closed().await.ends_with(b"0\r\n\r\n"));
    assert_eq!(client.closed().await, b"Bad Request\n");
}

#[tokio::test]
async fn an_upload_that_stalls_is_a_408() {
    let backend = Backend::start().await;
    let server = Server::new().read_timeout(Duration::from_millis(100));
    let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
    let mut client = proxy.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await;
    let mut origin = backend.accept().await;
    origin.until(b"half").await;
    assert!(client.head().await.starts_with("HTTP/1.1 408 "));
    assert_eq!(origin.closed().await, b"");
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_large_upload_arrives_whole() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let client = proxy.connect().await;
    let (reading, mut writing) = client.stream.into_split();
    let upload = async move {
        let length = 100_usize << 20;
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        let piece = vec![b'x'; 1 << 16];
        if writing.write_all(head.as_bytes()).await.is_ok() {
            for _ in 0..length >> 16 {
                if writing.write_all(&piece).await.is_err() {
                    break; // the proxy reads no further
                }
            }
        }
        writing
    };
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(
            "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 9\r\n\r\ntoo large",
        )
        .await;
    };
    let answer = async {
        let mut client = crate::backend::Conn {
            stream: tokio::io::join(reading, tokio::io::sink()),
            read: Vec::new(),
        };
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        assert_eq!(client.until(b"too large").await, "too large");
    };
    let upload = tokio::spawn(upload);
    tokio::join!(origin, answer);
    upload.abort();
}

/// What an origin sends, and how the message reaches the client.
#[tokio::test]
async fn a_message_that_breaks_off_never_ends_cleanly() {
    for (answer, start) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "short"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n", "5\r\nshort\r\n"),
    ] {
        let backend = Backend::start().await;
        let proxy = Proxy::http(&backend).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        // Head, content and end are there at once.
        backend.accept().await.answer(answer).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        let rest = String::from_utf8(client.closed().await).unwrap();
        assert_eq!(rest, start);
    }
}

#[tokio::test]
async fn a_deadline_cuts_a_body_that_stalls_and_the_client_connection_with_it() {
    let backend = Backend::start().await;
    let deadline = from_fn(|mut request: Request, next: Next| async move {
        let at = tokio::time::Instant::now() + Duration::from_millis(200);
        request.extensions_mut().insert(parapet_core::Deadline(at));
        next.run(request).await
    });
    let server = Server::new().with(deadline);
    let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut origin = backend.accept().await;
    origin.answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(client.closed().await, b"half");
    assert_eq!(origin.closed().await, b"");
}

#[tokio::test]
async fn a_drain_keeps_the_pool_in_the_wait_and_empties_it_in_grace() {
    let backend = Backend::start().await;
    let server = Server::new().wait_before_shutdown(Duration::from_millis(300));
    let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut origin = backend.accept().await;
    origin.answer(ok("one")).await;
    client.until(b"one").await;
    drop(proxy.handle.shutdown());
    client.send(GET).await;
    origin.answer(ok("two")).await; // on the same connection
    client.until(b"two").await;
    let held = proxy.handle.task_guard(); // grace goes on
    proxy.handle.grace_started().await;
    let closed = tokio::time::timeout(Duration::from_millis(1500), origin.closed()).await;
    assert_eq!(closed.unwrap(), b"");
    drop((held, client));
    proxy.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upload_over_a_limit_in_front_is_a_413() {
    let backend = Backend::start().await;
    let limit = from_fn(|mut request: Request, next: Next| async move {
        let (sender, body) = Body::channel(1);
        *request.body_mut() = body;
        let feed = async {
            sender.data("begun").await.unwrap();
            let _ = sender.fail(BodyError::LengthLimitExceeded).await;
        };
        tokio::join!(feed, next.run(request)).1
    });
    let server = Server::new().with(limit);
    let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
    let mut client = proxy.connect().await;
    client.send(CHUNKED_POST).await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(client.until(b"\n").await, "Request Entity Too Large\n");
    assert!(!backend.accept().await.closed().await.ends_with(b"0\r\n\r\n"));
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn a_message_that_breaks_off_resets_the_stream_of_an_http2_client() {
    let backend = Backend::start().await;
    let upstream = to(&backend, HttpTransport::new());
    let proxy = Proxy::start(Server::backend(), upstream).await;
    let stream = proxy.connect().await.stream;
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = http::Request::get("http://a/").body(()).unwrap();
    let (answer, _) = send.send_request(request, true).unwrap();
    let mut origin = backend.accept().await;
    origin.answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
    let mut body = crate::backend::within(answer).await.unwrap().into_body();
    assert_eq!(crate::backend::within(body.data()).await.unwrap().unwrap(), "short");
    drop(origin);
    let error = crate::backend::within(body.data()).await.unwrap().unwrap_err();
    assert!(error.is_reset(), "{error:?}");
    driver.abort();
}
