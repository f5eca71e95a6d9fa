use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::concurrent::slots_quota;
use crate::fixed_window::SECOND;
use crate::limit_key::KeyHash;
use crate::metered::FULL;
use crate::shard::{Rules, Tally};
use crate::table::{DEFAULT_MAX_KEYS, Table};
use crate::{Decision, Error, Key, Quota, Stats, Strategy, Verdict, Waits};

/// At most `capacity` requests of a key at once; up to `size` more wait, first come, first served.
///
/// Whoever leaves while it waits gives its place up at once, and never gets a slot.
pub struct ConcurrentQueue {
    table: Arc<Table<Queued>>,
    queue_timeout: Option<Duration>,
    /// Number of the next waiter, by which it finds itself in a queue again.
    next: AtomicU64,
}

impl ConcurrentQueue {
    /// At most `capacity` at once, `size` waiting; with a size of 0 it is as [`Concurrent`](crate::Concurrent).
    ///
    /// # Errors
    /// [`Error::ZeroCapacity`].
    pub fn new(capacity: u32, size: u32) -> Result<Self, Error> {
        if capacity == 0 {
            return Err(Error::ZeroCapacity);
        }
        let table = Arc::new(Table::new(Queued { capacity, size }, DEFAULT_MAX_KEYS));
        Ok(Self { table, queue_timeout: None, next: AtomicU64::new(0) })
    }

    /// A request that waits longer is limited. Default: `None`, no limit.
    #[must_use]
    pub fn queue_timeout(self, longest: impl Into<Option<Duration>>) -> Self {
        Self { queue_timeout: longest.into(), ..self }
    }

    /// At most this many keys have requests in progress; a request of one more is limited. Default: 500,000.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        Self { table: Arc::new(Table::new(self.table.rules, max_keys)), ..self }
    }

    fn wait(&self, place: Place) -> Decision {
        let queue_timeout = self.queue_timeout;
        match queue_timeout {
            None => Decision::Wait(Box::pin(place)),
            Some(longest) => Decision::Wait(Box::pin(async move {
                let mut place = place;
                if let Ok(verdict) = timeout(longest, &mut place).await {
                    return verdict;
                }
                place.late = true;
                LIMITED
            })),
        }
    }
}

impl Strategy for ConcurrentQueue {
    fn take(&self, key: &Key, cost: u32) -> Decision {
        let hash = self.table.hash(key);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let entered = self.table.enter(hash, 0, |rules, state, tally| {
            rules.enter(state, cost, tally, || {
                let (slot, handed) = oneshot::channel();
                (Waiter { number, cost, slot }, handed)
            })
        });
        match entered {
            Some(Entered::Admitted) => Decision::Ready(Verdict::Allowed),
            Some(Entered::Queued(handed)) => {
                let table = Some(Arc::clone(&self.table));
                self.wait(Place { table, hash, number, late: false, handed })
            }
            Some(Entered::Full) => Decision::Ready(LIMITED),
            None => Decision::Ready(Verdict::Limited { after: Some(FULL) }),
        }
    }

    fn needs_put(&self) -> bool {
        true
    }

    fn put(&self, key: &Key, cost: u32) {
        release(&self.table, self.table.hash(key), cost);
    }

    fn refund(&self, key: &Key, cost: u32) {
        self.put(key, cost);
    }

    /// Zero: nobody knows when a request will end.
    fn after(&self, _key: &Key, _cost: u32) -> Duration {
        Duration::ZERO
    }

    fn quota(&self, key: &Key) -> Option<Quota> {
        let in_flight = self.table.visit(self.table.hash(key), |_, line, _| line.in_flight);
        Some(slots_quota(self.table.rules.capacity, in_flight.unwrap_or(0)))
    }

    fn waits(&self) -> Waits {
        Waits::Queues
    }

    fn stats(&self) -> Stats {
        self.table.stats()
    }
}

impl fmt::Debug for ConcurrentQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentQueue")
            .field("table", &self.table)
            .field("queue_timeout", &self.queue_timeout)
            .finish_non_exhaustive()
    }
}

const LIMITED: Verdict = Verdict::Limited { after: Some(Duration::ZERO) };

/// Gives units back and hands what is free to those who wait.
fn release(table: &Arc<Table<Queued>>, hash: KeyHash, cost: u32) {
    let admitted = table.visit(hash, |rules, line, tally| rules.give_back(line, cost, tally));
    hand_over(table, hash, admitted.unwrap_or_default());
}

/// Wakes those who were admitted, after the lock is gone.
fn hand_over(table: &Arc<Table<Queued>>, hash: KeyHash, admitted: SmallVec<[Waiter; 1]>) {
    for waiter in admitted {
        let slot = Slot { table: Some(Arc::clone(table)), hash, cost: waiter.cost };
        // To one who left in this moment: the slot comes back, and its drop hands it to the next.
        drop(waiter.slot.send(slot));
    }
}

