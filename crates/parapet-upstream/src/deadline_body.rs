use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};
use tokio::time::{Instant, Sleep};

/// A body that fails when the request's deadline passes: a stalled source must not keep what its guards hold.
pub(crate) struct DeadlineBody {
    inner: Body,
    sleep: Pin<Box<Sleep>>,
}

impl DeadlineBody {
    /// Bounds `body`; one that is at its end or in memory needs no bound.
    pub(crate) fn bound(body: Body, deadline: Option<Instant>) -> Body {
        match deadline {
            Some(deadline) if !body.is_end_stream() && body.replay().is_none() => {
                let sleep = Box::pin(tokio::time::sleep_until(deadline));
                Body::new(Self { inner: body, sleep })
            }
            _ => body,
        }
    }
}

impl http_body::Body for DeadlineBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        // A body that failed is dropped by the one around it, and with it what its guards hold.
        self.sleep.as_mut().poll(cx).map(|()| Some(Err(BodyError::Timeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
