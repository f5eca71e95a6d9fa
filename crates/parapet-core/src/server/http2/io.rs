//! The stream under hyper: read through the frame tap, watched for output that nobody takes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::super::stats::{Count, Counters};
use super::sent::{Said, Sent};
use super::tap::{Flood, Tap};

/// What the stream saw, shared with the connection's task.
#[derive(Debug)]
pub(super) struct Watch(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    tap: Tap,
    flood: Option<Flood>,
    /// When the client first said something.
    first_byte: Option<Instant>,
    /// Since when output waits, and what was taken meanwhile.
    stalled: Option<(Instant, usize)>,
    min_progress: usize,
}

impl Watch {
    pub(super) fn new(tap: Tap, min_progress: u32) -> Arc<Self> {
        let min_progress = min_progress as usize;
        Arc::new(Self(Mutex::new(Seen {
            tap,
            flood: None,
            first_byte: None,
            stalled: None,
            min_progress,
        })))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flood(&self) -> Option<Flood> {
        self.seen().flood
    }

    pub(super) fn first_byte(&self) -> Option<Instant> {
        self.seen().first_byte
    }

    pub(super) fn settings_seen(&self) -> bool {
        self.seen().tap.settings_seen()
    }

    pub(super) fn block_began(&self) -> Option<Instant> {
        self.seen().tap.block_began().map(Instant::from_std)
    }

    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.seen().stalled.map(|(since, _)| since)
    }
}

/// The stream.
pub(super) struct WatchedIo<T> {
    io: T,
    watch: Arc<Watch>,
    counters: Arc<Counters>,
    sent: Sent,
}

impl<T> WatchedIo<T> {
    pub(super) fn new(io: T, watch: Arc<Watch>, counters: Arc<Counters>) -> Self {
        Self { io, watch, counters, sent: Sent::default() }
    }

    /// Notes that of `bufs` was taken what `result` says.
    fn wrote(
        &mut self,
        bufs: &[io::IoSlice<'_>],
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Self { sent, counters, .. } = self;
        if let Poll::Ready(Ok(mut taken)) = result {
            for buf in bufs {
                let taken_here = taken.min(buf.len());
                taken -= taken_here;
                sent.feed(buf.get(..taken_here).unwrap_or_default(), |said| match said {
                    Said::GoAway(code) => counters.goaway(code),
                    Said::Refused => counters.add(Count::StreamRefused),
                });
            }
        }
        let mut seen = self.watch.seen();
        match &result {
            Poll::Pending => {
                seen.stalled.get_or_insert_with(|| (Instant::now(), 0));
            }
            Poll::Ready(taken) => {
                let bytes = *taken.as_ref().unwrap_or(&0);
                if let Some((_, taken)) = &mut seen.stalled {
                    *taken = taken.saturating_add(bytes);
                }
                if seen.stalled.is_some_and(|(_, taken)| taken >= seen.min_progress) {
                    seen.stalled = None;
                }
            }
        }
        result
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        let now = Instant::now();
        let mut seen = self.watch.seen();
        if !new.is_empty() {
            seen.first_byte.get_or_insert(now);
        }
        let fed = seen.tap.feed(new, now.into_std());
        let (resets, glitches) = seen.tap.take_counts();
        if resets > 0 {
            self.counters.add_many(Count::StreamReset, resets);
        }
        if glitches > 0 {
            self.counters.add_many(Count::Glitches, glitches);
        }
        if let Err(flood) = fed {
            seen.flood = Some(flood);
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                flood.reason(),
            )));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(&[io::IoSlice::new(buf)], result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(bufs, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
