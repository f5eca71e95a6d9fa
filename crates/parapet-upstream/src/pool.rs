//! The connections to one target: a stack of idle ones per worker thread.
//!
//! A connection stays with the worker that opened it, since its socket is registered with that worker's I/O driver. So
//! the lock of a stack is taken by its own worker only, twice a request, and held for a few moves.

mod counters;
mod endpoint;
#[cfg(feature = "http2")]
mod h2;
mod idle;
mod permits;
mod reaper;
mod registry;
mod shard;
mod waker;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parapet_core::{DrainPhase, ServerHandle, worker};
use tokio::time::Instant;

pub(crate) use self::counters::Counters;
use self::counters::Open;
pub use self::counters::PoolStats;
pub(crate) use self::endpoint::Endpoint;
use self::idle::Entry;
pub(crate) use self::permits::Permit;
use self::permits::{Grant, Permits};
pub(crate) use self::registry::Registry;
use self::shard::Slot;
pub(crate) use self::waker::Watch;
use crate::address::Address;
use crate::dial::{self, Offer, Route};
use crate::h1::Unit;
use crate::io::Io;
use crate::transport::{Settings, Shared, Wire};
use crate::{Error, ShedReason};

/// The connections of one transport to one target.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// With the address that by which targets share a pool.
    wire: Wire,
    address: Address,
    route: Route,
    /// One per worker, made when the first request comes: only then the number of workers is known for certain.
    slots: OnceLock<Box<[Slot]>>,
    /// With `max_conn` only.
    permits: Option<Arc<Permits>>,
    pub(crate) counters: Arc<Counters>,
    /// No target uses it any more: nothing is kept.
    retired: AtomicBool,
    next_id: AtomicU64,
}

/// What belongs to an open connection besides its I/O; gives it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    _open: Open,
    permit: Option<Permit>,
}

impl Lease {
    pub(crate) fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }
}

/// A connection that was checked out.
#[derive(Debug)]
pub(crate) struct CheckedOut {
    pub(crate) unit: Box<Unit>,
    /// It has served a request before.
    pub(crate) reused: bool,
}

impl Pool {
    fn new(shared: &Arc<Shared>, route: Route, wire: Wire, address: Address) -> Self {
        let max = shared.settings.max_conn;
        Self {
            shared: Arc::clone(shared),
            wire,
            address,
            route,
            slots: OnceLock::new(),
            permits: (max > 0).then(|| Permits::new(max)),
            counters: Arc::default(),
            retired: AtomicBool::new(false),
            next_id: AtomicU64::new(0),
        }
    }

    fn is_at(&self, wire: Wire, address: &Address) -> bool {
        self.wire == wire && self.address == *address
    }

    #[cfg(feature = "http2")]
    pub(crate) fn is_tls(&self) -> bool {
        match self.route {
            #[cfg(feature = "tls")]
            Route::Tls { .. } => true,
            Route::Tcp(_) | Route::Unix(_) => false,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Takes the freshest idle connection of this worker that is still good. With `careful` the kernel is asked: a
    /// stale connection would cost the client an error.
    pub(crate) fn take_idle(&self, now: Instant, careful: bool) -> Option<Box<Unit>> {
        let slot = self.slot_at(shard_index(self.slots().len()))?;
        self.take_from(slot, now, careful)
    }

    fn take_from(&self, slot: &Slot, now: Instant, careful: bool) -> Option<Box<Unit>> {
        loop {
            let popped = slot.lock().idle.pop(now.into_std())?;
            if let Ok(Entry { conn: mut unit, since, .. }) = popped {
                let long = now.into_std().saturating_duration_since(since) > LONG_IDLE;
                if unit.is_alive(careful || long) {
                    return Some(unit);
                }
            }
            self.counters.closed_idle(1);
        }
    }

    /// A connection to send a request on that found none idle: a fresh one, or at the limit one that another request
    /// is done with. `careful` as in [`take_idle`](Self::take_idle).
    ///
    /// # Errors
    /// [`Error::Connect`], or [`Error::Unavailable`] after waiting at the limit.
    pub(crate) async fn check_out(self: &Arc<Self>, careful: bool) -> Result<CheckedOut, Error> {
        let permit = match &self.permits {
            None => None,
            Some(permits) => match permits.acquire() {
                Ok(permit) => Some(permit),
                Err(waiting) => {
                    if let Some(unit) = self.take_from_others() {
                        return Ok(CheckedOut { unit, reused: true });
                    }
                    self.counters.waited();
                    let limit = self.settings().max_conn_wait;
                    match tokio::time::timeout(limit, waiting).await {
                        Ok(Ok(Grant::Permit(permit))) => Some(permit),
                        Ok(Ok(Grant::Unit(mut unit))) => {
                            if unit.is_alive(careful) {
                                return Ok(CheckedOut { unit, reused: true });
                            }
                            unit.take_permit()
                        }
                        Ok(Err(_)) | Err(_) => {
                            return Err(Error::Unavailable { reason: ShedReason::ConnLimit });
                        }
                    }
                }
            },
        };
        let unit = self.open(permit).await?;
        Ok(CheckedOut { unit, reused: false })
    }

    /// A fresh connection.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub(crate) async fn open(self: &Arc<Self>, permit: Option<Permit>) -> Result<Box<Unit>, Error> {
        let io = {
            let _dialing = self.counters.dialing();
            self.dial(Offer::Http1).await?
        };
        Ok(self.unit(io, permit))
    }

    async fn dial(&self, offer: Offer) -> Result<Io, Error> {
        let dialed = dial::connect(&self.route, self.settings(), offer).await;
        if let Err(error) = &dialed
            && dial::is_out_of_descriptors(error)
        {
            self.shared.pools.release_for_descriptors(Instant::now());
        }
        dialed
    }

    fn unit(self: &Arc<Self>, io: Io, permit: Option<Permit>) -> Box<Unit> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let lease = Lease { _open: self.counters.opened(), permit };
        let watch = Watch::new(id, self);
        Box::new(Unit::new(io, self.settings(), lease, watch, Instant::now()))
    }

