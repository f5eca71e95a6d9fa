use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use parapet_core::{Body, Handler, Middleware, Request, ResponseFuture, Serve};

use crate::counted::Counted;
use crate::over_limit::{OverLimit, Prepared};
use crate::trip::Trip;

/// Refuses requests whose body has more than `max` bytes. 0: only empty bodies pass.
///
/// DATA bytes count as they are on the wire; framing and trailers do not.
pub fn limit_request(max: u64) -> RequestLimiter {
    RequestLimiter { max: Some(max), over: OverLimit::default() }
}

/// Refuses requests with a body over a limit. Made by [`limit_request`].
///
/// A body of known length is judged before it is read: no layer within sees a request over the limit, and `100 Continue`
/// is never sent for it; one within the limit costs nothing. A body of unknown length is counted while it is read. The
/// byte over the limit fails it with [`LengthLimitExceeded`](parapet_core::BodyError::LengthLimitExceeded), so that
/// nobody takes what came for the whole. If next has not answered by then, its work is dropped and the refusal is the
/// answer, whatever next would have said; an answer that began goes on. Counting costs three allocations a request.
#[derive(Clone, Debug)]
pub struct RequestLimiter {
    /// `None`: no limit.
    max: Option<u64>,
    over: OverLimit,
}

impl RequestLimiter {
    /// No limit, and no layer: for a setting that says so.
    pub fn unlimited() -> Self {
        Self { max: None, over: OverLimit::default() }
    }

    /// Answers a request over the limit, which it gets with an empty body. Default: a plain error, 413 `Request Entity
    /// Too Large`.
    ///
    /// Costs a copy of the head of each request whose length is unknown.
    #[must_use]
    pub fn limited_handler(self, handler: Handler) -> Self {
        Self { over: OverLimit::Handler(handler), ..self }
    }
}

impl Middleware for RequestLimiter {
    fn wrap(&self, next: Handler) -> Handler {
        match self.max {
            Some(max) => Handler::new(Limited { max, over: self.over.clone(), next }),
            None => next,
        }
    }
}

struct Limited {
    max: u64,
    over: OverLimit,
    next: Handler,
}

impl Serve for Limited {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self { max, over, next } = self;
        match request.body().known_length() {
            Some(length) if length > *max => over.answer(request),
            Some(_) => next.serve(request),
            None => {
                let trip = Arc::<Trip>::default();
                let prepared = over.prepare(&request);
                let counted = |body| Body::new(Counted::new(body, *max, Arc::clone(&trip)));
                let answer = next.serve(request.map(counted));
                watched(answer, trip, prepared)
            }
        }
    }
}

/// The answer of next, unless the limit is crossed before it.
fn watched(answer: ResponseFuture, trip: Arc<Trip>, over: Prepared) -> ResponseFuture {
    let answer = match answer.into_ready() {
        Ok(_) if trip.has_tripped() => return over.answer(),
        Ok(response) => return ResponseFuture::ready(response),
        Err(answer) => answer,
    };
    ResponseFuture::new(async move {
        let answered = {
            let mut answer = pin!(answer);
            poll_fn(|cx| {
                let polled = answer.as_mut().poll(cx);
                // After the poll: what next made of the failed body in it does not count.
                if trip.watch(cx.waker()) { Poll::Ready(None) } else { polled.map(Some) }
            })
            .await
        };
        match answered {
            Some(response) => response,
            None => over.answer().await,
        }
    })
}
