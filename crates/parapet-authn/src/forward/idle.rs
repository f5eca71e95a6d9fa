use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};
use tokio::time::{Instant, Sleep, sleep};

/// Longest wait between two frames of a relayed body.
const BETWEEN_FRAMES: Duration = Duration::from_secs(10);

/// Fails `body` when it makes no progress: the answer is cut, never ended as if it were whole.
pub(super) fn guarded(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Guarded { body, deadline: Box::pin(sleep(BETWEEN_FRAMES)) })
}

struct Guarded {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.deadline.as_mut().reset(Instant::now() + BETWEEN_FRAMES);
            return Poll::Ready(frame);
        }
        self.deadline.as_mut().poll(cx).map(|()| Some(Err(BodyError::Timeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
