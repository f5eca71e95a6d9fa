use http::Request;
use parapet_core::{Body, BodyError};
use parapet_upstream::Error;
use tokio::io::AsyncWriteExt;

use crate::backend::{Backend, bytes, channel, ok, text, within};

#[tokio::test]
async fn each_piece_arrives_before_the_next_is_written() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        conn
    };
    let (mut conn, response) = tokio::join!(origin, client.get());
    let mut body = response.unwrap().into_body();
    for event in ["one", "two", "three"] {
        conn.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        let frame = within(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event);
    }
    conn.send("0\r\nx-sum: 1\r\ncontent-length: 7\r\n\r\n").await;
    let trailers = within(body.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"1".parse().unwrap()));
    assert!(body.is_end_stream());
    // Trailers and all, the message delimited itself.
    let (_, next) = tokio::join!(conn.answer(ok("next")), client.text());
    assert_eq!(next, "next");
}

#[tokio::test]
async fn bytes_flow_both_ways_at_the_same_time() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..3 {
            let chunk = conn.until(b"ping\r\n").await;
            conn.send(chunk).await;
        }
        conn.until(b"0\r\n\r\n").await;
        conn.send("0\r\n\r\n").await;
        conn.answer(ok("next")).await;
    };
    let talk = async {
        let mut response = client.send(Request::post("/"), body).await.unwrap().into_body();
        for _ in 0..3 {
            let (sent, frame) = tokio::join!(sender.data("ping"), response.frame());
            sent.unwrap();
            assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "ping");
        }
        let (ended, end) = tokio::join!(sender.finish(), response.frame());
        ended.unwrap();
        assert!(end.is_none());
        assert_eq!(
            client.text().await,
            "next",
            "both ended well: the connection is as good as new"
        );
    };
    tokio::join!(origin, talk);
}

#[tokio::test]
async fn a_message_that_ends_early_fails_the_body() {
    let rows: &[&str] = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\n",
    ];
    for answer in rows {
        let backend = Backend::start().await;
        let client = backend.http();
        let origin = async {
            let mut conn = backend.accept().await;
            conn.answer(answer).await;
            conn.stream.shutdown().await.unwrap();
            conn
        };
        let (_conn, response) = tokio::join!(origin, client.get());
        let failed = text(response.unwrap()).await;
        assert!(matches!(failed, Err(BodyError::Io(_))), "{answer:?}: {failed:?}");
        let (_, next) =
            tokio::join!(async { backend.accept().await.answer(ok("own")).await }, client.text());
        assert_eq!(next, "own");
    }
}

#[tokio::test]
async fn a_reset_fails_the_body_even_where_the_end_of_the_connection_is_the_end() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\n\r\nabc").await;
        conn
    };
    let (conn, response) = tokio::join!(origin, client.get());
    let mut body = response.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    conn.reset();
    assert!(matches!(within(body.frame()).await, Some(Err(BodyError::Io(_)))));
}

#[tokio::test]
async fn a_failing_request_body_is_the_clients_fault_and_never_ends_cleanly() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let feed = async {
        sender.data("abc").await.unwrap();
        sender.fail(BodyError::Malformed("chunk")).await.unwrap();
    };
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        conn.closed().await
    };
    let (seen, result, ()) = tokio::join!(origin, client.send(Request::post("/"), body), feed);
    assert_eq!(String::from_utf8(seen).unwrap(), "3\r\nabc\r\n");
    match result {
        Err(Error::RequestBody(error)) => assert!(matches!(*error, BodyError::Malformed("chunk"))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_body_that_fails_after_the_head_fails_the_response() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
        conn
    };
    let (conn, response) = tokio::join!(origin, client.send(Request::post("/"), body));
    let mut body = response.unwrap().into_body();
    let (failed, frame) = tokio::join!(sender.fail(BodyError::Disconnected), body.frame());
    failed.unwrap();
    assert!(matches!(frame, Some(Err(BodyError::Other(_)))), "{frame:?}");
    assert_eq!(conn.closed().await, b"");
}

