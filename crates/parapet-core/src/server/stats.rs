//! Counters of a server.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::DrainPhase;

/// Counters of a server at one moment: [`Bound::stats`](crate::Bound::stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections accepted so far.
    pub accepted: u64,
    /// Connections open now.
    pub open: usize,
    /// Connections closed because a client had too many.
    pub refused_per_client: u64,
    /// Connections that a layer refused.
    pub refused_layer: u64,
    /// TLS handshakes that failed.
    pub failed_handshakes: u64,
    /// Connections that a timeout closed.
    pub timeouts: u64,
    /// Answers given before any handler ran.
    pub local_replies: u64,
    /// How far the drain is.
    pub drain_phase: DrainPhase,
}

/// Plain atomics, one addition per event of a connection, none per request.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) accepted: Counter,
    pub(crate) refused_per_client: Counter,
    pub(crate) refused_layer: Counter,
    pub(crate) failed_handshakes: Counter,
    pub(crate) timeouts: Counter,
    pub(crate) local_replies: Counter,
}

impl Stats {
    pub(crate) fn snapshot(&self, open: usize, drain_phase: DrainPhase) -> ServerStats {
        ServerStats {
            accepted: self.accepted.get(),
            open,
            refused_per_client: self.refused_per_client.get(),
            refused_layer: self.refused_layer.get(),
            failed_handshakes: self.failed_handshakes.get(),
            timeouts: self.timeouts.get(),
            local_replies: self.local_replies.get(),
            drain_phase,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
