//! What waits to be written to a client.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use parapet_h1::WrapBytes;

use super::super::socket::WriteHalf;

/// Slices of one write; more frames wait for the next.
const SLICES: usize = 16;
/// Bytes queued at most before the body is asked for more.
const ENOUGH: usize = 64 * 1024;

/// The write side: the stream, the bytes of heads, and the frames behind them.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) half: WriteHalf,
    /// Heads, 1xx and last chunks. Goes out before the frames, so nothing may be put here while frames wait: see
    /// [`text`](Self::text).
    head: BytesMut,
    frames: VecDeque<Segment>,
    queued: usize,
    unflushed: bool,
}

#[derive(Debug)]
enum Segment {
    Bytes(Bytes),
    Wrap { bytes: WrapBytes, sent: usize },
}

impl Segment {
    fn rest(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Wrap { bytes, sent } => bytes.as_slice().get(*sent..).unwrap_or_default(),
        }
    }
}

impl Outbox {
    pub(super) fn new(half: WriteHalf) -> Self {
        Self { half, head: BytesMut::new(), frames: VecDeque::new(), queued: 0, unflushed: false }
    }

    /// Writes text through `f`, in front of frames that come later and behind those that wait.
    pub(super) fn text<T>(&mut self, f: impl FnOnce(&mut BytesMut) -> T) -> T {
        if self.frames.is_empty() {
            let before = self.head.len();
            let result = f(&mut self.head);
            self.queued += self.head.len() - before;
            return result;
        }
        let mut text = BytesMut::new();
        let result = f(&mut text);
        self.frame(text.freeze());
        result
    }

    pub(super) fn frame(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.frames.push_back(Segment::Bytes(bytes));
        }
    }

    pub(super) fn wrap(&mut self, bytes: WrapBytes) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.frames.push_back(Segment::Wrap { bytes, sent: 0 });
        }
    }

    /// Whether another frame should wait until something was taken.
    pub(super) fn is_full(&self) -> bool {
        self.queued >= ENOUGH || self.frames.len() + 3 > SLICES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Writes once. Returns the number of bytes taken; only called while something is queued.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut filled = 0;
        let head = (!self.head.is_empty()).then_some(&self.head[..]);
        for (slice, bytes) in
            slices.iter_mut().zip(head.into_iter().chain(self.frames.iter().map(Segment::rest)))
        {
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        let slices = slices.get(..filled).unwrap_or_default();
        let taken = ready!(self.half.poll_write_vectored(slices, cx))?;
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        self.advance(taken);
        Poll::Ready(Ok(taken))
    }

    /// Sends what TLS or a layer holds back.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(self.half.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Between exchanges, and after a while of silence.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.head = BytesMut::new();
            self.frames = VecDeque::new();
        }
    }

    fn advance(&mut self, mut taken: usize) {
        self.queued = self.queued.saturating_sub(taken);
        let from_head = taken.min(self.head.len());
        if from_head == self.head.len() {
            // Keeps its room, unlike `advance`, which would walk off the end of it.
            self.head.clear();
        } else {
            self.head.advance(from_head);
        }
        taken -= from_head;
        while taken > 0 {
            let Some(front) = self.frames.front_mut() else { return };
            let length = front.rest().len();
            if taken < length {
                match front {
                    Segment::Bytes(bytes) => bytes.advance(taken),
                    Segment::Wrap { sent, .. } => *sent += taken,
                }
                return;
            }
            taken -= length;
            self.frames.pop_front();
        }
    }
}
