//! The instant at which a body has to be over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// [`Body::with_deadline`](super::Body::with_deadline).
    pub(super) struct EndAt {
        at: Instant,
        // Made at the first poll: a body may be put together outside a runtime.
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl EndAt {
    pub(super) fn new(at: Instant) -> Self {
        Self { at, sleep: None }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Ready once the instant has come; else whoever polls is woken then.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.sleep.is_none() {
            this.sleep.set(Some(sleep_until(*this.at)));
        }
        match this.sleep.as_pin_mut() {
            Some(sleep) => sleep.poll(cx),
            None => Poll::Pending,
        }
    }
}