/// A slot on its way to a waiter. Its drop gives it to the next, unless it has arrived.
#[derive(Debug)]
struct Slot {
    table: Option<Arc<Table<Queued>>>,
    hash: KeyHash,
    cost: u32,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            let admitted = table.visit(self.hash, |rules, line, tally| {
                tally.allowed = tally.allowed.saturating_sub(1); // whom it was meant for was not admitted
                rules.give_back(line, self.cost, tally)
            });
            hand_over(&table, self.hash, admitted.unwrap_or_default());
        }
    }
}

/// A place in the queue, waiting for its slot. Its drop gives it up.
struct Place {
    /// `None`: the slot has arrived, there is nothing to give up.
    table: Option<Arc<Table<Queued>>>,
    hash: KeyHash,
    number: u64,
    /// Whether it waited too long: that is a denial, where a client that left is none.
    late: bool,
    handed: oneshot::Receiver<Slot>,
}

impl Future for Place {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        Pin::new(&mut self.handed).poll(cx).map(|handed| {
            self.table = None;
            match handed {
                Ok(mut slot) => {
                    slot.table = None; // from here on the limiter's guard owns it
                    Verdict::Allowed
                }
                Err(_) => LIMITED, // the table itself is gone
            }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(table) = self.table.take() else { return };
        let admitted = table.visit(self.hash, |rules, line, tally| {
            line.leave(self.number);
            tally.limited += u64::from(self.late);
            rules.admit(line, tally) // a smaller request behind may fit
        });
        hand_over(&table, self.hash, admitted.unwrap_or_default());
        // A slot that arrived unseen is in `handed`, whose drop passes it on.
    }
}

/// The rules of a queue.
#[derive(Clone, Copy, Debug)]
struct Queued {
    capacity: u32,
    size: u32,
}

#[derive(Debug, Default)]
struct Line {
    in_flight: u32,
    /// Those in `waiters`.
    waiting: u32,
    /// Nothing while nobody waits.
    #[expect(clippy::box_collection, reason = "an entry without waiters is 16 bytes")]
    waiters: Option<Box<VecDeque<Waiter>>>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    cost: u32,
    slot: oneshot::Sender<Slot>,
}

enum Entered {
    Admitted,
    Queued(oneshot::Receiver<Slot>),
    Full,
}

impl Queued {
    fn fits(self, line: &Line, cost: u32) -> bool {
        line.in_flight.checked_add(cost).is_some_and(|sum| sum <= self.capacity)
    }

    fn enter(
        self,
        line: &mut Line,
        cost: u32,
        tally: &mut Tally,
        waiter: impl FnOnce() -> (Waiter, oneshot::Receiver<Slot>),
    ) -> Entered {
        if line.waiting == 0 && self.fits(line, cost) {
            line.in_flight += cost;
            tally.allowed += 1;
            return Entered::Admitted;
        }
        // One that can never fit would block all behind it.
        if line.waiting >= self.size || cost > self.capacity {
            tally.limited += 1;
            return Entered::Full;
        }
        let (waiter, handed) = waiter();
        line.waiting += 1;
        line.waiters.get_or_insert_default().push_back(waiter);
        Entered::Queued(handed)
    }

    fn give_back(self, line: &mut Line, cost: u32, tally: &mut Tally) -> SmallVec<[Waiter; 1]> {
        line.in_flight = line.in_flight.saturating_sub(cost);
        self.admit(line, tally)
    }

    /// Takes those out of the queue who fit now, in order, and counts them in.
    fn admit(self, line: &mut Line, tally: &mut Tally) -> SmallVec<[Waiter; 1]> {
        let mut admitted = SmallVec::new();
        while let Some(first) = line.waiters.as_ref().and_then(|waiters| waiters.front()) {
            if !self.fits(line, first.cost) {
                break;
            }
            let Some(first) = line.waiters.as_mut().and_then(|waiters| waiters.pop_front()) else {
                break;
            };
            line.in_flight += first.cost;
            line.waiting -= 1;
            tally.allowed += 1;
            admitted.push(first);
        }
        if line.waiting == 0 {
            line.waiters = None;
        }
        admitted
    }
}

impl Line {
    fn leave(&mut self, number: u64) {
        let Some(waiters) = &mut self.waiters else { return };
        if let Some(at) = waiters.iter().position(|waiter| waiter.number == number) {
            waiters.remove(at);
            self.waiting -= 1;
        }
    }
}

impl Rules for Queued {
    type State = Line;

    fn is_stale(&self, line: &Line, _now: u64) -> bool {
        line.in_flight == 0 && line.waiting == 0
    }

    fn is_pinned(&self, line: &Line) -> bool {
        !self.is_stale(line, 0)
    }

    fn is_idle(&self, line: &Line) -> bool {
        self.is_stale(line, 0)
    }

    fn consumed(&self, line: &Line, _now: u64) -> u64 {
        u64::from(line.in_flight) + u64::from(line.waiting)
    }

    fn sweep_period(&self) -> u64 {
        60 * SECOND
    }
}
