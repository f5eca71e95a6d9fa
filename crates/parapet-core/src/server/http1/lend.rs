//! The read side of a connection, and the request body that borrows it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use parapet_h1::{DecodeError, RequestDecoder, RequestEvent};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::super::progress::{ProgressClock, ProgressRules};
use super::super::socket::ReadHalf;
use super::super::timer::LazyTimer;
use crate::{BodyError, recycle};

/// Where requests come from: the stream, what was read of it, and the decoder.
///
/// One owner at any time: the connection's loop, or, while a request body lasts, the [`Lent`] cell that the body reads
/// through.
#[derive(Debug)]
pub(super) struct ReadSide {
    pub(super) half: ReadHalf,
    pub(super) buffer: BytesMut,
    pub(super) decoder: RequestDecoder,
    /// Bytes to ask for at once; doubled while reads fill the room.
    want: usize,
    /// Nothing came for a while: the next bytes are awaited without a buffer.
    shrunk: bool,
    timer: LazyTimer,
}

/// Room asked for at the start of an exchange: most heads fit, and a short read tells the runtime that the socket is
/// empty, which saves the read that would find out. Larger, and what idle connections gave back would still be resident:
/// the allocator keeps the holes between their tasks.
const FIRST_READ: usize = 2 * 1024;
/// A larger buffer is not kept from one exchange to the next.
const KEPT: usize = 8 * 1024;
const LARGEST_READ: usize = 64 * 1024;
/// Room for the first bytes after a silence: most heads without cookies.
const AFTER_SILENCE: usize = 1024;

impl ReadSide {
    pub(super) fn new(half: ReadHalf, buffer: BytesMut, decoder: RequestDecoder) -> Self {
        Self { half, buffer, decoder, want: FIRST_READ, shrunk: false, timer: LazyTimer::default() }
    }

    /// Decodes what is there of the next head, in the memory of one that is done with.
    pub(super) fn next_head(&mut self) -> Result<RequestEvent, DecodeError> {
        if self.buffer.is_empty() {
            return self.decoder.next(&mut self.buffer);
        }
        let waiting = self.decoder.take_map();
        let map = if waiting.capacity() == 0 { recycle::map() } else { waiting };
        self.decoder.next_with(&mut self.buffer, map)
    }

    /// Reads once. 0: end of file.
    pub(super) fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.shrunk {
            return self.fill_shrunk(cx);
        }
        let spare = self.buffer.capacity() - self.buffer.len();
        if spare < self.want / 2 {
            self.buffer.reserve(self.want);
        }
        let room = self.buffer.capacity() - self.buffer.len();
        let read = ready!(self.half.poll_read(&mut self.buffer, cx))?;
        if read == room {
            self.want = (self.want * 2).min(LARGEST_READ);
        }
        Poll::Ready(Ok(read))
    }

    /// Reads once by way of the stack, so that a connection that waits keeps no buffer.
    fn fill_shrunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut first = [0; AFTER_SILENCE];
        let mut first = ReadBuf::new(&mut first);
        ready!(self.half.poll_read_into(&mut first, cx))?;
        self.shrunk = false;
        self.buffer.reserve(FIRST_READ);
        self.buffer.extend_from_slice(first.filled());
        Poll::Ready(Ok(first.filled().len()))
    }

    /// Between exchanges: a large buffer is not worth keeping.
    pub(super) fn rest(&mut self) {
        self.want = FIRST_READ;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = BytesMut::new();
        }
    }

    /// After a while of silence: no buffer at all.
    pub(super) fn shrink(&mut self) {
        self.decoder.shrink();
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.shrunk = true;
        }
    }
}

/// Cell in which the read side lies while a request body lasts. One per connection, made for its first body.
#[derive(Debug, Default)]
pub(super) struct Lent(Mutex<Cell>);

#[derive(Debug, Default)]
struct Cell {
    /// Number of the request whose body may read. Counted up when the loop takes the side back, so that a handle kept
    /// from an earlier request reads nothing.
    number: u64,
    side: Option<Box<ReadSide>>,
    status: Status,
    /// Bytes of the body that were not read yet, if it has a length.
    left: Option<u64>,
    /// The loop's, to be woken when the body is done with the side, or wants 100 to be sent.
    waker: Option<Waker>,
    /// The loop is inside a poll of handler or response body and looks at this cell after it: no need to wake it.
    loop_polls: bool,
    wants_continue: bool,
}

/// What became of the request body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// Being read, or not read yet.
    #[default]
    Open,
    /// Read to its end.
    Ended,
    /// Failed: nothing more can be read from the connection.
    Failed,
    /// Dropped before its end.
    Dropped,
}

/// How a body is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyRules {
    pub(super) length: Option<u64>,
    pub(super) expect_continue: bool,
    pub(super) progress: ProgressRules,
}

