use std::sync::{Arc, Mutex};

use parapet_core::Server;
use parapet_upstream::HttpTransport;

use super::{GET, Proxy, to};
use crate::backend::{Backend, Conn, ok};

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n";

/// What the origin says, whose length is not that of a body, and whether its connection serves the next request.
#[tokio::test]
async fn no_body_is_awaited_where_none_can_be() {
    for (method, answer, reused) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".to_owned(), true),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n".to_owned(), true),
        ("GET", format!("{NO_CONTENT}content-length: 0\r\n\r\n"), true),
        ("GET", format!("{NO_CONTENT}content-length: 5\r\n\r\n"), false),
    ] {
        let backend = Backend::start().await;
        let proxy = Proxy::http(&backend).await;
        let mut client = proxy.connect().await;
        let request = format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
        client.send(&request).await;
        let mut origin = backend.accept().await;
        origin.answer(&answer).await;
        let head = client.head().await;
        assert!(head.starts_with(answer.split_once("\r\n").unwrap().0), "{head}");
        let length = head.contains("content-length: 5\r\n");
        assert_eq!(length, !answer.starts_with(NO_CONTENT), "{answer:?}: {head}");
        client.send(&request).await;
        if reused {
            origin.answer(&answer).await;
        } else {
            assert_eq!(origin.closed().await, b"", "{answer:?}");
            backend.accept().await.answer(&answer).await;
        }
        client.head().await;
    }
}

/// What a hook heard: number of the attempt, sent again on a fresh connection, status.
type Heard = Arc<Mutex<Vec<(u32, bool, Option<u16>)>>>;

/// A proxy whose one connection has served a request.
async fn warm(backend: &Backend, retries: u32) -> (Proxy, Conn, Conn, Heard) {
    let heard = Heard::default();
    let hook = Arc::clone(&heard);
    let upstream = to(backend, HttpTransport::new()).retries(retries).on_round_trip(
        move |_head: &parapet_core::RequestHead, info: &parapet_upstream::RoundTripInfo<'_>| {
            hook.lock().unwrap().push((info.attempt, info.replayed, info.status));
        },
    );
    let proxy = Proxy::start(Server::new(), upstream).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut origin = backend.accept().await;
    origin.answer(ok("warm")).await;
    client.until(b"warm").await;
    heard.lock().unwrap().clear();
    (proxy, client, origin, heard)
}

#[tokio::test]
async fn a_request_that_met_a_dying_connection_goes_out_once_more_if_it_may() {
    let post = |fields: &str, body: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for (request, replayed) in [
        (GET.to_owned(), true),
        (post("idempotency-key: 1\r\n", ""), true),
        (post("", ""), false),
        (post("", "x"), false),
        // A body that streams through cannot be sent twice.
        (post("idempotency-key: 1\r\n", "x"), false),
    ] {
        let backend = Backend::start().await;
        let (_proxy, mut client, mut origin, heard) = warm(&backend, 0).await;
        client.send(&request).await;
        origin.head().await;
        if request.ends_with('x') {
            origin.until(b"x").await;
        }
        origin.reset();
        if replayed {
            backend.accept().await.answer(ok("again")).await;
        }
        let head = client.head().await;
        let status = if replayed { 200 } else { 502 };
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {head}");
        let call = (0, replayed, replayed.then_some(200));
        assert_eq!(*heard.lock().unwrap(), [call], "{request:?}: one call, no retry");
        assert!(!backend.has_another().await);
    }
}

#[tokio::test]
async fn a_fresh_connection_that_dies_is_a_failure() {
    let backend = Backend::start().await;
    let proxy = Proxy::start(Server::new(), to(&backend, HttpTransport::new()).retries(0)).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut origin = backend.accept().await;
    origin.head().await;
    origin.reset();
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert!(!backend.has_another().await);
}
