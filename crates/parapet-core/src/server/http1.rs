//! HTTP/1.1 to clients: the loop of one connection, on parapet-h1.
//!
//! ```text
//! Reading ─head complete→ Handling ─final head→ Sending ─flushed→ Reading
//! Reading ─refused→ Sending → Lingering → closed      Sending ─101, 2xx to CONNECT→ Tunnel → closed
//! Sending ─body failed→ closed                        Sending ─close, or request body left over→ Lingering → closed
//! ```
//!
//! One task, one future: each poll drives the write side, the handler or the response body, and the read side as far as
//! they go. A side with nothing to do makes no system call.

mod exchange;
mod informational;
mod lend;
mod linger;
mod outbox;
mod reading;
mod refuse;
mod tunnel;

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use http::Method;
use parapet_h1::{Connection, RequestDecoder, ResponseEncoder};
use tokio::time::Instant;

use self::exchange::{Exchange, Responding};
use self::lend::{Lent, ReadSide};
use self::linger::Lingering;
use self::outbox::Outbox;
use self::reading::Reading;
use self::refuse::Refusal;
use self::tunnel::TunnelRun;
use super::hooks::{ConnState, ConnectionError, LocalReply};
use super::service::ConnContext;
use super::socket::Socket;
use super::timer::LazyTimer;
use crate::handler::Waiting;
use crate::{Body, Response, plain_error};

/// Exchanges in one poll before the task lets others run.
const EXCHANGES_PER_POLL: u32 = 32;

/// One HTTP/1.1 connection. Ready when it is over; dropped, it closes the connection.
pub(crate) struct Http1 {
    context: ConnContext,
    /// `None` while a request body has it.
    read: Option<Box<ReadSide>>,
    lent: Option<Arc<Lent>>,
    out: Outbox,
    encoder: ResponseEncoder,
    state: State,
    /// Of the request that is being handled or answered.
    exchange: Exchange,
    timer: LazyTimer,
    /// End of the connection's life, if it has one.
    ends_at: Option<Instant>,
    /// The waker that the registry knows.
    waker: Option<Waker>,
    /// Set when the server no longer accepts and the connection is idle.
    grace_ends: Option<Instant>,
    /// When output began to wait for the client, and what was taken since.
    stalled: Option<Stall>,
}

enum State {
    Reading(Reading),
    Handling(Waiting),
    Sending(Responding),
    Lingering(Lingering),
    /// Boxed, so that every state does not have its size: states are moved at each step.
    Tunnel(Box<TunnelRun>),
    /// Between two states; also the end.
    Closed,
}

#[derive(Debug)]
struct Stall {
    since: Instant,
    taken: usize,
}

enum Step {
    Again,
    Wait,
    Done,
}

impl Http1 {
    /// A connection over `socket` of which `buffered` was read already.
    pub(crate) fn new(context: ConnContext, socket: Socket, buffered: BytesMut) -> Self {
        let decoder = RequestDecoder::new(context.service.limits);
        let (read, write) = socket.split();
        let ends_at = context.ends_at();
        Self {
            context,
            read: Some(Box::new(ReadSide::new(read, buffered, decoder))),
            lent: None,
            out: Outbox::new(write),
            encoder: ResponseEncoder::new(),
            state: State::Reading(Reading::default()),
            exchange: Exchange::none(),
            timer: LazyTimer::default(),
            ends_at,
            waker: None,
            grace_ends: None,
            stalled: None,
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Reading(reading) => self.read_head(reading, cx),
            State::Handling(answer) => self.handle(answer, cx),
            State::Sending(responding) => self.send(responding, cx),
            State::Lingering(lingering) => self.linger(lingering, cx),
            State::Tunnel(mut tunnel) => {
                if self.context.service.handle.is_forced() || tunnel.poll(cx).is_ready() {
                    return Step::Done;
                }
                self.know_waker(cx);
                self.state = State::Tunnel(tunnel);
                Step::Wait
            }
            State::Closed => Step::Done,
        }
    }

    fn timed_out(&self, which: &'static str) {
        self.context.failed(&ConnectionError::Timeout(which));
    }

