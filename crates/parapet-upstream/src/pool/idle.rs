//! The idle connections of one target on one worker. Pure: connections and points in time in, decisions out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// After this time without use a connection gives its buffers back.
pub(super) const TRIM_AFTER: Duration = Duration::from_secs(1);

/// A stack of idle connections: the freshest is handed out first, so that those which are not needed age out.
#[derive(Debug)]
pub(super) struct Idle<T> {
    /// Oldest first.
    stack: VecDeque<Entry<T>>,
}

/// One idle connection.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) conn: T,
    /// By which the reaper finds it.
    pub(super) id: u64,
    pub(super) since: Instant,
    /// It must not be used from then on.
    pub(super) until: Instant,
    /// Its buffers were given back.
    pub(super) trimmed: bool,
}

impl<T> Entry<T> {
    /// When something has to be done about it.
    fn due(&self) -> Instant {
        if self.trimmed { self.until } else { self.until.min(self.since + TRIM_AFTER) }
    }
}

impl<T> Idle<T> {
    pub(super) const fn new() -> Self {
        Self { stack: VecDeque::new() }
    }

    /// Adds the freshest. Of more than `max` the oldest comes back, to be closed.
    pub(super) fn push(&mut self, entry: Entry<T>, max: usize) -> Option<Entry<T>> {
        self.stack.push_back(entry);
        if self.stack.len() > max { self.stack.pop_front() } else { None }
    }

    /// Takes the freshest; `Err` if its time is over, and it must be closed.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Result<Entry<T>, Entry<T>>> {
        let entry = self.stack.pop_back()?;
        Some(if now < entry.until { Ok(entry) } else { Err(entry) })
    }

    /// Takes the one with this id, if it is still here.
    pub(super) fn take(&mut self, id: u64) -> Option<Entry<T>> {
        let place = self.stack.iter().position(|entry| entry.id == id)?;
        self.stack.remove(place)
    }

    /// Puts one that was taken back where its age belongs.
    pub(super) fn put_back(&mut self, entry: Entry<T>) {
        let place = self.stack.partition_point(|other| other.since <= entry.since);
        self.stack.insert(place, entry);
    }

    /// Takes out all whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Entry<T>> {
        // A vector without capacity costs nothing: usually there is none.
        let mut expired = Vec::new();
        let mut place = 0;
        while let Some(entry) = self.stack.get(place) {
            if now < entry.until {
                place += 1;
            } else {
                expired.extend(self.stack.remove(place));
            }
        }
        expired
    }

    /// Calls `trim` on those that have been idle long enough to give their buffers back.
    pub(super) fn trim(&mut self, now: Instant, mut trim: impl FnMut(&mut T)) {
        for entry in &mut self.stack {
            if !entry.trimmed && now >= entry.since + TRIM_AFTER {
                entry.trimmed = true;
                trim(&mut entry.conn);
            }
        }
    }

    /// When something has to be done next; `None` while nothing is idle.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.stack.iter().map(Entry::due).min()
    }

    /// Takes all.
    pub(super) fn drain(&mut self) -> VecDeque<Entry<T>> {
        std::mem::take(&mut self.stack)
    }

    pub(super) fn len(&self) -> usize {
        self.stack.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, since: Instant, until: u64) -> Entry<u64> {
        let until = since + Duration::from_secs(until);
        Entry { conn: id, id, since, until, trimmed: false }
    }

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn the_freshest_goes_first_and_the_oldest_gives_way() {
        let start = start();
        let mut idle = Idle::new();
        for id in 0..3 {
            let evicted = idle.push(entry(id, start + Duration::from_secs(id), 60), 2);
            assert_eq!(evicted.map(|entry| entry.id), (id == 2).then_some(0));
        }
        let order: Vec<_> =
            std::iter::from_fn(|| idle.pop(start)).map(|entry| entry.map(|e| e.id).ok()).collect();
        assert_eq!(order, [Some(2), Some(1)]);
    }

    #[test]
    fn a_connection_is_never_handed_out_from_its_deadline_on() {
        let start = start();
        for (after, usable) in [(0, true), (4_999, true), (5_000, false), (9_000, false)] {
            let mut idle = Idle::new();
            assert!(idle.push(entry(1, start, 5), 8).is_none());
            let popped = idle.pop(start + Duration::from_millis(after));
            assert_eq!(popped.map(|entry| entry.is_ok()), Some(usable), "{after} ms");
        }
    }

    #[test]
    fn one_that_the_reaper_looked_at_keeps_its_place() {
        let start = start();
        let mut idle = Idle::new();
        for id in 0..4 {
            idle.push(entry(id, start + Duration::from_secs(id), 60), 8);
        }
        let taken = idle.take(2).unwrap();
        assert!(idle.take(2).is_none());
        idle.put_back(taken);
        assert_eq!(idle.drain().into_iter().map(|e| e.id).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn buffers_are_due_after_a_second_and_the_deadline_after_that() {
        let start = start();
        let mut idle = Idle::new();
        idle.push(entry(1, start, 5), 8);
        assert_eq!(idle.next_due(), Some(start + TRIM_AFTER));
        let mut trimmed = 0;
        idle.trim(start + TRIM_AFTER, |_| trimmed += 1);
        idle.trim(start + TRIM_AFTER, |_| trimmed += 1);
        assert_eq!((trimmed, idle.next_due()), (1, Some(start + Duration::from_secs(5))));
        assert!(idle.expired(start + Duration::from_secs(4)).is_empty());
        assert_eq!(idle.expired(start + Duration::from_secs(5)).len(), 1);
        assert_eq!((idle.next_due(), idle.len()), (None, 0));
    }
}
