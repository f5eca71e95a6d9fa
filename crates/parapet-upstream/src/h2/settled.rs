//! When the peer's settings hold.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::io::Io;

/// The I/O of a connection that tells when the peer's first settings were applied: whether it takes an extended CONNECT
/// is known only then (RFC 8441 §3), and neither hyper nor h2 can be waited on for it. Their acknowledgement goes out
/// behind it.
#[derive(Debug)]
pub(super) struct Settling {
    io: Io,
    /// `None`: told.
    waiting: Option<Acknowledgement>,
    settled: Arc<Settled>,
}

/// Whether the settings hold. Waited for by the driver alone.
#[derive(Debug, Default)]
pub(super) struct Settled {
    is: AtomicBool,
    waker: AtomicWaker,
}

impl Settled {
    /// If not, `cx` is woken when they do.
    pub(super) fn is_now(&self, cx: &Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.is.load(Ordering::Acquire)
    }
}

impl Settling {
    /// The I/O, and what becomes true.
    pub(super) fn new(io: Io) -> (Self, Arc<Settled>) {
        let settled = Arc::<Settled>::default();
        let waiting = Some(Acknowledgement::new());
        (Self { io, waiting, settled: Arc::clone(&settled) }, settled)
    }

    fn wrote(&mut self, bytes: &[u8]) {
        if self.waiting.as_mut().is_some_and(|scan| scan.is_in(bytes)) {
            self.settled.is.store(true, Ordering::Release);
            self.settled.waker.wake();
            self.waiting = None;
        }
    }
}

/// Looks for the acknowledgement of settings in the bytes of a client (RFC 9113 §6.5).
#[derive(Debug)]
struct Acknowledgement {
    /// Bytes until the next frame begins.
    skip: usize,
    head: [u8; FRAME_HEAD],
    /// How much of the head is there.
    have: usize,
}

impl Acknowledgement {
    fn new() -> Self {
        Self { skip: CLIENT_PREFACE, head: [0; FRAME_HEAD], have: 0 }
    }

    /// Whether it ends in `bytes`, the next of the stream.
    fn is_in(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let Some((byte, rest)) = bytes.get(skipped..).and_then(<[u8]>::split_first) else {
                return false;
            };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.have) {
                *place = *byte;
                self.have += 1;
            }
            if self.have == FRAME_HEAD {
                let [a, b, c, kind, flags, ..] = self.head;
                if (kind, flags & ACK) == (SETTINGS, ACK) {
                    return true;
                }
                self.have = 0;
                self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            }
        }
    }
}

impl AsyncRead for Settling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Settling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.wrote(buf.get(..count).unwrap_or(buf));
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        if self.waiting.is_some() {
            let mut left = count;
            for buf in bufs {
                let taken = left.min(buf.len());
                self.wrote(buf.get(..taken).unwrap_or(buf));
                left -= taken;
            }
        }
        Poll::Ready(Ok(count))
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

/// `PRI * HTTP/2.0` and what follows it (RFC 9113 §3.4).
const CLIENT_PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_acknowledgement_of_settings_counts_wherever_the_bytes_are_cut() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        // Settings of our own, whose content looks like an acknowledgement, and the answer to a ping.
        let own = [&[0, 0, 9, 4, 0, 0, 0, 0, 0][..], &[0, 0, 0, 4, 1, 0, 0, 0, 0]].concat();
        let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &[4; 8]].concat();
        let sent = [&preface[..], &own, &pong, &[0, 0, 0, 4, 1, 0, 0, 0, 0]].concat();
        for cut in 0..=sent.len() {
            let mut scan = Acknowledgement::new();
            let (first, second) = sent.split_at(cut);
            assert_eq!(scan.is_in(first), cut == sent.len(), "{cut}");
            assert!(cut == sent.len() || scan.is_in(second), "{cut}");
        }
    }
}
