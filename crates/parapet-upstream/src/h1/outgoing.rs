use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use parapet_h1::{Wrap, WrapBytes};
use tokio::io::AsyncWrite;

/// What is still to be written of a request: its head, then frames of its body with the bytes around them.
///
/// Frames are never copied: up to 16 pieces leave in one vectored write.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Where heads are encoded. Its memory is kept for the next exchange.
    pub(crate) head: BytesMut,
    pieces: VecDeque<Piece>,
    /// Bytes taken of what is in front: of the head while it has some left, else of the first piece.
    taken: usize,
    /// Bytes waiting in `pieces`.
    queued: usize,
    /// Bytes that the I/O took since [`reset`](Self::reset).
    pub(crate) written: u64,
    /// Something was written that a buffering I/O may still hold.
    unflushed: bool,
}

#[derive(Debug)]
enum Piece {
    Wrap(WrapBytes),
    Data(Bytes),
}

impl Piece {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Wrap(wrap) => wrap.as_slice(),
            Self::Data(data) => data,
        }
    }
}

impl Outgoing {
    /// Before the next request.
    pub(crate) fn reset(&mut self) {
        self.head.clear();
        self.pieces.clear();
        (self.taken, self.queued, self.written, self.unflushed) = (0, 0, 0, false);
    }

    /// Queues one frame of the body.
    pub(crate) fn push(&mut self, wrap: Wrap, data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.queued += wrap.before.len() + data.len() + wrap.after.len();
        if !wrap.before.is_empty() {
            self.pieces.push_back(Piece::Wrap(wrap.before));
        }
        self.pieces.push_back(Piece::Data(data));
        if !wrap.after.is_empty() {
            self.pieces.push_back(Piece::Wrap(wrap.after));
        }
    }

    /// Queues what ends the body.
    pub(crate) fn push_end(&mut self, end: BytesMut) {
        self.push(Wrap::default(), end.freeze());
    }

    /// No more frames belong into the batch that is written next.
    pub(crate) fn is_full(&self) -> bool {
        self.pieces.len() + 3 > MAX_SLICES || self.queued >= MAX_QUEUED
    }

    /// Everything was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.taken >= self.head.len()
    }

    /// Gives the memory of an idle connection back, all of it or what is more than usual.
    pub(crate) fn shrink(&mut self, keep: usize) {
        if self.head.capacity() > keep {
            self.head = BytesMut::new();
            self.taken = 0;
        }
        if self.pieces.capacity() > MAX_SLICES || keep == 0 {
            self.pieces = VecDeque::new();
        }
    }

    /// Writes until everything is taken.
    pub(crate) fn poll_drain(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let taken = ready!(self.poll_write(io, cx))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += taken as u64;
            self.unflushed = true;
            self.advance(taken);
        }
        Poll::Ready(Ok(()))
    }

    /// Sees to it that an I/O with a buffer of its own sends what it took.
    pub(crate) fn poll_flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let head = self.head.get(self.taken..).unwrap_or_default();
        let into_first = self.taken.saturating_sub(self.head.len());
        if self.pieces.is_empty() {
            return Pin::new(io).poll_write(cx, head);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        let pieces = self.pieces.iter().enumerate().map(|(place, piece)| {
            let skip = if place == 0 { into_first } else { 0 };
            piece.as_slice().get(skip..).unwrap_or_default()
        });
        let waiting = std::iter::once(head).filter(|head| !head.is_empty()).chain(pieces);
        for (slot, bytes) in slices.iter_mut().zip(waiting) {
            *slot = IoSlice::new(bytes);
            used += 1;
        }
        let slices = slices.get(..used).unwrap_or_default();
        match slices {
            [slice] => Pin::new(io).poll_write(cx, slice),
            slices if io.is_write_vectored() => Pin::new(io).poll_write_vectored(cx, slices),
            // A TLS or custom stream copies anyway, and takes the first slice only.
            slices => Pin::new(io).poll_write(cx, slices.first().map_or(&[], |slice| slice)),
        }
    }

    /// Forgets `taken` more bytes. The head stays where it is until the next request: a prefix that was taken costs
    /// nothing, and moving the rest would.
    fn advance(&mut self, taken: usize) {
        self.taken += taken;
        let head = self.head.len();
        while let Some(piece) = self.pieces.front() {
            let length = piece.as_slice().len();
            if self.taken < head + length {
                break;
            }
            self.taken -= length;
            self.queued = self.queued.saturating_sub(length);
            self.pieces.pop_front();
        }
    }
}

/// Slices in one vectored write.
const MAX_SLICES: usize = 16;
/// Bytes of frames that are gathered into one write.
const MAX_QUEUED: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `step` bytes a call and counts the calls.
    struct Slow {
        step: usize,
        taken: Vec<u8>,
        calls: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.step);
            self.taken.extend_from_slice(&bytes[..taken]);
            self.calls += 1;
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let taken = bytes.len().min(self.step);
            self.taken.extend_from_slice(&bytes[..taken]);
            self.calls += 1;
            Poll::Ready(Ok(taken))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn bytes_leave_in_order_however_little_is_taken() {
        for step in 1..40 {
            let mut encoder = parapet_h1::RequestEncoder::new();
            let mut out = Outgoing::default();
            let (parts, ()) =
                http::Request::post("/").header("host", "a").body(()).unwrap().into_parts();
            let (framing, connection) =
                (parapet_h1::Framing::Chunked, parapet_h1::Connection::KeepAlive);
            encoder.start(&parts, framing, connection, false, &mut out.head).unwrap();
            for data in ["hello", "", "world"] {
                out.push(encoder.data(data.len()).unwrap(), Bytes::from(data));
            }
            let mut end = BytesMut::new();
            encoder.end(None, &mut end).unwrap();
            out.push_end(end);
            let mut io = Slow { step, taken: Vec::new(), calls: 0 };
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(out.poll_drain(&mut io, &mut cx).is_ready());
            let expected = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
            assert_eq!(String::from_utf8(io.taken).unwrap(), expected, "step {step}");
            assert_eq!((out.written, out.queued), (expected.len() as u64, 0));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_head_and_a_small_body_are_one_write() {
        let mut out = Outgoing::default();
        out.head.extend_from_slice(b"head");
        out.push(Wrap::default(), Bytes::from_static(b"body"));
        let mut io = Slow { step: usize::MAX, taken: Vec::new(), calls: 0 };
        assert!(
            out.poll_drain(&mut io, &mut Context::from_waker(std::task::Waker::noop())).is_ready()
        );
        assert_eq!((io.taken.as_slice(), io.calls), (&b"headbody"[..], 1));
    }
}
