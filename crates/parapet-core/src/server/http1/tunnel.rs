//! A connection that was taken over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};

use super::super::counted::Counts;
use super::super::socket::{Joined, WriteHalf};
use super::lend::ReadSide;
use crate::body::Outcome;
use crate::{Body, BoxFuture, ServerHandle, Upgraded};

/// The tunnel's future, run in the connection's task, and what lives as long as it.
pub(super) struct TunnelRun {
    future: BoxFuture<'static, ()>,
    counts: Counts,
    /// Body of the hand-over: its guards and observers hear of the end.
    body: Body,
    /// The body that the response had before the hand-over: nobody's to read, but its guards wait for the end too.
    _response_body: Body,
}

impl TunnelRun {
    pub(super) fn start(
        read: ReadSide,
        write: WriteHalf,
        mut body: Body,
        server: ServerHandle,
    ) -> Option<Self> {
        let tunnel = body.take_tunnel()?;
        let counts = Counts::default();
        let buffered = read.buffer.freeze();
        counts.receive(buffered.len());
        let io = counts.over(Joined::boxed(read.half, write));
        let io = Upgraded::new(buffered, io, Some(server));
        let (future, response_body) = tunnel.start(io);
        Some(Self { future, counts, body, _response_body: response_body })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let future = &mut self.future;
        if let Ok(polled) = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            ready!(polled);
        } else {
            tracing::error!(target: "parapet_core", "a tunnel panicked");
        }
        self.body.tunnel_ended(self.counts.sent(), self.counts.received(), &Outcome::Complete);
        Poll::Ready(())
    }
}