    /// At the limit only: connections do not move between workers in normal work.
    fn take_from_others(&self) -> Option<Box<Unit>> {
        let now = Instant::now();
        self.slots().iter().find_map(|slot| self.take_from(slot, now, true))
    }

    /// Keeps a connection whose exchange ended well, unless it is too old, or nobody wants it any more.
    pub(crate) fn check_in(
        self: &Arc<Self>,
        mut unit: Box<Unit>,
        hint: Option<Duration>,
        server: Option<&ServerHandle>,
    ) {
        let settings = self.settings();
        let now = Instant::now();
        if settings.disable_keep_alives
            || self.is_retired()
            || server.is_some_and(|server| server.drain_phase() >= DrainPhase::Grace)
            || unit.is_too_old(settings.max_conn_lifetime, now)
        {
            return;
        }
        let index = shard_index(self.slots().len());
        unit.watch.arm(index);
        if !unit.is_quiet() {
            return;
        }
        if let Some(permits) = &self.permits {
            match permits.hand_over(unit) {
                Ok(()) => return,
                Err(back) => unit = back,
            }
        }
        unit.rest();
        let mut keep = settings.idle_conn_timeout;
        if let Some(hint) = hint {
            keep = keep.min(hint.saturating_sub(HINT_MARGIN));
        }
        self.push(index, unit, now, keep, server);
        // Whoever began to wait before the push found nothing idle, and comes after the look at the queue.
        if let Some(permits) = self.permits.as_ref().filter(|permits| permits.is_waited_for())
            && let Some(unit) = self.slot_at(index).and_then(|slot| self.take_from(slot, now, true))
            && let Err(back) = permits.hand_over(unit)
        {
            self.push(index, back, now, keep, server);
        }
    }

    fn push(
        self: &Arc<Self>,
        index: usize,
        unit: Box<Unit>,
        now: Instant,
        keep: Duration,
        server: Option<&ServerHandle>,
    ) {
        let Some(slot) = self.slot_at(index) else { return };
        let watch = Arc::clone(&unit.watch);
        let since = now.into_std();
        let until = since.checked_add(keep).unwrap_or(since + FAR);
        let entry = Entry { conn: unit, id: watch.id, since, until, trimmed: false };
        let (evicted, announce, ring) = {
            let mut state = slot.lock();
            let evicted = state.idle.push(entry, self.settings().max_idle_conns);
            state.used = true;
            let announce = !std::mem::replace(&mut state.watched, true);
            let soon = now + idle::TRIM_AFTER + Duration::from_secs(1);
            let ring = state.next_look.is_none_or(|next| next > soon);
            if ring {
                state.next_look = Some(soon);
            }
            (evicted, announce, ring)
        };
        if evicted.is_some() {
            self.counters.closed_idle(1);
        }
        if announce {
            if !self.shared.pools.watch(index, self, server) {
                self.release(index);
            }
        } else if ring {
            self.shared.pools.ring(index);
        }
        // What happened between the last look at the socket and the push was reported before it could be found.
        if watch.is_woken() {
            self.report(index, watch.id);
        }
        drop(evicted);
    }

    /// Something happened to the idle connection `id`.
    fn report(self: &Arc<Self>, index: usize, id: u64) {
        self.shared.pools.report(index, Arc::downgrade(self), id);
    }

    /// Closes what is idle on one worker.
    fn release(&self, index: usize) {
        if let Some(slot) = self.slot_at(index) {
            let released = {
                let mut state = slot.lock();
                #[cfg(feature = "http2")]
                state.h2.handles.clear();
                state.idle.drain()
            };
            self.counters.closed_idle(released.len());
        }
    }

    /// Closes what is idle everywhere.
    fn release_all(&self) {
        for index in 0..self.slots().len() {
            self.release(index);
        }
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.release_all();
    }

    fn stats(&self) -> PoolStats {
        let (mut idle, mut streams) = (0, 0);
        for slot in self.slots() {
            let state = slot.lock();
            idle += state.idle.len();
            #[cfg(feature = "http2")]
            {
                streams += state.h2.handles.iter().map(|handle| handle.streams()).sum::<usize>();
            }
            #[cfg(not(feature = "http2"))]
            {
                streams += 0;
            }
        }
        self.counters.stats(self.route.to_string(), idle, streams)
    }

    fn slots(&self) -> &[Slot] {
        self.slots
            .get_or_init(|| (0..self.shared.pools.workers()).map(|_| Slot::default()).collect())
    }

    fn slot_at(&self, index: usize) -> Option<&Slot> {
        self.slots().get(index)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("route", &self.route).finish_non_exhaustive()
    }
}

/// Which of `workers` stacks belongs to this thread: its own, or on a thread of another runtime one by its id.
fn shard_index(workers: usize) -> usize {
    thread_local! {
        static HASH: usize = {
            let hash = RandomState::new().hash_one(std::thread::current().id());
            usize::try_from(hash >> 33).unwrap_or_default()
        };
    }
    let index = worker::index().unwrap_or_else(|| HASH.with(|hash| *hash));
    index.checked_rem(workers).unwrap_or_default()
}

/// Idle for longer than this, a connection is checked by a system call before it is used: where traffic is so low, the
/// call does not count.
const LONG_IDLE: Duration = Duration::from_secs(1);
/// A request is on its way for a while: the origin's own timeout must not pass meanwhile.
const HINT_MARGIN: Duration = Duration::from_secs(1);
/// In place of times that no clock reaches: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
