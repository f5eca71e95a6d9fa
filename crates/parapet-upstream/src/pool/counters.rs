use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What is counted of the connections to one target, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    dialing: AtomicUsize,
    open: AtomicUsize,
    opened: AtomicU64,
    closed_idle: AtomicU64,
    stale_replays: AtomicU64,
    waits: AtomicU64,
}

/// The connections to one target at one moment, of all workers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The target as configured, without its default port.
    pub host: String,
    /// Connections being made.
    pub dialing: usize,
    /// Connections in use.
    pub active: usize,
    /// HTTP/1.1 connections waiting for a request.
    pub idle: usize,
    /// HTTP/2 streams in progress.
    pub h2_streams: usize,
    /// Connections made so far.
    pub opened: u64,
    /// Connections closed while they were idle.
    pub closed_idle: u64,
    /// Requests sent again because a reused connection had died.
    pub stale_replays: u64,
    /// Requests that had to wait for a connection.
    pub waits: u64,
}

/// One open connection, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Counters>);

/// One dial in progress, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Dialing<'a>(&'a Counters);

impl Counters {
    pub(super) fn dialing(&self) -> Dialing<'_> {
        self.dialing.fetch_add(1, Relaxed);
        Dialing(self)
    }

    pub(super) fn opened(self: &Arc<Self>) -> Open {
        self.opened.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        Open(Arc::clone(self))
    }

    pub(super) fn closed_idle(&self, connections: usize) {
        if connections > 0 {
            self.closed_idle.fetch_add(connections as u64, Relaxed);
        }
    }

    pub(crate) fn replayed(&self) {
        self.stale_replays.fetch_add(1, Relaxed);
    }

    pub(super) fn waited(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self, host: String, idle: usize, h2_streams: usize) -> PoolStats {
        PoolStats {
            host,
            dialing: self.dialing.load(Relaxed),
            active: self.open.load(Relaxed).saturating_sub(idle),
            idle,
            h2_streams,
            opened: self.opened.load(Relaxed),
            closed_idle: self.closed_idle.load(Relaxed),
            stale_replays: self.stale_replays.load(Relaxed),
            waits: self.waits.load(Relaxed),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        self.0.dialing.fetch_sub(1, Relaxed);
    }
}
