use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};

use crate::trip::Trip;

/// A body of unknown length that fails instead of yielding more than so many DATA bytes.
pub(crate) struct Counted {
    /// Dropped when the limit is crossed: the rest of the upload is the server's business.
    inner: Body,
    left: u64,
    trip: Arc<Trip>,
}

impl Counted {
    pub(crate) fn new(inner: Body, max: u64, trip: Arc<Trip>) -> Self {
        Self { inner, left: max, trip }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut this.inner), cx));
        let read = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map(Bytes::len);
        let Some(left) = this.left.checked_sub(read.unwrap_or_default() as u64) else {
            this.inner = Body::empty();
            this.trip.trip();
            return Poll::Ready(Some(Err(BodyError::LengthLimitExceeded)));
        };
        this.left = left;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
