//! The bytes of a tunnel, counted for its observers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::BoxIo;

/// What went through a tunnel so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<(AtomicU64, AtomicU64)>);

impl Counts {
    /// `io`, counted here.
    pub(crate) fn over(&self, io: BoxIo) -> BoxIo {
        Box::new(Counted { io, counts: self.clone() })
    }

    /// Bytes toward the client.
    pub(crate) fn sent(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Bytes from the client.
    pub(crate) fn received(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }

    /// Counts bytes from the client.
    pub(crate) fn receive(&self, bytes: usize) {
        self.0.1.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

struct Counted {
    io: BoxIo,
    counts: Counts,
}

impl Counted {
    fn sent(&self, written: usize) -> usize {
        self.counts.0.0.fetch_add(written as u64, Ordering::Relaxed);
        written
    }
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
        self.counts.receive(read);
        Poll::Ready(Ok(()))
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
