use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parapet_core::{Body, Handler, Middleware, Response, handler_fn};
use parapet_timeout::{RequestDeadline, Timeout};

use crate::timeout::request;

/// A waker that can be counted: whoever waits for something keeps a copy.
#[derive(Default)]
struct Counted(AtomicBool);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Answers at the second poll, with a body that never says a thing.
fn late() -> Handler {
    handler_fn(|_| async {
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let (sender, body) = Body::channel(1);
        Response::new(body.with_guard(sender))
    })
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_leave_no_timer() {
    let hour = Duration::from_secs(3600);
    for handler in [Timeout::new(hour).wrap(late()), RequestDeadline::new(hour).wrap(late())] {
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        let mut cx = Context::from_waker(&waker);
        let mut armed = 0;
        for number in 0..10_000 {
            let mut future = Box::pin(handler.serve(request()));
            assert!(future.as_mut().poll(&mut cx).is_pending());
            armed = armed.max(Arc::strong_count(&counted) - 2);
            if number % 2 == 0 {
                continue; // the client is gone before the head
            }
            let Poll::Ready(response) = future.as_mut().poll(&mut cx) else {
                panic!("the head is due")
            };
            let mut body = response.into_body();
            // The client is gone in the body.
            assert!(pin!(body.frame()).poll(&mut cx).is_pending());
        }
        assert_eq!(armed, 1, "a request that waits holds one timer");
        assert_eq!(Arc::strong_count(&counted), 2, "no timer holds the waker any more");
    }
}

/// A connection that got a frame waits for the client to take it: it has to hear of the deadline nevertheless.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_body_wakes_a_connection_whose_last_poll_was_ready() {
    let flowing = handler_fn(|_| async {
        let (sender, body) = Body::channel(1);
        sender.data("first").await.unwrap();
        Response::new(body.with_guard(sender))
    });
    let handler = RequestDeadline::new(Duration::from_millis(20)).wrap(flowing);
    let mut body = handler.serve(request()).await.into_body();
    let counted = Arc::new(Counted::default());
    let waker = Waker::from(Arc::clone(&counted));
    let first = pin!(body.frame()).poll(&mut Context::from_waker(&waker));
    assert!(matches!(first, Poll::Ready(Some(Ok(_)))));
    tokio::time::advance(Duration::from_millis(19)).await;
    assert!(!counted.0.load(Ordering::SeqCst));
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(counted.0.load(Ordering::SeqCst));
}
