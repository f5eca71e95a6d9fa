//! Time of one request through the layers: `cargo bench -p parapet-timeout`. Prints nanoseconds, the median of many
//! rounds.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_testkit::bench;
use parapet_timeout::{RequestDeadline, Timeout};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let hour = Duration::from_secs(3600);
    for (name, answer) in
        [("ready", Answer::Ready), ("in a box", Answer::Boxed), ("late", Answer::Late)]
    {
        let next = Handler::new(answer);
        through(name, "no layer", &next)?;
        through(name, "timeout", &Timeout::new(hour).wrap(next.clone()))?;
        through(name, "request deadline", &RequestDeadline::new(hour).wrap(next))?;
    }
    Ok(())
}

/// How next answers: at once, at the first poll, at the second.
#[derive(Clone, Copy)]
enum Answer {
    Ready,
    Boxed,
    Late,
}

impl Serve for Answer {
    fn serve(&self, _request: Request) -> ResponseFuture {
        let response = Response::new(Body::full("x"));
        match self {
            Self::Ready => ResponseFuture::ready(response),
            Self::Boxed => ResponseFuture::new(std::future::ready(response)),
            Self::Late => ResponseFuture::new(async {
                let mut polled = false;
                poll_fn(|_| {
                    if std::mem::replace(&mut polled, true) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                response
            }),
        }
    }
}

fn request() -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().uri("/").body(Body::empty())?;
    // As the server does: one insertion of the core's facts, before any layer.
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}

/// Measures `handler` on requests made beforehand, from the call to the answer.
fn through(answer: &str, name: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    let mut cx = Context::from_waker(Waker::noop());
    bench::time_each(name, answer, request, |request| {
        let mut future = handler.serve(request);
        while black_box(Pin::new(&mut future).poll(&mut cx)).is_pending() {}
    })
}
