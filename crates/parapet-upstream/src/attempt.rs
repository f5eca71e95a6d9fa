use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use parapet_core::Protocol;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::{Target, TimeoutKind};

/// One attempt of a request: what is passed down to balancers and transports, and what they note for hooks and log.
#[derive(Default)]
pub struct Attempt {
    index: u32,
    /// When the request must have ended.
    deadline: Option<Instant>,
    /// When the head of this attempt must be there.
    head_deadline: Option<Instant>,
    /// Targets of the earlier attempts of this request.
    tried: SmallVec<[Arc<Target>; 2]>,
    /// Written once, before the transport is called; by hedging, with the winner's.
    picked: OnceLock<Arc<Target>>,
    wire: Wire,
}

/// What the transport tells of the round trip. Written by the attempt's own future, read after it; atomic only because
/// the future may move between threads.
#[derive(Default)]
struct Wire {
    reused: AtomicBool,
    replayed: AtomicBool,
    /// 0: not told, 1: HTTP/1.1, 2: HTTP/2.
    protocol: AtomicU8,
    /// Round trips in parallel; 0: not told, one.
    legs: AtomicU8,
}

impl Attempt {
    /// The first attempt of a request without a deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of the attempt, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Whether an attempt of the same request failed before.
    pub fn retrying(&self) -> bool {
        self.index > 0
    }

    /// When the request must have ended: bounds the wait for a connection, dial, head and body.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets [`deadline`](Self::deadline).
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Instant>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// When the head must be there, and what it means when it is not: the nearer of the attempt's own time and the
    /// deadline.
    pub fn head_deadline(&self) -> Option<(Instant, TimeoutKind)> {
        let deadline = self.deadline.map(|at| (at, TimeoutKind::Deadline));
        let own = self.head_deadline.map(|at| (at, TimeoutKind::PerTry));
        match (deadline, own) {
            (Some(deadline), Some(own)) => Some(if own.0 < deadline.0 { own } else { deadline }),
            (deadline, own) => deadline.or(own),
        }
    }

    /// Sets the time of this attempt.
    pub(crate) fn set_head_deadline(&mut self, at: Option<Instant>) {
        self.head_deadline = at;
    }

    /// The target that was picked.
    pub fn picked(&self) -> Option<&Arc<Target>> {
        self.picked.get()
    }

    /// Notes the picked target; the first note stays. A balancer's face does it before it calls the transport.
    pub fn set_picked(&self, target: Arc<Target>) {
        let _ = self.picked.set(target);
    }

    /// Whether an earlier attempt of this request went to `target`: a balancer prefers another one.
    pub fn tried(&self, target: &Target) -> bool {
        self.tried.iter().any(|tried| tried.id() == target.id())
    }

    /// Whether any earlier attempt picked a target.
    pub fn has_tried(&self) -> bool {
        !self.tried.is_empty()
    }

    /// The target that this attempt picked, or else the one before it.
    pub(crate) fn last_target(&self) -> Option<&Arc<Target>> {
        self.picked.get().or_else(|| self.tried.last())
    }

    /// An attempt inside this one: a proxy that is the transport of a target picks by itself.
    pub(crate) fn nested(&self) -> Self {
        Self {
            index: self.index,
            deadline: self.deadline,
            head_deadline: self.head_deadline,
            ..Self::new()
        }
    }

    /// The next attempt of the same request: its target is open again.
    pub(crate) fn next(self) -> Self {
        let mut tried = self.tried;
        if let Some(target) = self.picked.into_inner()
            && tried.len() < MAX_TRIED
        {
            tried.push(target);
        }
        Self { index: self.index.saturating_add(1), deadline: self.deadline, tried, ..Self::new() }
    }

    /// The transport tells which connection it took.
    pub(crate) fn note_connection(&self, reused: bool, protocol: Protocol) {
        self.wire.reused.store(reused, Ordering::Relaxed);
        let protocol = if protocol == Protocol::Http2 { 2 } else { 1 };
        self.wire.protocol.store(protocol, Ordering::Relaxed);
    }

    /// The transport tells that it sent the request a second time on a fresh connection.
    pub(crate) fn note_replayed(&self) {
        self.wire.replayed.store(true, Ordering::Relaxed);
    }

    /// Takes over what the transport of a nested attempt told.
    pub(crate) fn adopt(&self, inner: &Self) {
        let (own, wire) = (&self.wire, &inner.wire);
        own.reused.store(wire.reused.load(Ordering::Relaxed), Ordering::Relaxed);
        own.replayed.store(wire.replayed.load(Ordering::Relaxed), Ordering::Relaxed);
        own.protocol.store(wire.protocol.load(Ordering::Relaxed), Ordering::Relaxed);
        own.legs.store(wire.legs.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn reused(&self) -> bool {
        self.wire.reused.load(Ordering::Relaxed)
    }

    pub(crate) fn replayed(&self) -> bool {
        self.wire.replayed.load(Ordering::Relaxed)
    }

    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match self.wire.protocol.load(Ordering::Relaxed) {
            1 => Some(Protocol::Http1),
            2 => Some(Protocol::Http2),
            _ => None,
        }
    }

    pub(crate) fn legs(&self) -> u8 {
        self.wire.legs.load(Ordering::Relaxed).max(1)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("index", &self.index)
            .field("deadline", &self.deadline)
            .field("tried", &self.tried.len())
            .field("picked", &self.picked.get().map(|target| target.host()))
            .finish_non_exhaustive()
    }
}

/// Bound of the list of tried targets: beyond it a request has gone around long enough.
const MAX_TRIED: usize = 16;
