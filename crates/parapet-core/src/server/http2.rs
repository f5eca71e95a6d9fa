//! HTTP/2 to clients, by hyper's server, in the connection's task.
//!
//! hyper speaks the protocol; the limits that it does not show are counted under it by the frame tap, and its streams'
//! futures are kept here instead of being spawned.

mod exec;
mod io;
mod sent;
mod stream;
mod tap;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;

use self::exec::{Queue, Streams};
use self::io::{Watch, WatchedIo};
use self::stream::{Shared, answer};
use self::tap::{Tap, TapLimits};
use super::hooks::ConnectionError;
use super::service::ConnContext;
use super::settings::Settings;
use super::socket::{Rewound, Socket};
use super::timer::LazyTimer;
use crate::DrainPhase;

/// Bytes of a response that wait for the window of its stream.
const SEND_BUFFER: usize = 64 * 1024;
/// What the compression table of a client may take, and the largest frame: RFC 9113's defaults.
const MAX_FRAME: u32 = 16 * 1024;
/// How long a connection without a stream stays after it said GOAWAY, while the server goes on.
const LEAVE_TIME: Duration = Duration::from_secs(1);
/// Name of that deadline, which is no failure.
const LEFT: &str = "goaway";

/// Serves one HTTP/2 connection to its end.
pub(crate) async fn serve_http2(context: ConnContext, socket: Socket, buffered: BytesMut) {
    let service = Arc::clone(&context.service);
    let settings = &service.settings;
    let limits = TapLimits {
        header_block_bytes: settings.max_header_bytes,
        glitch_burst: settings.http2.glitch_burst,
        glitch_rate: settings.http2.glitch_rate,
    };
    let watch = Watch::new(Tap::new(limits, Instant::now().into_std()), settings.min_progress);
    let counters = Arc::clone(&context.listener.counters);
    let io = Rewound::new(buffered, socket.into_boxed());
    let io = WatchedIo::new(io, Arc::clone(&watch), counters);
    let queue = Queue::default();
    let shared = Shared::new(context, queue.clone());
    let streams = Arc::clone(&shared);
    let connection = builder(settings, queue.clone())
        .serve_connection(TokioIo::new(io), service_fn(move |request| answer(&streams, request)));
    let mut connection = pin!(connection);
    let mut streams = Streams::default();
    let mut life = Life::new(&shared);
    let result = poll_fn(|cx| {
        // The streams first: what they answer is written by the poll of the connection behind them.
        streams.poll(&queue, cx);
        let polled = connection.as_mut().poll(cx);
        if polled.is_pending() {
            streams.poll(&queue, cx);
        }
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.err().map(|_| ()));
        }
        match life.poll(&shared, &watch, cx) {
            Next::Wait => Poll::Pending,
            Next::Leave => {
                connection.as_mut().graceful_shutdown();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Next::Cut => Poll::Ready(Some(())),
        }
    })
    .await;
    // Upgraded streams outlive hyper's connection future only if it ended well.
    if result.is_none() {
        poll_fn(|cx| {
            streams.poll(&queue, cx);
            if shared.open() == 0 || service.handle.is_forced() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
    if let Some(flood) = watch.flood() {
        shared.context.failed(&ConnectionError::Protocol(flood.reason()));
    }
}

fn builder(settings: &Settings, queue: Queue) -> Builder<Queue> {
    let http2 = &settings.http2;
    let mut builder = Builder::new(queue);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(http2.max_concurrent_streams)
        .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(http2.max_pending_resets)
        .max_local_error_reset_streams(http2.max_local_resets)
        .initial_stream_window_size(http2.stream_window)
        .initial_connection_window_size(http2.connection_window)
        .max_frame_size(MAX_FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(http2.keep_alive_interval)
        .keep_alive_timeout(http2.keep_alive_timeout)
        .auto_date_header(false)
        .enable_connect_protocol();
    builder
}

/// What is to be done with a connection that has nothing to do.
#[derive(Debug)]
enum Next {
    Wait,
    /// GOAWAY; streams in progress go on.
    Leave,
    Cut,
}

/// Deadlines and the drain of one connection.
#[derive(Debug)]
struct Life {
    timer: LazyTimer,
    idle_since: Option<Instant>,
    /// Since when GOAWAY is said.
    leaving: Option<Instant>,
    waker: Option<Waker>,
    began: Instant,
    /// When the connection is too old, if it has such an age.
    ends_at: Option<Instant>,
}

impl Life {
    fn new(shared: &Shared) -> Self {
        let now = Instant::now();
        shared.context.registration.set_idle(true, now);
        Self {
            timer: LazyTimer::default(),
            idle_since: Some(now),
            leaving: None,
            waker: None,
            began: now,
            ends_at: shared.context.ends_at(),
        }
    }

    fn poll(&mut self, shared: &Shared, watch: &Watch, cx: &mut Context<'_>) -> Next {
        let ConnContext { service, conn, registration, .. } = &shared.context;
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            registration.control.register(cx.waker());
        }
        if service.handle.is_forced() {
            return Next::Cut;
        }
        let settings = &service.settings;
        if shared.open() > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(Instant::now());
        }
        let evicted = registration.control.is_evicted() && shared.open() == 0;
        let old =
            settings.max_requests_per_connection.is_some_and(|most| conn.requests_served() >= most);
        let leaving = self.leaving.is_some();
        let draining = service.handle.drain_phase() >= DrainPhase::Grace;
        if !leaving && (evicted || old || draining) {
            self.leaving = Some(Instant::now());
            return Next::Leave;
        }
        let after = |from: Option<Instant>, timeout: Option<Duration>| {
            from.and_then(|from| from.checked_add(timeout?))
        };
        let first = shared.opened.load(Ordering::Relaxed) == 0;
        let spoke = watch.first_byte();
        let leave_time = if draining { service.handle.leave_time() } else { LEAVE_TIME };
        let waits = [
            (
                after(spoke.is_none().then_some(self.began), settings.first_byte_timeout),
                "first_byte_timeout",
            ),
            (after(watch.stalled_since(), settings.write_timeout), "write_timeout"),
            (after(watch.block_began(), settings.read_header_timeout), "read_header_timeout"),
            (
                after(spoke.filter(|_| !watch.settings_seen()), settings.read_header_timeout),
                "read_header_timeout",
            ),
            (
                after(first.then(|| conn.accepted_at()), settings.first_request_timeout),
                "first_request_timeout",
            ),
            (
                after(self.idle_since.filter(|_| !first && !leaving), settings.idle_timeout),
                "idle_timeout",
            ),
            // The peer may never acknowledge the ping behind the first GOAWAY.
            (
                after(
                    self.leaving
                        .max(self.idle_since)
                        .filter(|_| leaving && self.idle_since.is_some()),
                    Some(leave_time),
                ),
                LEFT,
            ),
            (self.ends_at.filter(|_| !leaving), "max_connection_age"),
        ];
        let nearest = waits
            .into_iter()
            .filter_map(|(at, which)| at.map(|at| (at, which)))
            .min_by_key(|(at, _)| *at);
        let Some((at, which)) = nearest else { return Next::Wait };
        if self.timer.poll(Some(at), cx).is_pending() {
            return Next::Wait;
        }
        if which != "max_connection_age" && which != LEFT {
            shared.context.failed(&ConnectionError::Timeout(which));
        }
        match which {
            "idle_timeout" | "first_request_timeout" | "max_connection_age" if !leaving => {
                self.leaving = Some(Instant::now());
                Next::Leave
            }
            _ => Next::Cut,
        }
    }
}
