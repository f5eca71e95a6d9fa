use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Frame;
use parapet_core::{
    Body, Deadline, Handler, Middleware, Request, RequestExt, Response, ResponseError, handler_fn,
    handler_fn_with,
};
use parapet_timeout::{RequestDeadline, Timeout};
use tokio::time::{Instant, sleep};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn request() -> Request {
    http::Request::builder().uri("/asked?q=1").body(Body::empty()).unwrap()
}

/// Never answers; tells by the flag that its work was dropped.
pub(crate) fn silent(dropped: &Arc<AtomicBool>) -> Handler {
    handler_fn_with(Arc::clone(dropped), |dropped, _| async move {
        let _flag = Flag(dropped);
        std::future::pending::<()>().await;
        "never"
    })
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Status and text of the answer, and the milliseconds that it took.
pub(crate) async fn timed(handler: &Handler, request: Request) -> (u16, String, u128) {
    let start = Instant::now();
    let response = handler.serve(request).await;
    let took = (Instant::now() - start).as_millis();
    let status = response.status().as_u16();
    let body = response.into_body().collect(1024).await.unwrap();
    (status, String::from_utf8(body.data().to_vec()).unwrap(), took)
}

#[test]
fn zero_is_no_layer() {
    let next = handler_fn(|request: Request| async move {
        assert!(request.deadline().is_none());
        "next"
    });
    let skipping = |_: &Request| false;
    assert!(Timeout::new(Duration::ZERO).skip_if(skipping).wrap(next.clone()).is_same(&next));
    assert!(
        RequestDeadline::new(Duration::ZERO).skip_if(skipping).wrap(next.clone()).is_same(&next)
    );
    assert!(!Timeout::new(ms(1)).wrap(next.clone()).is_same(&next));
    assert!(!RequestDeadline::new(ms(1)).wrap(next.clone()).is_same(&next));
}

/// Answers 202 with a field, two frames and trailers, after a while or at once.
fn answering(wait: Option<Duration>) -> Handler {
    handler_fn(move |_| async move {
        if let Some(wait) = wait {
            sleep(wait).await;
        }
        let (sender, body) = Body::channel(4);
        sender.data("one ").await.unwrap();
        sender.data("two").await.unwrap();
        let trailers =
            HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("7"))]);
        sender.trailers(trailers).await.unwrap();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert("x-field", HeaderValue::from_static("1"));
        response
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_left_as_it_is() {
    for wait in [None, Some(ms(999))] {
        for handler in [
            Timeout::new(ms(1000)).wrap(answering(wait)),
            RequestDeadline::new(ms(1000)).wrap(answering(wait)),
        ] {
            let response = handler.serve(request()).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            assert_eq!(response.headers()["x-field"], "1");
            let body = response.into_body().collect(64).await.unwrap();
            assert_eq!(body.data(), "one two");
            assert_eq!(body.trailers().unwrap()["x-sum"], "7");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_inside_is_dropped_before_the_answer_which_comes_at_the_instant() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dropped);
    let late = handler_fn_with(seen, |dropped: Arc<AtomicBool>, _| async move {
        (
            StatusCode::GATEWAY_TIMEOUT,
            if dropped.load(Ordering::SeqCst) { "dropped" } else { "held" },
        )
    });
    let timeout = Timeout::new(ms(20));
    let handler = timeout.clone().handler(late).wrap(silent(&dropped));
    assert_eq!(timed(&handler, request()).await, (504, "dropped\n".into(), 20));

    let handler = timeout.wrap(silent(&dropped));
    let start = Instant::now();
    let response = handler.serve(request()).await;
    assert_eq!((Instant::now() - start).as_millis(), 20);
    let note = response.extensions().get::<ResponseError>().unwrap();
    assert_eq!((note.source(), note.kind()), ("timeout", "head"));
    assert_eq!(note.error().to_string(), "there was no response head within 20ms");
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(response.into_body().collect(64).await.unwrap().data(), "Gateway Timeout\n");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_ready_at_the_instant_wins() {
    let inner = handler_fn(|_| async {
        sleep(ms(20)).await;
        "just so"
    });
    let handler = Timeout::new(ms(20)).wrap(inner);
    assert_eq!(timed(&handler, request()).await, (200, "just so".into(), 20));
}

#[tokio::test(start_paused = true)]
async fn a_custom_handler_sees_the_head_with_an_empty_body_and_takes_its_time() {
    let late = handler_fn(|request: Request| async move {
        sleep(ms(500)).await;
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/asked?q=1");
        assert_eq!(request.version(), http::Version::HTTP_2);
        assert_eq!(request.headers()["x-field"], "1");
        assert_eq!(request.extensions().get::<Mark>(), Some(&Mark(7)));
        assert!(request.body().is_end_stream());
        (StatusCode::SERVICE_UNAVAILABLE, "custom")
    });
    let dropped = Arc::new(AtomicBool::new(false));
    let handler = Timeout::new(ms(20)).handler(late).wrap(silent(&dropped));
    let mut request = request().map(|_| Body::from("upload"));
    *request.method_mut() = Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    request.headers_mut().insert("x-field", HeaderValue::from_static("1"));
    request.extensions_mut().insert(Mark(7));
    let response = handler.serve(request).await;
    let note = response.extensions().get::<ResponseError>().unwrap();
    assert_eq!((note.source(), note.kind()), ("timeout", "head"));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.into_body().collect(64).await.unwrap().data(), "custom\n");
}

#[derive(Clone, Debug, PartialEq)]
struct Mark(u8);

#[tokio::test(start_paused = true)]
async fn the_upload_of_the_client_is_part_of_the_time() {
    let reading = handler_fn(|request: Request| async move {
        request.into_body().collect(1024).await.map(|_| "read")
    });
    let handler = Timeout::new(ms(20)).wrap(reading);
    let (sender, body) = Body::channel(1);
    assert_eq!(
        timed(&handler, request().map(|_| body)).await,
        (504, "Gateway Timeout\n".into(), 20)
    );
    assert!(sender.data("more").await.is_err(), "nobody reads on");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_after_the_head_is_left_alone() {
    let inner = handler_fn(|_| async {
        sleep(ms(10)).await;
        let (sender, body) = Body::channel(1);
        tokio::spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            sender.data("late").await.unwrap();
        });
        Response::new(body)
    });
    let handler = Timeout::new(ms(20)).wrap(inner);
    let start = Instant::now();
    let mut body = handler.serve(request()).await.into_body();
    assert_eq!((Instant::now() - start).as_millis(), 10);
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(Frame::into_data(frame).unwrap(), Bytes::from_static(b"late"));
    assert_eq!((Instant::now() - start).as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn requests_can_go_without() {
    let inner = handler_fn(|request: Request| async move {
        let bounded = request.deadline().is_some();
        sleep(ms(100)).await;
        format!("bounded: {bounded}")
    });
    let is_stream = |request: &Request| request.headers().contains_key("x-stream");
    let timeout = Timeout::new(ms(20)).skip_if(is_stream).wrap(inner.clone());
    let deadline = RequestDeadline::new(ms(20)).skip_if(is_stream).wrap(inner);
    for handler in [&timeout, &deadline] {
        let mut stream = request();
        stream.headers_mut().insert("x-stream", HeaderValue::from_static("1"));
        let answer = timed(handler, stream).await;
        assert_eq!(answer, (200, "bounded: false".into(), 100));
    }
    assert_eq!(timed(&timeout, request()).await.0, 504);
    assert_eq!(timed(&deadline, request()).await.0, 504);
}

#[tokio::test(start_paused = true)]
async fn the_largest_duration_is_no_bound() {
    let inner = || {
        handler_fn(|request: Request| async move {
            assert!(request.extensions().get::<Deadline>().is_none());
            sleep(Duration::from_secs(3600)).await;
            "late"
        })
    };
    for handler in [
        Timeout::new(Duration::MAX).wrap(inner()),
        RequestDeadline::new(Duration::MAX).wrap(inner()),
    ] {
        assert_eq!(timed(&handler, request()).await, (200, "late".into(), 3_600_000));
    }
}

#[test]
fn they_can_be_shared_and_printed() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let timeout = Timeout::new(ms(20)).skip_if(|_| true);
    let deadline = RequestDeadline::new(ms(20));
    is_shareable(&timeout);
    is_shareable(&deadline);
    assert_eq!(format!("{timeout:?}"), "Timeout { limit: 20ms, handler: None, skip: Some(..) }");
    assert_eq!(format!("{deadline:?}"), "RequestDeadline { limit: 20ms, skip: None }");
}
