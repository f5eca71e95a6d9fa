//! A connection that was taken over.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use sync_wrapper::SyncWrapper;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::socket::{Joined, WriteHalf};
use super::lend::ReadSide;
use crate::body::Outcome;
use crate::{Body, BoxFuture, BoxIo, ServerHandle, Upgraded};

/// The tunnel's future, run in the connection's task, and what lives as long as it.
pub(super) struct TunnelRun {
    future: BoxFuture<'static, ()>,
    counts: Arc<Counts>,
    /// Body of the hand-over: its guards and observers hear of the end.
    body: Body,
    #[expect(
        dead_code,
        reason = "nobody's to read, but what it holds lives as long as the tunnel"
    )]
    response_body: SyncWrapper<Body>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl TunnelRun {
    pub(super) fn start(
        read: ReadSide,
        write: WriteHalf,
        mut body: Body,
        server: ServerHandle,
    ) -> Option<Self> {
        let tunnel = body.take_tunnel()?;
        let counts = Arc::new(Counts::default());
        let buffered = read.buffer.freeze();
        counts.received.fetch_add(buffered.len() as u64, Ordering::Relaxed);
        let io = Counted { io: Joined::boxed(read.half, write), counts: Arc::clone(&counts) };
        let io = Upgraded::new(buffered, Box::new(io), Some(server));
        let (future, response_body) = tunnel.start(io);
        // No rider may be added to `body` any more: without its tunnel it counts as ended, which would close all of them.
        Some(Self { future, counts, body, response_body: SyncWrapper::new(response_body) })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let future = &mut self.future;
        if let Ok(polled) = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            ready!(polled);
        } else {
            tracing::error!(target: "parapet_core", "a tunnel panicked");
        }
        let sent = self.counts.sent.load(Ordering::Relaxed);
        let received = self.counts.received.load(Ordering::Relaxed);
        self.body.tunnel_ended(sent, received, &Outcome::Complete);
        Poll::Ready(())
    }
}

/// Counts the bytes of a tunnel for its observers.
struct Counted {
    io: BoxIo,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        self.counts.received.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl Counted {
    fn sent(&self, written: usize) -> usize {
        self.counts.sent.fetch_add(written as u64, Ordering::Relaxed);
        written
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        Poll::Ready(Ok(self.sent(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        Poll::Ready(Ok(self.sent(written)))
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