impl Lent {
    fn cell(&self) -> MutexGuard<'_, Cell> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends the read side to a new body.
    pub(super) fn lend(
        self: &Arc<Self>,
        side: Box<ReadSide>,
        rules: BodyRules,
        waker: &Waker,
    ) -> RequestBody {
        let mut cell = self.cell();
        cell.number += 1;
        cell.side = Some(side);
        cell.status = Status::Open;
        cell.left = rules.length;
        cell.wants_continue = false;
        cell.waker = Some(waker.clone());
        RequestBody {
            lent: Arc::clone(self),
            number: cell.number,
            left: rules.length,
            expect_continue: rules.expect_continue,
            done: false,
            clock: ProgressClock::new(rules.progress),
        }
    }

    /// Before the loop polls handler or response body.
    pub(super) fn enter_poll(&self) {
        self.cell().loop_polls = true;
    }

    /// After it: what became of the body, and whether 100 is to be sent now.
    pub(super) fn leave_poll(&self, waker: &Waker) -> (Status, bool) {
        let mut cell = self.cell();
        cell.loop_polls = false;
        if cell.waker.as_ref().is_none_or(|kept| !kept.will_wake(waker)) {
            cell.waker = Some(waker.clone());
        }
        (cell.status, std::mem::take(&mut cell.wants_continue))
    }

    pub(super) fn status(&self) -> Status {
        self.cell().status
    }

    /// Bytes of the body that were not read yet; `None`: unknown.
    pub(super) fn left(&self) -> Option<u64> {
        self.cell().left
    }

    /// Takes the side back, whatever the body's holder does.
    pub(super) fn reclaim(&self) -> Option<Box<ReadSide>> {
        let mut cell = self.cell();
        cell.number += 1;
        cell.waker = None;
        cell.side.take()
    }
}

/// The body of an HTTP/1.1 request: reads the connection when it is polled, and gives it back at its end.
#[derive(Debug)]
pub(super) struct RequestBody {
    lent: Arc<Lent>,
    number: u64,
    left: Option<u64>,
    expect_continue: bool,
    done: bool,
    clock: ProgressClock,
}

impl RequestBody {
    fn finish(&mut self, cell: &mut Cell, status: Status) {
        self.done = true;
        cell.status = status;
        if !cell.loop_polls
            && let Some(waker) = &cell.waker
        {
            waker.wake_by_ref();
        }
    }

    fn next(
        &mut self,
        cell: &mut Cell,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        if cell.number != self.number {
            return Poll::Ready(Err(BodyError::Disconnected));
        }
        let Cell { side, waker, wants_continue, left, .. } = cell;
        let Some(side) = side else { return Poll::Ready(Err(BodyError::Disconnected)) };
        loop {
            match side.decoder.next(&mut side.buffer).map_err(malformed)? {
                RequestEvent::Data(data) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    *left = self.left;
                    return Poll::Ready(Ok(Some(Frame::data(data))));
                }
                RequestEvent::Trailers(map) => return Poll::Ready(Ok(Some(Frame::trailers(map)))),
                RequestEvent::End => return Poll::Ready(Ok(None)),
                // Never inside a body: the loop calls `next_message`.
                RequestEvent::Head(..) => {
                    return Poll::Ready(Err(BodyError::Malformed("message out of turn")));
                }
                RequestEvent::NeedMore => {}
            }
            if std::mem::take(&mut self.expect_continue) {
                *wants_continue = true;
                if let Some(waker) = waker {
                    waker.wake_by_ref();
                }
            }
            match side.fill(cx) {
                Poll::Ready(Ok(0)) => {
                    let _ = side.decoder.eof();
                    return Poll::Ready(Err(malformed(DecodeError::EarlyEnd)));
                }
                Poll::Ready(Ok(read)) => self.clock.progress(read),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::Disconnected)),
                Poll::Pending => {
                    ready!(side.timer.poll(self.clock.wanted(Instant::now), cx));
                    return Poll::Ready(Err(BodyError::Timeout));
                }
            }
        }
    }
}

/// Texts of decode errors are fixed words, never bytes of the peer.
fn malformed(error: DecodeError) -> BodyError {
    BodyError::Malformed(super::refuse::text(error))
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let lent = Arc::clone(&this.lent);
        let mut cell = lent.cell();
        let next = ready!(this.next(&mut cell, cx));
        Poll::Ready(match next {
            Ok(Some(frame)) => {
                // The end is told with the last frame, so that the loop has its read side back as early as can be.
                let ended = cell.side.as_ref().is_some_and(|side| side.decoder.is_done());
                if ended {
                    this.finish(&mut cell, Status::Ended);
                }
                Some(Ok(frame))
            }
            Ok(None) => {
                this.finish(&mut cell, Status::Ended);
                None
            }
            Err(error) => {
                if cell.number == this.number {
                    this.finish(&mut cell, Status::Failed);
                }
                this.done = true;
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let lent = Arc::clone(&self.lent);
        let mut cell = lent.cell();
        if cell.number == self.number {
            self.finish(&mut cell, Status::Dropped);
        }
    }
}