    /// Tells the registry whom to wake. The registry's lock is taken only when the waker is a new one.
    fn know_waker(&mut self, cx: &Context<'_>) {
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            self.context.registration.control.register(cx.waker());
        }
    }

    /// Answers what no handler sees, and closes.
    fn refuse(&mut self, refusal: Refusal, received_at: Instant) -> Step {
        self.refuse_method(Method::GET, refusal, received_at)
    }

    /// As [`refuse`](Self::refuse) where the method is known: the answer to HEAD has no content.
    fn refuse_method(&mut self, method: Method, refusal: Refusal, received_at: Instant) -> Step {
        let Refusal { status, text, kind } = refusal;
        self.context.local_reply(&LocalReply { status, kind, received_at });
        self.exchange = Exchange::refused(method);
        self.respond(plain_error(status, text))
    }

    /// Drives the handler.
    fn handle(&mut self, mut answer: Waiting, cx: &mut Context<'_>) -> Step {
        if let Some(lent) = self.lent() {
            lent.enter_poll();
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut answer).poll(cx)));
        let wants_continue = self.after_poll(cx);
        let response = match polled {
            Ok(Poll::Ready(response)) => response,
            Ok(Poll::Pending) => return self.await_handler(answer, wants_continue, cx),
            Err(panic) => {
                self.exchange.keep_alive = false;
                self.panicked(&*panic)
            }
        };
        drop_guarded(answer);
        self.respond(response)
    }

    /// The handler is not done: sends 100 and other 1xx heads, and watches whether the client is still there.
    fn await_handler(
        &mut self,
        answer: Waiting,
        wants_continue: bool,
        cx: &mut Context<'_>,
    ) -> Step {
        if wants_continue {
            self.out.text(|out| out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
        if let Some(informational) = &self.exchange.informational {
            informational.drain(&mut self.encoder, &mut self.out);
        }
        if self.context.service.handle.is_forced() {
            self.out.half.reset_on_close();
            drop_guarded(answer);
            return Step::Done;
        }
        if self.client_is_gone(cx) || self.write(cx).is_err() {
            drop_guarded(answer); // cancels the work
            return Step::Done;
        }
        self.know_waker(cx);
        self.state = State::Handling(answer);
        match self.stall_timer(None, cx) {
            Poll::Ready(()) => Step::Done,
            Poll::Pending => Step::Wait,
        }
    }

    /// Looks at the read side while an answer is pending. What comes is the next requests and stays undecoded.
    fn client_is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.context.service.settings.max_header_bytes;
        let half_close = self.context.service.settings.half_close;
        let Some(read) = &mut self.read else { return false };
        while !self.exchange.half_closed && read.buffer.len() < limit {
            match read.fill(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) if half_close => self.exchange.half_closed = true,
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Ready(Ok(_)) => {}
            }
        }
        false
    }

    /// After a poll that may have read the request body: takes the read side back when the body is done with it.
    fn after_poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(lent) = self.lent() else { return false };
        let (status, wants_continue) = lent.leave_poll(cx.waker());
        if status == lend::Status::Ended {
            self.read = lent.reclaim();
        }
        wants_continue
    }

    /// The cell of the request body, while it has the read side.
    fn lent(&self) -> Option<Arc<Lent>> {
        if self.exchange.has_body && self.read.is_none() { self.lent.clone() } else { None }
    }

    /// Writes what is queued. `Ok(true)`: nothing is left.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while !self.out.is_empty() {
            match self.out.poll_write(cx) {
                Poll::Ready(taken) => {
                    let taken = taken?;
                    if let Some(stall) = &mut self.stalled {
                        stall.taken = stall.taken.saturating_add(taken);
                        if stall.taken >= self.context.service.settings.min_progress as usize {
                            self.stalled = None;
                        }
                    }
                }
                Poll::Pending => {
                    self.stalled.get_or_insert_with(|| Stall { since: Instant::now(), taken: 0 });
                    return Ok(false);
                }
            }
        }
        self.stalled = None;
        Ok(true)
    }

    /// Sends what is written, flushed. `Ok(true)`: it is out.
    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        match self.out.poll_flush(cx) {
            Poll::Ready(result) => result.map(|()| true),
            Poll::Pending => {
                self.stalled.get_or_insert_with(|| Stall { since: Instant::now(), taken: 0 });
                Ok(false)
            }
        }
    }

    /// Ready when the client took nothing of the waiting output for too long, or the response is not out by `end`.
    fn stall_timer(&mut self, end: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.context.service.settings.write_timeout;
        let mut deadline = Nearest::default();
        deadline.at(
            self.stalled.as_ref().and_then(|stall| stall.since.checked_add(timeout?)),
            "write_timeout",
        );
        deadline.at(end, "write_total_timeout");
        if self.timer.poll(deadline.instant, cx).is_pending() {
            return Poll::Pending;
        }
        self.timed_out(deadline.which);
        self.out.half.reset_on_close();
        Poll::Ready(())
    }

    /// Whether this answer has to say that the connection closes, for reasons that are not the client's.
    fn wants_close(&self, now: Instant) -> bool {
        let ConnContext { service, conn, .. } = &self.context;
        self.ends_at.is_some_and(|end| now >= end)
            || service
                .settings
                .max_requests_per_connection
                .is_some_and(|most| conn.requests_served() >= most)
            || (service.handle.is_draining() && service.handle.wants_close(now))
    }

    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Response {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or_default();
        tracing::error!(target: "parapet_core", message, "a handler panicked");
        let response = super::service::panicked();
        if let Some(error) = response.extensions().get() {
            self.context.service.hooks.response_error(&self.context.conn, error);
        }
        response
    }
}

/// The nearest of several deadlines, and its name.
#[derive(Debug, Default)]
struct Nearest {
    instant: Option<Instant>,
    which: &'static str,
}

impl Nearest {
    fn at(&mut self, instant: Option<Instant>, which: &'static str) {
        if let Some(instant) = instant
            && self.instant.is_none_or(|nearest| instant < nearest)
        {
            self.instant = Some(instant);
            self.which = which;
        }
    }
}

impl Future for Http1 {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let served = this.context.conn.requests_served();
        loop {
            match this.step(cx) {
                Step::Again => {
                    let done = this.context.conn.requests_served() - served;
                    if done >= u64::from(EXCHANGES_PER_POLL) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Step::Wait => return Poll::Pending,
                Step::Done => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Http1 {
    fn drop(&mut self) {
        drop_guarded(std::mem::replace(&mut self.state, State::Closed));
    }
}

/// Drops without letting a panic out: bodies and futures are other people's code.
fn drop_guarded<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!(target: "parapet_core", "a destructor of a request panicked");
    }
}

/// The connection's word in a response head.
fn connection_option(keep_alive: bool) -> Connection {
    if keep_alive { Connection::KeepAlive } else { Connection::Close }
}

/// Requests whose head was complete; the connection's task alone writes it.
fn count_request(conn: &crate::ConnInfo) {
    conn.requests_served.fetch_add(1, Ordering::Relaxed);
}

/// The body of a response that the loop is done with.
fn discard(body: Body) {
    drop_guarded(body);
}
