use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use parapet_core::{
    Body, BodyError, Handler, Middleware, Request, RequestExt, Response, ResponseError, handler_fn,
};
use parapet_timeout::{RequestDeadline, Timeout};
use tokio::time::{Instant, sleep_until};

use crate::timeout::{ms, request, silent, timed};

#[tokio::test(start_paused = true)]
async fn those_inside_know_the_deadline_and_answer_by_themselves() {
    let inner = handler_fn(|request: Request| async move {
        let deadline = request.deadline().unwrap();
        assert_eq!(deadline, Instant::now() + ms(20));
        sleep_until(deadline).await;
        (StatusCode::SERVICE_UNAVAILABLE, "theirs")
    });
    let handler = RequestDeadline::new(ms(20)).wrap(inner);
    assert_eq!(timed(&handler, request()).await, (503, "theirs\n".into(), 20));
}

#[tokio::test(start_paused = true)]
async fn what_stays_silent_is_dropped_ten_milliseconds_later() {
    let dropped = Arc::new(AtomicBool::new(false));
    let handler = RequestDeadline::new(ms(20)).wrap(silent(&dropped));
    let start = Instant::now();
    let response = handler.serve(request()).await;
    assert_eq!((Instant::now() - start).as_millis(), 30);
    assert!(dropped.load(Ordering::SeqCst));
    let note = response.extensions().get::<ResponseError>().unwrap();
    assert_eq!((note.source(), note.kind()), ("timeout", "deadline"));
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(response.into_body().collect(64).await.unwrap().data(), "Gateway Timeout\n");
}

/// Answers with the milliseconds that are left.
fn left() -> Handler {
    handler_fn(|request: Request| async move {
        (request.deadline().unwrap() - Instant::now()).as_millis().to_string()
    })
}

#[tokio::test(start_paused = true)]
async fn of_nested_deadlines_the_earliest_holds() {
    let layer = |seconds| RequestDeadline::new(Duration::from_secs(seconds));
    for (outer, inner) in [(1, 30), (30, 1), (1, 1)] {
        let handler = (layer(outer), layer(inner)).wrap(left());
        assert_eq!(timed(&handler, request()).await.1, "1000", "{outer} s around {inner} s");
    }
}

#[tokio::test(start_paused = true)]
async fn of_both_kinds_the_earlier_instant_acts() {
    let dropped = Arc::new(AtomicBool::new(false));
    let layers =
        |timeout, deadline| (Timeout::new(ms(timeout)), RequestDeadline::new(ms(deadline)));
    for (timeout, deadline, took) in [(20, 50, 20), (50, 20, 30)] {
        let (outer, inner) = layers(timeout, deadline);
        for handler in [
            (outer.clone(), inner.clone()).wrap(silent(&dropped)),
            (inner, outer).wrap(silent(&dropped)),
        ] {
            assert_eq!(timed(&handler, request()).await.2, took, "{timeout} {deadline}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_fails_at_the_deadline_and_releases_what_it_holds() {
    for at_once in [true, false] {
        let guard = Arc::new(());
        let held = Arc::clone(&guard);
        let inner = handler_fn(move |_| {
            let held = Arc::clone(&held);
            async move {
                let (sender, body) = Body::channel(2);
                sender.data("first").await.unwrap();
                let body = body.with_guard(held);
                if !at_once {
                    tokio::time::sleep(ms(5)).await;
                }
                // The sender lives on, and says nothing more.
                tokio::spawn(async move {
                    std::future::pending::<()>().await;
                    drop(sender);
                });
                Response::new(body)
            }
        });
        let handler = RequestDeadline::new(ms(20)).wrap(inner);
        let start = Instant::now();
        let mut body = handler.serve(request()).await.into_body();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        let failed = body.frame().await;
        assert!(matches!(failed, Some(Err(BodyError::Timeout))), "{failed:?}");
        assert_eq!((Instant::now() - start).as_millis(), 20);
        drop(handler);
        assert_eq!(Arc::strong_count(&guard), 1, "released while the body is still held");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_memory_and_the_length_of_a_stream_are_left_as_they_are() {
    for streamed in [false, true] {
        let inner = handler_fn(move |_| async move {
            let body = Body::full("four");
            Response::new(if streamed { Body::new(body) } else { body })
        });
        let body = RequestDeadline::new(ms(20)).wrap(inner).serve(request()).await.into_body();
        assert_eq!(body.known_length(), Some(4));
        tokio::time::sleep(ms(100)).await;
        let late = body.collect(8).await;
        assert_eq!(late.is_ok(), !streamed, "what is in memory has no deadline");
    }
}

/// The ready answer of a chain needs no runtime at all.
#[test]
fn an_answer_that_is_ready_at_once_needs_no_timer() {
    struct Ready;
    impl parapet_core::Serve for Ready {
        fn serve(&self, _request: Request) -> parapet_core::ResponseFuture {
            let chunks = Body::new(Body::full("ready"));
            parapet_core::ResponseFuture::ready(Response::new(chunks))
        }
    }
    let layers = (RequestDeadline::new(ms(20)), Timeout::new(ms(20)));
    let response = layers.wrap(Handler::new(Ready)).serve(request()).into_ready();
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}
