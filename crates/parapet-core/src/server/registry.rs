//! Who is connected: counts, limits, and a way to wake every connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::stats::Counted;

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Vec<Mutex<HashMap<u64, Arc<Control>>>>,
    per_client: Vec<Mutex<HashMap<IpAddr, usize>>>,
    open: AtomicUsize,
    /// Rung when a connection ends, and when one falls idle while somebody waits for its place.
    freed: Notify,
    /// Acceptors that have a connection and no place for it.
    waiting: AtomicUsize,
    started: Instant,
}

/// What others may do to a connection: wake it, or ask it to make room.
#[derive(Debug)]
pub(crate) struct Control {
    waker: Mutex<Option<Waker>>,
    /// Milliseconds since the registry was made, plus one, at which the connection fell idle; 0 while it is busy.
    /// Written by the connection's task.
    idle_since: AtomicU64,
    evicted: AtomicBool,
    /// State of the connection in its listener's counters.
    pub(crate) counted: Counted,
}

/// Place of one connection in the registry; given back by drop.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) id: u64,
    pub(crate) control: Arc<Control>,
    registry: Arc<Registry>,
    client: Option<IpAddr>,
}

const SHARDS: usize = 16;

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_client: (0..SHARDS).map(|_| Mutex::default()).collect(),
            open: AtomicUsize::new(0),
            freed: Notify::new(),
            waiting: AtomicUsize::new(0),
            started: Instant::now(),
        }
    }

    /// Open connections.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Connections that are not idle.
    pub(crate) fn busy(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).values().filter(|control| !control.is_idle()).count())
            .sum()
    }

    pub(crate) fn register(self: &Arc<Self>) -> Registration {
        let id = next_connection_id();
        let control = Arc::new(Control {
            waker: Mutex::new(None),
            idle_since: AtomicU64::new(0),
            evicted: AtomicBool::new(false),
            counted: Counted::default(),
        });
        if let Some(shard) = self.shard(id) {
            lock(shard).insert(id, Arc::clone(&control));
        }
        self.open.fetch_add(1, Ordering::AcqRel);
        Registration { id, control, registry: Arc::clone(self), client: None }
    }

    /// Ends when there are fewer than `limit` connections. The oldest idle ones are asked to make room, now or as soon as
    /// there are some.
    pub(crate) async fn room(&self, limit: usize) {
        if self.open() < limit {
            return;
        }
        let _waits = Waits::new(&self.waiting);
        loop {
            let freed = self.freed();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.open() < limit {
                return;
            }
            self.evict_idle(1 + limit / 100);
            freed.await;
        }
    }

    /// Ends when a connection ends, from the moment on at which it is enabled.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Asks the connections that are idle for the longest time to close, until `count` of them are about to.
    pub(crate) fn evict_idle(&self, count: usize) {
        let mut idle: Vec<(u64, Arc<Control>)> = Vec::new();
        let mut leaving = 0;
        for shard in &self.shards {
            for control in lock(shard).values() {
                match control.idle_since.load(Ordering::SeqCst) {
                    0 => {}
                    _ if control.is_evicted() => leaving += 1,
                    since => idle.push((since, Arc::clone(control))),
                }
            }
        }
        idle.sort_unstable_by_key(|(since, _)| *since);
        for (_, control) in idle.into_iter().take(count.saturating_sub(leaving)) {
            control.evicted.store(true, Ordering::Release);
            control.wake();
        }
    }

    /// Wakes every connection, so that it sees a new phase of the drain.
    pub(crate) fn wake_all(&self) {
        for shard in &self.shards {
            let controls: Vec<_> = lock(shard).values().cloned().collect();
            for control in controls {
                control.wake();
            }
        }
    }

    /// Ends when no connection is open.
    pub(crate) async fn empty(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            freed.await;
        }
    }

    fn shard(&self, id: u64) -> Option<&Mutex<HashMap<u64, Arc<Control>>>> {
        usize::try_from(id % SHARDS as u64).ok().and_then(|index| self.shards.get(index))
    }

    fn client_shard(&self, client: IpAddr) -> Option<&Mutex<HashMap<IpAddr, usize>>> {
        let last = match client {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[7],
        };
        self.per_client.get(usize::from(last) % SHARDS)
    }
}

impl Registration {
    /// Counts the connection for its client; `false` if that would exceed `limit`.
    pub(crate) fn count_client(&mut self, peer: IpAddr, limit: usize) -> bool {
        let client = client_key(peer);
        let Some(shard) = self.registry.client_shard(client) else { return true };
        let mut counts = lock(shard);
        let count = counts.entry(client).or_insert(0);
        if *count >= limit {
            return false;
        }
        *count += 1;
        drop(counts);
        self.client = Some(client);
        true
    }

    /// The connection is idle, or busy again.
    pub(crate) fn set_idle(&self, idle: bool, now: Instant) {
        let since = if idle {
            let since = now.saturating_duration_since(self.registry.started).as_millis();
            u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1)
        } else {
            0
        };
        // In one order with the look of whoever waits: it sees this connection idle, or is seen here.
        self.control.idle_since.store(since, Ordering::SeqCst);
        if idle && self.registry.waiting.load(Ordering::SeqCst) > 0 {
            self.registry.freed.notify_waiters();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(shard) = self.registry.shard(self.id) {
            lock(shard).remove(&self.id);
        }
        if let Some(client) = self.client
            && let Some(shard) = self.registry.client_shard(client)
        {
            let mut counts = lock(shard);
            if let Some(count) = counts.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&client);
                }
            }
        }
        self.registry.open.fetch_sub(1, Ordering::AcqRel);
        self.registry.freed.notify_waiters();
    }
}

impl Control {
    /// Remembers whom to wake.
    pub(crate) fn register(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    fn is_idle(&self) -> bool {
        self.idle_since.load(Ordering::Acquire) != 0
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Counts an acceptor that waits for room.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An IPv4 address, or the /64 that one IPv6 client may choose its address from.
fn client_key(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// Numbers are unique in the process, not only in the server.
fn next_connection_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
