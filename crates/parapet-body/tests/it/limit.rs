use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_body::limit_request;
use parapet_core::{
    Body, BodyError, Handler, Middleware, Request, RequestExt, Response, ResponseError,
    ResponseFuture, Serve, handler_fn,
};
use proptest::prelude::*;
use tokio::sync::oneshot;

use crate::support::{Fields, echo, post, read, unknown, with_trailers};

const REFUSED: (u16, &str) = (413, "Request Entity Too Large\n");

async fn through(max: u64, next: Handler, body: Body) -> (u16, String) {
    read(limit_request(max).wrap(next).serve(post(body)).await).await
}

#[tokio::test]
async fn a_known_length_is_judged_before_next() {
    for (max, length, passes) in [
        (0, 0, true),
        (0, 1, false),
        (10, 5, true),
        (10, 10, true),
        (10, 11, false),
        (10, 20, false),
        (u64::MAX, 20, true),
    ] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let next = handler_fn(move |request: Request| {
            counter.fetch_add(1, Ordering::SeqCst);
            // Not wrapped: it can give copies of itself still.
            assert!(request.body().replay().is_some());
            async { "next" }
        });
        let answer = through(max, next, Body::full(vec![b'x'; length])).await;
        let expected = if passes { (200, "next") } else { REFUSED };
        assert_eq!((answer.0, &*answer.1), expected, "{max} {length}");
        assert_eq!(calls.load(Ordering::SeqCst), usize::from(passes), "{max} {length}");
    }
}

#[tokio::test]
async fn a_refusal_has_a_note_for_the_log() {
    let response = limit_request(1).wrap(echo()).serve(post(Body::full("12"))).await;
    let note = response.extensions().get::<ResponseError>().unwrap();
    assert_eq!((note.source(), note.kind()), ("body", "limit"));
}

#[tokio::test]
async fn trailers_are_not_counted() {
    let response =
        limit_request(5).wrap(echo()).serve(post(with_trailers(&[b"12345"]).await)).await;
    assert_eq!(response.headers()["x-sum"], "1");
    assert_eq!(read(response).await, (200, "12345".into()));
}

#[tokio::test]
async fn an_empty_body_of_unknown_length_passes_a_limit_of_zero() {
    assert_eq!(through(0, echo(), unknown(&[]).await).await, (200, String::new()));
    assert_eq!(through(0, echo(), unknown(&[b"", b""]).await).await, (200, String::new()));
    assert_eq!(through(0, echo(), unknown(&[b"1"]).await).await.0, 413);
}

#[tokio::test]
async fn the_body_fails_and_never_looks_whole() {
    let (tell, told) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let next = handler_fn(move |request: Request| {
        let tell = tell.lock().unwrap().take().unwrap();
        async move {
            let mut body = request.into_body();
            let mut seen = Vec::new();
            loop {
                match body.frame().await {
                    Some(Ok(frame)) => seen.extend(frame.into_data().unwrap()),
                    other => {
                        tell.send((seen, other.map(Result::err))).unwrap();
                        return "next";
                    }
                }
            }
        }
    });
    assert_eq!(through(5, next, unknown(&[b"1234", b"56"]).await).await.0, 413);
    let (seen, end) = told.await.unwrap();
    assert_eq!(seen, b"1234"); // nothing of the frame that crosses the limit
    assert!(matches!(end, Some(Some(BodyError::LengthLimitExceeded))), "{end:?}");
}

#[tokio::test]
async fn the_refusal_wins_over_what_next_makes_of_the_error() {
    // `echo` answers 502 in the poll in which the body fails.
    let answer = through(5, echo(), unknown(&[b"123456"]).await).await;
    assert_eq!((answer.0, &*answer.1), REFUSED);
}

#[tokio::test]
async fn the_refusal_wins_over_an_answer_that_was_ready() {
    struct Eager;
    impl Serve for Eager {
        fn serve(&self, request: Request) -> ResponseFuture {
            let mut body = request.into_body();
            let mut frame = std::pin::pin!(body.frame());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = frame.as_mut().poll(&mut cx);
            ResponseFuture::ready(Response::new("eager".into()))
        }
    }
    let next = || Handler::new(Eager);
    assert_eq!(through(5, next(), unknown(&[b"123456"]).await).await.0, 413);
    assert_eq!(through(6, next(), unknown(&[b"123456"]).await).await, (200, "eager".into()));
}

/// Tells when it is dropped.
struct Told(Option<oneshot::Sender<()>>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn next_is_dropped_even_if_another_task_reads_the_body() {
    let (tell, told) = oneshot::channel();
    let guard = std::sync::Mutex::new(Some(Told(Some(tell))));
    let next = handler_fn(move |request: Request| {
        let guard = guard.lock().unwrap().take();
        async move {
            let _guard = guard;
            tokio::spawn(request.into_body().collect(100));
            pending::<&str>().await
        }
    });
    let (sender, body) = Body::channel(1);
    let answer = tokio::spawn(async move { through(5, next, body).await });
    sender.data("12345").await.unwrap();
    sender.data("6").await.unwrap();
    let answer = tokio::time::timeout(parapet_testkit::LONG, answer).await;
    assert_eq!(answer.unwrap().unwrap().0, 413);
    told.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_began_goes_on() {
    let next = handler_fn(|request: Request| async move { Response::new(request.into_body()) });
    let response = limit_request(5).wrap(next).serve(post(unknown(&[b"12345", b"6"]).await)).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "12345");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(matches!(error, BodyError::LengthLimitExceeded));
}

#[tokio::test]
async fn an_own_handler_answers_with_the_head_of_the_request() {
    let own = handler_fn(|request: Request| async move {
        assert_eq!(request.body().known_length(), Some(0));
        assert!(request.log().is_some());
        let client = request.headers()["x-client"].to_str().unwrap().to_owned();
        let text = format!("{} {} {client}", request.method(), request.uri());
        let mut response = Response::new(text.into());
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    });
    // Next changes the head; it is not its copy that the handler gets.
    let next = handler_fn(|mut request: Request| async move {
        request.headers_mut().clear();
        request.into_body().collect(100).await.map(|_| "next")
    });
    let handler = limit_request(5).limited_handler(own).wrap(next);
    for body in [Body::full("123456"), unknown(&[b"123456"]).await] {
        let mut request = post(body);
        Fields::mount(&mut request);
        let answer = read(handler.serve(request).await).await;
        assert_eq!(answer, (418, "POST /upload 1".into()));
    }
    assert_eq!(read(handler.serve(post(Body::full("12345"))).await).await, (200, "next".into()));
}

proptest! {
    #[test]
    fn exactly_the_limit_passes_however_the_body_is_cut(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..6),
        max in 0..20_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all = frames.concat();
        let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
        let response = runtime.block_on(async {
            limit_request(max).wrap(echo()).serve(post(unknown(&frames).await)).await
        });
        if all.len() as u64 <= max {
            prop_assert_eq!(response.status(), 200);
            let body = runtime.block_on(response.into_body().collect(100)).unwrap();
            prop_assert_eq!(body.data(), &all);
        } else {
            prop_assert_eq!(response.status(), 413);
        }
    }
}
