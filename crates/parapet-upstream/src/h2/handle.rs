use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::watch;
use tokio::time::Instant;

use super::body::RequestBody;

/// An HTTP/2 connection as requests see it. The last one dropped ends the connection once its streams have ended.
#[derive(Debug)]
pub(crate) struct Handle {
    sender: SendRequest<RequestBody>,
    max_streams: usize,
    streams: AtomicUsize,
    /// Gets no new streams: the peer is going away, or we are.
    closing: AtomicBool,
    /// Whether the peer takes an extended CONNECT, once its settings hold. The other end goes with the connection.
    takes_connect: watch::Receiver<Option<bool>>,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    /// When the last stream ended.
    idle_since: Instant,
    /// Our own resets since `since`.
    resets: u32,
    since: Instant,
}

/// One stream of ours, in progress until it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) handle: Arc<Handle>,
    /// It ended by itself; otherwise its drop resets it.
    pub(super) ended: bool,
}

impl Handle {
    pub(super) fn new(
        sender: SendRequest<RequestBody>,
        max_streams: usize,
        takes_connect: watch::Receiver<Option<bool>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            sender,
            max_streams,
            streams: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            takes_connect,
            used: Mutex::new(Used { idle_since: now, resets: 0, since: now }),
        }
    }

    /// Room for one more stream; `None`: another connection is needed.
    pub(super) fn open_stream(self: &Arc<Self>) -> Option<Stream> {
        let more = |streams| (streams < self.max_streams).then_some(streams + 1);
        if !self.is_open() {
            return None;
        }
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Stream { handle: Arc::clone(self), ended: false })
    }

    pub(super) fn sender(&self) -> SendRequest<RequestBody> {
        self.sender.clone()
    }

    /// Whether the peer takes an extended CONNECT (RFC 8441 §3). Waits for its settings; `None`: they never came.
    pub(super) async fn takes_connect(&self) -> Option<bool> {
        let mut told = self.takes_connect.clone();
        *told.wait_for(Option::is_some).await.ok()?
    }

    /// No new streams from now on.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.closing.load(Ordering::Acquire) && !self.sender.is_closed()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.is_open() && self.streams() < self.max_streams
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    /// How long it has had no stream.
    pub(crate) fn idle_for(&self, now: Instant) -> Duration {
        if self.streams() > 0 {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.used().idle_since)
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut used = self.handle.used();
        used.idle_since = now;
        if !self.ended {
            if now.saturating_duration_since(used.since) > RESET_WINDOW {
                (used.since, used.resets) = (now, 0);
            }
            used.resets += 1;
            // Hedging must not look like a flood of resets to the peer.
            if used.resets > MAX_RESETS {
                self.handle.close();
            }
        }
        drop(used);
        self.handle.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

const RESET_WINDOW: Duration = Duration::from_secs(10);
const MAX_RESETS: u32 = 100;
