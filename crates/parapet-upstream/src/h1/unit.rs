use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use parapet_core::RequestHead;
use parapet_h1::{EncodeError, RequestEncoder, RequestKind, ResponseDecoder};
use tokio::io::{AsyncReadExt, WriteHalf};
use tokio::time::Instant;

use super::exchange::Plan;
use super::{Held, Outgoing};
use crate::io::{Io, Peek};
use crate::pool::{Lease, Permit, Watch};
use crate::timer::Timer;
use crate::transport::Settings;

/// One HTTP/1.1 connection: its I/O, codec, buffers and timer. In the pool, or owned by the one exchange it serves.
///
/// Dropping it closes the connection, which is the only way to tell an HTTP/1.1 origin that nobody listens.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) io: Io,
    pub(crate) decoder: ResponseDecoder,
    pub(crate) encoder: RequestEncoder,
    pub(crate) out: Outgoing,
    /// What was read and not decoded yet.
    pub(crate) read: BytesMut,
    /// Room that the next read should have. Doubled when a read fills it.
    want: usize,
    max_read: usize,
    /// A byte came since [`begin`](Self::begin).
    pub(crate) received: bool,
    pub(crate) timer: Timer,
    pub(crate) watch: Arc<Watch>,
    waker: Waker,
    born: Instant,
    /// Up to a tenth more or less than the configured lifetime, in thousandths.
    lifetime_share: u32,
    /// Given back last.
    lease: Lease,
}

impl Unit {
    pub(crate) fn new(
        io: Io,
        settings: &Settings,
        lease: Lease,
        watch: Arc<Watch>,
        now: Instant,
    ) -> Self {
        Self {
            io,
            decoder: ResponseDecoder::new(settings.limits()),
            encoder: RequestEncoder::new(),
            out: Outgoing::default(),
            read: BytesMut::new(),
            want: FIRST_READ,
            max_read: settings.max_read(),
            received: false,
            timer: Timer::default(),
            waker: Waker::from(Arc::clone(&watch)),
            watch,
            born: now,
            lifetime_share: fastrand::u32(900..=1100),
            lease,
        }
    }

    /// Begins an exchange: the head is encoded, and the decoder waits for the answer.
    ///
    /// # Errors
    /// The request cannot be sent; nothing has changed then.
    pub(crate) fn begin(
        &mut self,
        head: &RequestHead,
        plan: Plan,
        title_case: bool,
    ) -> Result<(), EncodeError> {
        self.out.reset();
        let Plan { framing, connection, kind } = plan;
        self.encoder.start(head, framing, connection, title_case, &mut self.out.head)?;
        self.expect(kind);
        Ok(())
    }

    /// Takes over what another connection should have sent, of which it took nothing.
    pub(crate) fn take_over(&mut self, other: &mut Self, kind: RequestKind) {
        self.encoder = std::mem::take(&mut other.encoder);
        self.out = std::mem::take(&mut other.out);
        self.expect(kind);
    }

    /// Nothing of the request was sent: as if it had never begun.
    pub(crate) fn forget(&mut self, settings: &Settings) {
        self.out.reset();
        self.encoder = RequestEncoder::new();
        self.decoder = ResponseDecoder::new(settings.limits());
    }

    fn expect(&mut self, kind: RequestKind) {
        self.decoder.start(kind);
        self.want = FIRST_READ;
        self.received = false;
    }

    /// Reads once into the buffer: number of bytes, 0 at the end.
    ///
    /// More room than is needed is wanted: it is a short read that tells the I/O driver that the socket is empty, and so
    /// saves the next read from failing.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.read.capacity() - self.read.len() < self.want / 2 {
            // Takes the old memory again once nobody holds a slice of it.
            self.read.reserve(self.want);
        }
        let spare = self.read.capacity() - self.read.len();
        let polled = pin!(self.io.read_buf(&mut self.read)).poll(cx);
        if let Poll::Ready(Ok(count)) = &polled
            && *count > 0
        {
            self.received = true;
            if *count == spare {
                self.want = (self.want * 2).min(self.max_read);
            }
        }
        polled
    }

    /// Whether an idle connection can still be used. Without news since it was checked in nothing is read; with
    /// `careful` the kernel is asked.
    pub(crate) fn is_alive(&mut self, careful: bool) -> bool {
        if self.watch.is_woken() && self.io.poll_idle(Waker::noop()).is_ready() {
            return false;
        }
        if !careful {
            return true;
        }
        match self.io.peek() {
            Peek::Alive => true,
            // Under TLS it may be a late session ticket, but an origin that closes says so there first: a handshake costs
            // less than an error of the client.
            Peek::Readable | Peek::Dead => false,
        }
    }

    /// Whether an idle connection is as it should be: nothing to read and not closed. From now on what happens to it is
    /// told to the reaper, and no waker of a finished request stays behind.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if self.io.poll_idle(&self.waker).is_ready() {
            return false;
        }
        self.timer.park(&self.waker);
        true
    }

    /// Whether it has lived so long that it must not be kept after its exchange.
    pub(crate) fn is_too_old(&self, lifetime: Option<Duration>, now: Instant) -> bool {
        lifetime.is_some_and(|lifetime| {
            let age = now.saturating_duration_since(self.born);
            age >= lifetime.saturating_mul(self.lifetime_share) / 1000
        })
    }

    /// The exchange is over: unusually large buffers go.
    pub(crate) fn rest(&mut self) {
        if self.read.capacity() > KEPT {
            self.read = BytesMut::new();
        }
        self.out.shrink(KEPT);
    }

    /// Idle for a while: all buffers go, and what the codec remembers of earlier messages.
    pub(crate) fn trim(&mut self, settings: &Settings) {
        self.decoder = ResponseDecoder::new(settings.limits());
        self.read = BytesMut::new();
        self.out.shrink(0);
    }

    /// Takes the place of a dead connection under the limit, for another one.
    pub(crate) fn take_permit(&mut self) -> Option<Permit> {
        self.lease.take_permit()
    }

    /// Splits the I/O: this keeps the read side, and the write side comes back.
    pub(crate) fn split(self) -> (Self, WriteHalf<Box<Io>>) {
        let (read, write) = tokio::io::split(Box::new(self.io));
        (Self { io: Io::Half(read), ..self }, write)
    }

    /// Gives up the connection for another protocol: its I/O, and what was read already.
    pub(crate) fn into_io(self: Box<Self>) -> (Held, BytesMut) {
        let this = *self;
        (Held::new(this.io, this.lease), this.read)
    }
}

/// Room of the first read of an exchange.
const FIRST_READ: usize = 8 << 10;
/// A larger buffer is not kept by an idle connection.
const KEPT: usize = 8 << 10;
