use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestHead, Response, ResponseFuture, Serve,
};
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::skip::Skip;

/// Bounds the time until next has produced its final head, whatever its status. A body that stalls later is not its
/// business, and a tunnel lives on.
///
/// The clock starts when the request reaches the layer and covers all inside: queues, buffering, retries. On expiry what
/// is inside is dropped first (nobody counts that as a failure of a target), then the answer goes out, with a
/// [`ResponseError`](parapet_core::ResponseError) of kind `head`. A head that is ready at that very moment wins.
///
/// Cheap to clone. Costs one box, and no timer for an answer that is ready at once.
#[derive(Clone, Debug)]
pub struct Timeout {
    limit: Duration,
    handler: Option<Handler>,
    skip: Skip,
}

impl Timeout {
    /// Answers with 504 `Gateway Timeout` when there is no head within `limit`. Zero: no layer.
    pub fn new(limit: Duration) -> Self {
        Self { limit, handler: None, skip: Skip::default() }
    }

    /// What answers on expiry. It gets the head of the request (method, URI, version, fields, extensions) with an empty
    /// body, and is not bounded by this layer. With it the head of each request is copied. Default: plain
    /// error(504, `Gateway Timeout`).
    #[must_use]
    pub fn handler(self, handler: Handler) -> Self {
        Self { handler: Some(handler), ..self }
    }

    /// Requests for which `predicate` is true go without this timeout. Default: none do.
    #[must_use]
    pub fn skip_if(self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { skip: Skip::new(predicate), ..self }
    }
}

impl Middleware for Timeout {
    fn wrap(&self, next: Handler) -> Handler {
        if self.limit.is_zero() {
            return next;
        }
        Handler::new(Timed { timeout: self.clone(), next })
    }
}

struct Timed {
    timeout: Timeout,
    next: Handler,
}

impl Serve for Timed {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self { timeout, next } = self;
        if timeout.skip.skips(&request) {
            return next.serve(request);
        }
        let Some(until) = Instant::now().checked_add(timeout.limit) else {
            return next.serve(request);
        };
        let (request, fallback) = match &timeout.handler {
            Some(handler) => {
                let (head, body) = request.into_parts();
                let fallback = Fallback { handler: handler.clone(), head: head.clone() };
                (Request::from_parts(head, body), Some(Box::new(fallback)))
            }
            None => (request, None),
        };
        match next.serve(request).into_ready() {
            Ok(response) => ResponseFuture::ready(response),
            Err(inner) => {
                let expired = Error::Head(timeout.limit);
                ResponseFuture::new(async move {
                    match before(until, inner).await {
                        Some(response) => response,
                        None => answer(expired, fallback).await,
                    }
                })
            }
        }
    }
}

/// What answers in the place of next. In a box, so that the future of those who have none is small.
struct Fallback {
    handler: Handler,
    head: RequestHead,
}

async fn answer(expired: Error, fallback: Option<Box<Fallback>>) -> Response {
    let Some(fallback) = fallback else { return expired.answer() };
    let Fallback { handler, head } = *fallback;
    let mut response = handler.serve(Request::from_parts(head, Body::empty())).await;
    expired.note(&mut response);
    response
}

/// What `inner` answers before `until`; `None`: nothing, and it is dropped.
///
/// The timer is made when `inner` was pending, and is gone when the future is.
pub(crate) async fn before(until: Instant, mut inner: ResponseFuture) -> Option<Response> {
    let mut timer = pin!(None);
    poll_fn(|cx| {
        if let Poll::Ready(response) = Pin::new(&mut inner).poll(cx) {
            return Poll::Ready(Some(response));
        }
        if timer.is_none() {
            timer.set(Some(sleep_until(until)));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
