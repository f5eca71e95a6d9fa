use http::Request;
use http::request::Builder;
use parapet_core::{Body, BodyError};
use parapet_upstream::{Error, HttpTransport};

use crate::backend::{Backend, Client, Conn, bytes, ok, text};

/// A client with one connection that has served a request; `Connection` idle.
async fn warm(backend: &Backend, client: &Client) -> Conn {
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(ok("warm")).await;
        conn
    };
    tokio::join!(origin, client.text()).0
}

fn once(text: &'static str) -> Body {
    Body::from_stream(futures_util::stream::iter([Ok::<_, BodyError>(bytes(text))]))
}

/// The reused connection takes the whole request, and ends without an answer.
#[tokio::test]
async fn a_request_goes_out_again_if_sending_it_twice_is_sending_it_once() {
    let key = |builder: Builder| builder.header("idempotency-key", "1");
    let rows: Vec<(&str, Builder, Body, bool)> = vec![
        ("GET", Request::get("/x"), Body::empty(), true),
        ("HEAD", Request::head("/x"), Body::empty(), true),
        ("GET with a body", Request::get("/x"), Body::full("x"), true),
        ("GET, streamed", Request::get("/x"), once("x"), false),
        ("POST", Request::post("/x"), Body::full("x"), false),
        ("PUT", Request::put("/x"), Body::full("x"), false),
        ("POST with a key", key(Request::post("/x")), Body::full("x"), true),
        ("POST with a key, streamed", key(Request::post("/x")), once("x"), false),
        ("upgrade", Request::get("/x").header("upgrade", "p"), Body::empty(), false),
    ];
    for (name, request, body, replayed) in rows {
        let backend = Backend::start().await;
        let transport = HttpTransport::new();
        let client = backend.client(transport.clone());
        let mut conn = warm(&backend, &client).await;
        let end: &[u8] = if body.is_end_stream() { b"\r\n\r\n" } else { b"x" };
        let origin = async {
            conn.until(b" /x HTTP/1.1").await;
            conn.until(end).await;
            conn.reset();
            if replayed {
                let mut conn = backend.accept().await;
                conn.until(b" /x HTTP/1.1").await;
                conn.until(end).await;
                conn.send(ok("")).await;
            }
        };
        let ((), result) = tokio::join!(origin, client.send(request, body));
        match result {
            Ok(response) => assert!(replayed && response.status() == 200, "{name}"),
            Err(Error::Closed { reused: true, bytes_sent: true }) => assert!(!replayed, "{name}"),
            Err(error) => panic!("{name}: {error:?}"),
        }
        assert_eq!(transport.stats().remove(0).stale_replays, u64::from(replayed), "{name}");
    }
}

#[tokio::test]
async fn a_fresh_connection_is_never_replayed() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
    };
    let ((), result) = tokio::join!(origin, client.get());
    assert!(matches!(result, Err(Error::Closed { reused: false, bytes_sent: true })), "{result:?}");
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn a_response_that_had_begun_is_not_asked_for_again() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut conn = warm(&backend, &client).await;
    let origin = async {
        conn.answer("HTTP/1.1 2").await;
        drop(conn);
    };
    let ((), result) = tokio::join!(origin, client.get());
    assert!(matches!(result, Err(Error::Closed { reused: true, .. })), "{result:?}");
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn the_second_failure_is_the_result() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut conn = warm(&backend, &client).await;
    let origin = async {
        conn.head().await;
        drop(conn);
        let mut conn = backend.accept().await;
        conn.head().await;
        drop(conn);
    };
    let ((), result) = tokio::join!(origin, client.get());
    assert!(matches!(result, Err(Error::Closed { reused: false, .. })), "{result:?}");
    assert!(!backend.has_another().await);
}

/// Nothing of the request was taken: any method goes out on a fresh connection, the frame that was polled included.
#[tokio::test(start_paused = true)]
async fn a_request_of_which_nothing_was_taken_moves_to_a_fresh_connection() {
    let mut memory = crate::backend::Memory::new(HttpTransport::new());
    let client = memory.client();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.answer(ok("warm")).await;
        conn
    };
    let (conn, warm) = tokio::join!(origin, client.text());
    assert_eq!(warm, "warm");
    // An in-memory stream has no socket to peek at, and the reaper gets no turn: the first write finds it closed.
    drop(conn);
    let origin = async {
        let mut conn = memory.accept().await;
        conn.head().await;
        let body = conn.until(b"0\r\n\r\n").await;
        conn.send(ok("second")).await;
        body
    };
    let (body, response) = tokio::join!(origin, client.send(Request::post("/"), once("frame")));
    assert_eq!(body, "5\r\nframe\r\n0\r\n\r\n");
    assert_eq!(text(response.unwrap()).await.unwrap(), "second");
}
