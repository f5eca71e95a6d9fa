use std::time::Duration;

use parapet_core::{
    Deadline, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use tokio::time::Instant;

use crate::Error;
use crate::skip::Skip;
use crate::timeout::before;

/// Bounds the time of the whole request, head and body: sets its [`Deadline`], which all who wait inside know.
///
/// An upstream ends its wait, dial, attempt or backoff at that instant, answers 504 and counts the failure; this layer adds
/// no answer of its own. Only if all inside is still silent 10 ms later is it dropped and answered with 504
/// `Gateway Timeout`, with a [`ResponseError`](parapet_core::ResponseError) of kind `deadline`.
///
/// Behind the head the body is bounded ([`Body::with_deadline`](parapet_core::Body::with_deadline)): it fails at the
/// deadline, so that a backend that stalls does not keep what the body holds, and never ends cleanly. That cuts event
/// streams, long downloads and tunnels: put the layer into a block, or use [`skip_if`](Self::skip_if).
///
/// Of nested deadlines the earliest holds. Cheap to clone. Costs one box, one extension and one box for a streamed body.
#[derive(Clone, Debug)]
pub struct RequestDeadline {
    limit: Duration,
    skip: Skip,
}

impl RequestDeadline {
    /// Ends requests `limit` after they reached the layer. Zero: no layer.
    pub fn new(limit: Duration) -> Self {
        Self { limit, skip: Skip::default() }
    }

    /// Requests for which `predicate` is true go without this deadline. Default: none do.
    #[must_use]
    pub fn skip_if(self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { skip: Skip::new(predicate), ..self }
    }
}

impl Middleware for RequestDeadline {
    fn wrap(&self, next: Handler) -> Handler {
        if self.limit.is_zero() {
            return next;
        }
        Handler::new(Bounded { settings: self.clone(), next })
    }
}

struct Bounded {
    settings: RequestDeadline,
    next: Handler,
}

impl Serve for Bounded {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let Self { settings, next } = self;
        if settings.skip.skips(&request) {
            return next.serve(request);
        }
        let Some(deadline) = Instant::now().checked_add(settings.limit) else {
            return next.serve(request); // beyond the range of the clock
        };
        if request.deadline().is_some_and(|earlier| earlier <= deadline) {
            return next.serve(request);
        }
        request.extensions_mut().insert(Deadline(deadline));
        match next.serve(request).into_ready() {
            Ok(response) => ResponseFuture::ready(bounded(response, deadline)),
            Err(inner) => ResponseFuture::new(async move {
                let last = deadline.checked_add(GRACE).unwrap_or(deadline);
                match before(last, inner).await {
                    Some(response) => bounded(response, deadline),
                    None => Error::Deadline.answer(),
                }
            }),
        }
    }
}

/// Time for those who know the deadline to answer by themselves, and better: they know what was late.
const GRACE: Duration = Duration::from_millis(10);

fn bounded(response: Response, deadline: Instant) -> Response {
    response.map(|body| body.with_deadline(deadline))
}
