//! Two connections that speak something else than HTTP now: bytes both ways, nothing interpreted.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parapet_core::{BoxIo, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::timer::Timer;

/// Copies both ways until both directions have ended, one failed, both were silent for `idle`, or `deadline` passed.
///
/// What was read already is delivered first; the end of one direction is passed on and leaves the other open. An error
/// drops both sides. A silent tunnel holds no buffer.
pub(crate) async fn tunnel(
    client: Upgraded,
    server: BoxIo,
    server_buffered: Bytes,
    idle: Option<Duration>,
    deadline: Option<Instant>,
) {
    let (client_buffered, client) = client.into_parts();
    let mut tunnel = Tunnel {
        client,
        server,
        up: Direction::new(client_buffered),
        down: Direction::new(server_buffered),
        down_first: false,
        idle,
        idle_until: None,
        deadline,
        timer: Timer::default(),
    };
    // An error closes both sides; there is nobody left to tell.
    if let Err(error) = std::future::poll_fn(|cx| tunnel.poll(cx)).await {
        tracing::debug!(%error, "a tunnel ended with an error");
    }
}

struct Tunnel<C, S> {
    client: C,
    server: S,
    /// From the client to the server.
    up: Direction,
    down: Direction,
    /// Turns with each poll: a direction that never waits uses the task's budget up, and the other would get none.
    down_first: bool,
    idle: Option<Duration>,
    /// Silence until then ends the tunnel. Moved on when bytes have flowed.
    idle_until: Option<Instant>,
    deadline: Option<Instant>,
    timer: Timer,
}

impl<C, S> Tunnel<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (up, down);
        self.down_first = !self.down_first;
        if self.down_first {
            down = self.down.poll(&mut self.server, &mut self.client, cx)?;
            up = self.up.poll(&mut self.client, &mut self.server, cx)?;
        } else {
            up = self.up.poll(&mut self.client, &mut self.server, cx)?;
            down = self.down.poll(&mut self.server, &mut self.client, cx)?;
        }
        if up.is_ready() && down.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let moved = self.up.take_moved() | self.down.take_moved();
        if let Some(idle) = self.idle
            && (moved || self.idle_until.is_none())
        {
            self.idle_until = Instant::now().checked_add(idle);
        }
        let wanted = [self.idle_until, self.deadline].into_iter().flatten().min();
        ready!(self.timer.poll(wanted, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// One direction of a tunnel.
///
/// ```text
/// Open ─end of the source→ Closing ─shut down→ Ended
/// ```
struct Direction {
    /// Read and not taken by the sink yet; empty while nothing moves.
    left: Bytes,
    state: State,
    /// The sink may hold what it took.
    unflushed: bool,
    moved: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closing,
    Ended,
}

impl Direction {
    fn new(left: Bytes) -> Self {
        Self { left, state: State::Open, unflushed: false, moved: false }
    }

    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    fn poll(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            while !self.left.is_empty() {
                let left = self.left.chunk();
                let taken = ready!(Pin::new(&mut *sink).poll_write(cx, left))?;
                self.took(taken)?;
                self.left.advance(taken);
                if self.left.is_empty() {
                    // Empty, it would hold the buffer that it was cut from.
                    self.left = Bytes::new();
                }
            }
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Closing => {
                    ready!(Pin::new(&mut *sink).poll_shutdown(cx))?;
                    self.state = State::Ended;
                }
                State::Open => match self.poll_copy(source, sink, cx)? {
                    Poll::Ready(()) => {}
                    Poll::Pending => {
                        if self.unflushed {
                            ready!(Pin::new(&mut *sink).poll_flush(cx))?;
                            self.unflushed = false;
                        }
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    /// One read into the thread's scratch buffer, and one write out of it. What the sink does not take is kept, and
    /// nothing more is read until it is out.
    fn poll_copy(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> io::Result<Poll<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            if Pin::new(source).poll_read(cx, &mut buffer)?.is_pending() {
                return Ok(Poll::Pending);
            }
            let read = buffer.filled();
            if read.is_empty() {
                self.state = State::Closing;
                return Ok(Poll::Ready(()));
            }
            let taken = match Pin::new(sink).poll_write(cx, read)? {
                Poll::Ready(taken) => taken,
                Poll::Pending => 0,
            };
            if taken > 0 {
                self.took(taken)?;
            }
            self.left = Bytes::copy_from_slice(read.get(taken..).unwrap_or_default());
            Ok(Poll::Ready(()))
        })
    }

    fn took(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.moved = true;
        self.unflushed = true;
        Ok(())
    }
}

thread_local! {
    /// What all tunnels of a thread read into: 16 KiB for each thread instead of for each tunnel.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 16 << 10].into());
}

#[cfg(test)]
mod tests;
