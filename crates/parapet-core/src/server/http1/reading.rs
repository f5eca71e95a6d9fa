//! Between two messages, and inside a head.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parapet_h1::{DecodeError, RequestEvent};
use tokio::time::Instant;

use super::refuse::Refusal;
use super::{ConnState, ConnectionError, Http1, Nearest, State, Step};
use crate::DrainPhase;

/// Silence after which an idle connection keeps no buffer.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// Between messages, or inside a head.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// A byte of the head was there at this time.
    pub(super) begun: Option<Instant>,
    /// The answer before it was complete at this time, a moment ago.
    answered_at: Option<Instant>,
    /// Set once nothing is there to do but wait.
    idle_since: Option<Instant>,
    shrunk: bool,
}

impl Reading {
    /// Behind an answer. `at`: it was complete at this time, so that the clock need not be read.
    pub(super) fn after(at: Option<Instant>) -> Self {
        Self { answered_at: at, ..Self::default() }
    }
}

impl Http1 {
    /// Reads until a head is complete.
    pub(super) fn read_head(&mut self, mut reading: Reading, cx: &mut Context<'_>) -> Step {
        let Some(read) = &mut self.read else { return Step::Done };
        loop {
            match read.next_head() {
                Ok(RequestEvent::Head(request, framing)) => {
                    if reading.begun.is_none() {
                        self.context.state(ConnState::Active);
                    }
                    let now = Instant::now();
                    if reading.idle_since.is_some() {
                        self.context.registration.set_idle(false, now);
                    }
                    return self.begin(request, framing, now, cx);
                }
                Ok(RequestEvent::NeedMore) => {}
                Ok(_) => return self.refuse(DecodeError::OutOfTurn.into(), Instant::now()),
                Err(error) => return self.refuse(error.into(), Instant::now()),
            }
            if reading.begun.is_none() && !read.decoder.is_idle() {
                let now = Instant::now();
                reading.begun = Some(now);
                if reading.idle_since.is_some() {
                    self.context.registration.set_idle(false, now);
                }
                self.context.state(ConnState::Active);
            }
            match read.fill(cx) {
                Poll::Ready(Ok(0)) => return self.leave(cx),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    let error = ConnectionError::Io(error.kind());
                    self.context.failed(&error);
                    return Step::Done;
                }
                Poll::Pending => break,
            }
        }
        self.wait_for_head(reading, cx)
    }

    /// Nothing is there: what may end the wait beside a byte.
    fn wait_for_head(&mut self, mut reading: Reading, cx: &mut Context<'_>) -> Step {
        let service = Arc::clone(&self.context.service);
        let settings = &service.settings;
        let idle_since = if let Some(since) = reading.idle_since {
            since
        } else {
            let now = reading.answered_at.take().unwrap_or_else(Instant::now);
            if reading.begun.is_none() {
                self.context.registration.set_idle(true, now);
            }
            *reading.idle_since.insert(now)
        };
        self.know_waker(cx);
        if service.handle.is_forced() || (reading.begun.is_none() && self.must_leave()) {
            return self.leave(cx);
        }
        let first = self.context.conn.requests_served() == 0;
        let after = |from: Instant, timeout: Option<Duration>| {
            timeout.and_then(|timeout| from.checked_add(timeout))
        };
        let mut deadline = Nearest::default();
        if first {
            deadline.at(
                after(self.context.conn.accepted_at(), settings.first_request_timeout),
                "first_request_timeout",
            );
        }
        match reading.begun {
            Some(begun) => {
                deadline.at(after(begun, settings.read_header_timeout), "read_header_timeout");
            }
            None if first => {
                deadline.at(after(idle_since, settings.first_byte_timeout), "first_byte_timeout");
            }
            None => {
                deadline.at(after(idle_since, settings.idle_timeout), "idle_timeout");
                deadline.at(self.ends_at, "max_connection_age");
            }
        }
        if reading.begun.is_none() {
            deadline.at(self.grace_ends, "grace");
            if !reading.shrunk {
                deadline.at(idle_since.checked_add(SHRINK_AFTER), "shrink");
            }
        }
        if self.timer.poll(deadline.instant, cx).is_pending() {
            self.state = State::Reading(reading);
            return Step::Wait;
        }
        match deadline.which {
            "shrink" => {
                if let Some(read) = &mut self.read {
                    read.shrink();
                }
                self.out.shrink();
                reading.shrunk = true;
                self.state = State::Reading(reading);
                Step::Again
            }
            "read_header_timeout" => {
                self.timed_out("read_header_timeout");
                self.refuse(Refusal::TIMEOUT, reading.begun.unwrap_or(idle_since))
            }
            // An end that was due is no failure.
            "grace" | "max_connection_age" => self.leave(cx),
            which => {
                self.timed_out(which);
                self.leave(cx)
            }
        }
    }

    /// Ends the connection between two messages.
    fn leave(&mut self, cx: &mut Context<'_>) -> Step {
        self.out.half.farewell(cx);
        Step::Done
    }

    /// Whether an idle connection has to go now; notes from when on it has to.
    fn must_leave(&mut self) -> bool {
        if self.context.registration.control.is_evicted() {
            return true;
        }
        if self.grace_ends.is_none()
            && self.context.service.handle.drain_phase() >= DrainPhase::Grace
        {
            self.grace_ends = Some(Instant::now() + self.context.service.handle.leave_time());
        }
        false
    }
}
