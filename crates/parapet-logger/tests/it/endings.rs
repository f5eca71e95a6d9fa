use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::StatusCode;
use parapet_core::{Body, BodyError, Request, Response, ResponseError, handler_fn};
use parapet_logger as logger;

use crate::support::{Log, answer, exchange, get, poll};

/// A failure of the body, and what the record calls it.
type Cause = (fn() -> BodyError, &'static str);

#[tokio::test]
async fn an_exchange_that_ends_well_has_its_status_and_size() {
    for (status, body, size) in [
        (200, "hello", 5),
        (200, "", 0),
        (201, "hello", 5),
        (204, "", 0),
        (304, "", 0),
        (404, "no", 2),
    ] {
        let log = Log::new();
        let handler = log.wrap(answer(move || {
            let mut response = Response::new(Body::full(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }));
        exchange(&handler, get("/")).await;
        let record = log.record();
        assert_eq!(record["status"], status);
        assert_eq!(record["responseBodySize"], size, "{status}");
        assert_eq!(record["aborted"], "", "{status}");
        assert_eq!(record["error"], "", "{status}");
        assert!(record["duration"].as_u64() >= record["durationHeader"].as_u64());
    }
}

#[tokio::test(start_paused = true)]
async fn durations_are_those_to_the_head_and_to_the_end() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|_| async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let (sender, body) = Body::channel(1);
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            sender.data(Bytes::from_static(b"late")).await.unwrap();
            sender.finish().await.unwrap();
        });
        Response::new(body)
    }));
    exchange(&handler, get("/")).await;
    let record = log.record();
    assert_eq!(record["durationHeader"], 20_000_000);
    assert_eq!(record["durationHeaderHuman"], "20ms");
    assert_eq!(record["duration"], 120_000_000);
    assert_eq!(record["durationHuman"], "120ms");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_reads_499() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|request: Request| async move {
        logger::set(&request, "upstream", "10.0.0.1:80");
        std::future::pending::<Response>().await
    }));
    let mut waiting = handler.serve(get("/"));
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(log.records().len(), 0);
    drop(waiting);
    let record = log.record();
    assert_eq!(record["status"], 499);
    assert_eq!(record["aborted"], "client");
    assert_eq!(record["upstream"], "10.0.0.1:80");
    assert!(record.get("durationHeader").is_none());
}

#[tokio::test]
async fn a_client_that_leaves_within_the_body_has_the_status_of_the_head() {
    let log = Log::new();
    let handler = log.wrap(answer(|| {
        let chunks = ["first", "second"].map(|chunk| Ok::<_, BodyError>(Bytes::from(chunk)));
        Response::new(Body::from_stream(Chunks(chunks.into_iter())))
    }));
    let mut response = handler.serve(get("/")).await;
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(log.records().len(), 0);
    drop(response);
    let record = log.record();
    assert_eq!(record["status"], 200);
    assert_eq!(record["aborted"], "client");
    assert_eq!(record["responseBodySize"], 5);
}

/// An iterator as a stream that is always ready.
struct Chunks<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Chunks<I> {
    type Item = I::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[tokio::test]
async fn a_body_that_fails_says_why() {
    let causes: [Cause; 7] = [
        (|| BodyError::Timeout, "timeout"),
        (|| BodyError::LengthLimitExceeded, "limit"),
        (|| BodyError::Other("own".into()), "body"),
        (|| BodyError::Io(io::ErrorKind::ConnectionReset.into()), "upstream"),
        (|| BodyError::Reset(2), "upstream"),
        (|| BodyError::Malformed("chunk"), "upstream"),
        (|| BodyError::Disconnected, "upstream"),
    ];
    for (error, aborted) in causes {
        let log = Log::new();
        let handler = log.wrap(answer(move || {
            let chunks = [Ok(Bytes::from_static(b"first")), Err(error())];
            Response::new(Body::from_stream(Chunks(chunks.into_iter())))
        }));
        exchange(&handler, get("/")).await;
        let record = log.record();
        assert_eq!(record["status"], 200);
        assert_eq!(record["aborted"], aborted);
        assert_eq!(record["responseBodySize"], 5);
    }
}

#[tokio::test]
async fn a_handler_that_panics_reads_500_once() {
    let log = Log::new();
    // In the future, and before there is one.
    let later = log.wrap(handler_fn(|_| async { if true { panic!("in the future") } else { "" } }));
    let mut answer = later.serve(get("/later"));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut answer))).is_err());
    drop(answer); // a server drops it after the panic, not while it unwinds
    let at_once = log.wrap(handler_fn(|request: Request| {
        assert_eq!(request.uri().path(), "no", "at once");
        async { "" }
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| at_once.serve(get("/at_once")))).is_err());
    let records = log.records();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record["status"], 500);
        assert_eq!(record["aborted"], "panic");
    }
}

#[tokio::test]
async fn an_error_of_a_layer_is_two_words_and_canceled_is_499() {
    for (kind, status, aborted) in [("connect_refused", 502, ""), ("canceled", 499, "client")] {
        let log = Log::new();
        let handler = log.wrap(answer(move || {
            let mut response = parapet_core::plain_error(StatusCode::BAD_GATEWAY, "Bad Gateway");
            let error = ResponseError::new("upstream", kind, "secret address 10.0.0.1");
            response.extensions_mut().insert(error);
            response
        }));
        exchange(&handler, get("/")).await;
        let record = log.record();
        assert_eq!(record["status"], status);
        assert_eq!(record["aborted"], aborted);
        assert_eq!(record["error"], format!("upstream/{kind}"));
        assert!(!log.text().contains("10.0.0.1"));
    }
}

#[tokio::test]
async fn a_timeout_around_the_logger_reads_as_a_client_that_left() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|_| std::future::pending::<Response>()));
    let within = tokio::time::timeout(std::time::Duration::ZERO, handler.serve(get("/")));
    assert!(within.await.is_err());
    assert_eq!(log.record()["status"], 499);
}
