//! After an answer that ends the connection: what the client still sends is read and forgotten.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::{Http1, State, Step};

/// What is still read of a request that nobody wants, so that its answer is not lost to a reset (RFC 9112 §9.6).
pub(crate) const LINGER_BYTES: usize = 256 * 1024;
pub(crate) const LINGER_TIME: Duration = Duration::from_secs(2);

/// How long, and how much.
#[derive(Debug)]
pub(super) struct Lingering {
    until: Instant,
    left: usize,
    /// Our sending half is closed.
    shut: bool,
}

impl Http1 {
    /// Reads and forgets, so that the client reads our answer before a reset can take it away.
    pub(super) fn linger(&mut self, mut lingering: Lingering, cx: &mut Context<'_>) -> Step {
        let Lingering { until, left, shut } = &mut lingering;
        if !*shut {
            *shut = self.out.half.poll_shutdown(cx).is_ready();
        }
        let read = match &mut self.read {
            Some(read) => read,
            None => match self.lent.as_ref().and_then(|lent| lent.reclaim()) {
                Some(read) => self.read.insert(read),
                None => return Step::Done,
            },
        };
        loop {
            *left = left.saturating_sub(read.buffer.len());
            read.buffer.clear();
            if *left == 0 {
                return Step::Done;
            }
            match read.fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) if *shut => return Step::Done,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0) | Err(_)) | Poll::Pending => break,
            }
        }
        if self.context.service.handle.is_forced() || self.timer.poll(Some(*until), cx).is_ready() {
            return Step::Done;
        }
        self.know_waker(cx);
        self.state = State::Lingering(lingering);
        Step::Wait
    }

    pub(super) fn start_linger(&mut self) -> Step {
        self.state = State::Lingering(Lingering {
            until: Instant::now() + LINGER_TIME,
            left: LINGER_BYTES,
            shut: false,
        });
        Step::Again
    }
}
