use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};

/// What was read of a body already, and then the rest of it: the body as it was.
pub(crate) struct Prefixed {
    /// In order; an empty one is gone.
    read: [Bytes; 2],
    rest: Body,
}

impl Prefixed {
    pub(crate) fn new(read: [Bytes; 2], rest: Body) -> Self {
        Self { read, rest }
    }

    fn left(&self) -> u64 {
        self.read.iter().map(|data| data.len() as u64).sum()
    }
}

impl http_body::Body for Prefixed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(data) = self.read.iter_mut().find(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))));
        }
        http_body::Body::poll_frame(Pin::new(&mut self.rest), cx)
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0 && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (left, rest) = (self.left(), self.rest.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(left));
        }
        hint.set_lower(rest.lower().saturating_add(left));
        hint
    }
}
