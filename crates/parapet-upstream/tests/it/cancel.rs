use http::Request;
use parapet_upstream::HttpTransport;

use crate::backend::{Backend, channel, is_pending, ok, text, within};

#[tokio::test]
async fn dropped_before_the_head_closes_the_connection() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut request = Box::pin(client.get());
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        conn
    };
    let conn = tokio::select! {
        biased;
        _ = &mut request => panic!("there is no answer"),
        conn = origin => conn,
    };
    drop(request);
    assert_eq!(conn.closed().await, b"");
}

#[tokio::test]
async fn dropped_in_the_middle_of_an_upload_closes_the_connection_and_frees_the_body() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let mut request = Box::pin(client.send(Request::post("/"), body));
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        sender.data("abc").await.unwrap();
        conn.until(b"abc\r\n").await;
        conn
    };
    let conn = tokio::select! {
        biased;
        _ = &mut request => panic!("there is no answer"),
        conn = origin => conn,
    };
    drop(request);
    assert_eq!(conn.closed().await, b"", "no last chunk: the origin cannot take it for complete");
    within(sender.closed()).await;
}

/// What of a response was there when its body was dropped, and whether the connection lived on.
#[tokio::test]
async fn an_unread_body_costs_the_connection_unless_its_end_is_there_already() {
    let rows = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", true),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx: 1\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\nabc", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nx", false),
    ];
    for (answer, kept) in rows {
        let backend = Backend::start().await;
        let client = backend.http();
        let origin = async {
            let mut conn = backend.accept().await;
            conn.answer(answer).await;
            conn
        };
        let (mut conn, response) = tokio::join!(origin, client.get());
        drop(response.unwrap());
        if kept {
            let (_, body) = tokio::join!(conn.answer(ok("next")), client.text());
            assert_eq!(body, "next", "{answer:?}");
        } else {
            assert_eq!(conn.closed().await, b"", "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_half_read_body_closes_the_connection_and_the_next_request_gets_its_own_answer() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc").await;
        conn
    };
    let (conn, response) = tokio::join!(origin, client.get());
    let mut body = response.unwrap().into_body();
    within(body.frame()).await.unwrap().unwrap();
    drop(body);
    assert_eq!(conn.closed().await, b"");
    let (_, next) =
        tokio::join!(async { backend.accept().await.answer(ok("own")).await }, client.text());
    assert_eq!(next, "own");
}

#[tokio::test]
async fn a_waiter_at_the_limit_that_gives_up_leaves_the_queue() {
    let backend = Backend::start().await;
    let transport = HttpTransport::new().max_conn(1);
    let client = backend.client(transport.clone());
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        conn
    };
    let mut first = Box::pin(client.get());
    let mut conn = tokio::select! {
        biased;
        _ = &mut first => panic!("there is no answer"),
        conn = origin => conn,
    };
    let mut gone = Box::pin(client.get());
    assert!(is_pending(&mut gone).await);
    let mut waits = Box::pin(client.get());
    assert!(is_pending(&mut waits).await);
    drop(gone);
    let rest = async {
        conn.send(ok("first")).await;
        conn.answer(ok("second")).await;
        conn
    };
    let (first, second, _conn) = tokio::join!(first, waits, rest);
    assert_eq!(text(first.unwrap()).await.unwrap(), "first");
    assert_eq!(text(second.unwrap()).await.unwrap(), "second");
    let stats = transport.stats().remove(0);
    assert_eq!((stats.opened, stats.idle, stats.waits), (1, 1, 2));
}