#[tokio::test]
async fn an_early_refusal_is_delivered_whole_and_stops_the_upload() {
    let backend = Backend::start().await;
    let client = backend.http();
    let chunk = bytes("0123456789abcdef").repeat(1024);
    let frames = (0..6400).map(move |_| Ok::<_, BodyError>(bytes::Bytes::from(chunk.clone())));
    let body = Body::from_stream(futures_util::stream::iter(frames)); // 100 MiB
    let refusal = "no".repeat(100_000);
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        let answer = ok(&refusal).replace("200 OK", "413 Content Too Large");
        conn.send(answer).await;
        conn.stream.shutdown().await.unwrap();
        conn.closed().await.len()
    };
    let request = async {
        let response = client.send(Request::post("/"), body).await.unwrap();
        assert_eq!(response.status(), 413);
        text(response).await.unwrap()
    };
    let (received, answer) = tokio::join!(origin, request);
    assert_eq!(answer, refusal);
    assert!(received < 50 << 20, "the upload went on for {received} bytes");
}

#[tokio::test]
async fn an_answer_in_full_to_a_half_sent_body_closes_the_connection() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(ok("enough")).await;
        conn.closed().await
    };
    let request = async {
        let response = client.send(Request::post("/"), body).await.unwrap();
        text(response).await.unwrap()
    };
    let (_, answer) = tokio::join!(origin, request);
    assert_eq!(answer, "enough");
    drop(sender);
}

/// A client that does not read while it uploads, and an origin that answers at length while it reads.
async fn upload_and(answer: usize) -> (usize, usize) {
    let backend = Backend::start().await;
    let client = backend.http();
    let upload = 10 << 20;
    let body = Body::full(vec![b'u'; upload]).map_data(|data| data); // a stream of unknown length
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        let (mut read, mut write) = conn.stream.into_split();
        let send = async {
            write.write_all(ok(&"d".repeat(answer)).as_bytes()).await.unwrap();
        };
        let mut sink = tokio::io::sink();
        let receive = tokio::io::copy(&mut read, &mut sink);
        let ((), received) = tokio::join!(send, receive);
        usize::try_from(received.unwrap()).unwrap()
    };
    let request = async {
        let mut body = client.send(Request::post("/"), body).await.unwrap().into_body();
        let (mut total, mut spawned) = (0, 0);
        while let Some(frame) = within(body.frame()).await {
            total += frame.unwrap().into_data().unwrap().len();
            spawned = spawned.max(alive() - before);
        }
        assert_eq!(total, answer);
        spawned
    };
    tokio::join!(origin, request)
}

#[tokio::test]
async fn a_long_answer_beside_a_long_upload_completes_both_with_one_task() {
    let (received, spawned) = upload_and(10 << 20).await;
    assert_eq!(spawned, 1);
    assert!(received > 0);
}

#[tokio::test]
async fn a_short_answer_beside_a_long_upload_needs_no_task() {
    assert_eq!(upload_and(1024).await.1, 0);
}

#[tokio::test]
async fn dropping_the_response_ends_the_task_of_its_upload() {
    let backend = Backend::start().await;
    let client = backend.http();
    let (sender, body) = channel();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        conn.send(vec![b'd'; 100_000]).await;
        conn
    };
    let request = async {
        let mut body = client.send(Request::post("/"), body).await.unwrap().into_body();
        while alive() == before {
            within(body.frame()).await.unwrap().unwrap();
        }
        body
    };
    let (conn, body) = tokio::join!(origin, request);
    drop(body);
    conn.closed().await;
    sender.closed().await;
    assert_eq!(alive(), before);
}

#[tokio::test]
async fn frames_and_values_lie_in_the_read_buffer() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\nx-mark: value\r\ncontent-length: 2\r\n\r\nok").await;
        conn
    };
    let (_conn, response) = tokio::join!(origin, client.get());
    let response = response.unwrap();
    let value = response.headers()["x-mark"].as_bytes().as_ptr().addr();
    let data = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    // As far apart as on the wire: neither was copied.
    assert_eq!(data.as_ptr().addr() - value, "value\r\ncontent-length: 2\r\n\r\n".len());
}
