//! One shard of a key table: open addressing with linear probing in one allocation.

use std::num::NonZeroU64;

use smallvec::SmallVec;

use crate::limit_key::KeyHash;

/// What a strategy tells the table about the state of a key.
pub(crate) trait Rules: Send + Sync + 'static {
    /// What is kept for a key; the default is that of a key never seen.
    type State: Default + Send + 'static;

    /// Whether dropping the entry changes no future decision.
    fn is_stale(&self, state: &Self::State, now: u64) -> bool;

    /// Whether the entry must not be dropped for space.
    fn is_pinned(&self, _state: &Self::State) -> bool {
        false
    }

    /// Whether the entry holds nothing at all and goes as soon as it was used.
    fn is_idle(&self, _state: &Self::State) -> bool {
        false
    }

    /// How much of its budget the key has used: the least is dropped first.
    fn consumed(&self, state: &Self::State, now: u64) -> u64;

    /// Nanoseconds between two maintenance passes.
    fn sweep_period(&self) -> u64;
}

#[derive(Debug)]
pub(crate) struct Shard<S> {
    slots: Vec<Option<Slot<S>>>,
    len: usize,
    /// At most this many entries.
    max: usize,
    /// The slot that is examined next when an entry comes in.
    hand: usize,
    pub(crate) tally: Tally,
}

/// Counts of a shard, changed under its lock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) allowed: u64,
    pub(crate) limited: u64,
    pub(crate) evicted_live: u64,
    pub(crate) table_full: u64,
}

#[derive(Debug)]
struct Slot<S> {
    high: u64,
    low: NonZeroU64,
    state: S,
}

enum Place {
    Found(usize),
    Vacant(usize),
}

impl<S: Default> Shard<S> {
    /// `max` is at least 1.
    pub(crate) fn new(max: usize) -> Self {
        Self { slots: Vec::new(), len: 0, max, hand: 0, tally: Tally::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Passes the state of `hash` to `f`, making it if it is not there. `None`: there is no room, and `f` was not called.
    pub(crate) fn enter<R: Rules<State = S>, T>(
        &mut self,
        rules: &R,
        hash: KeyHash,
        now: u64,
        f: impl FnOnce(&mut S, &mut Tally) -> T,
    ) -> Option<T> {
        let at = match self.place(hash) {
            Place::Found(at) => at,
            Place::Vacant(_) => self.insert(rules, hash, now)?,
        };
        self.used(rules, at, f)
    }

    /// Passes the state of `hash` to `f` if it is there.
    pub(crate) fn visit<R: Rules<State = S>, T>(
        &mut self,
        rules: &R,
        hash: KeyHash,
        f: impl FnOnce(&mut S, &mut Tally) -> T,
    ) -> Option<T> {
        match self.place(hash) {
            Place::Found(at) => self.used(rules, at, f),
            Place::Vacant(_) => None,
        }
    }

    /// Removes what is stale, and gives memory back if little is left.
    pub(crate) fn sweep<R: Rules<State = S>>(&mut self, rules: &R, now: u64) {
        let mut at = 0;
        while at < self.slots.len() {
            if !self.remove_if_stale(rules, at, now) {
                at += 1; // else another entry moved here
            }
        }
        if self.len.saturating_mul(4) < self.slots.len() {
            self.resize(if self.len == 0 { 0 } else { self.len.saturating_mul(2).max(SMALLEST) });
        }
    }

    fn used<R: Rules<State = S>, T>(
        &mut self,
        rules: &R,
        at: usize,
        f: impl FnOnce(&mut S, &mut Tally) -> T,
    ) -> Option<T> {
        let slot = self.slots.get_mut(at)?.as_mut()?;
        let result = f(&mut slot.state, &mut self.tally);
        if rules.is_idle(&slot.state) {
            self.remove(at);
            // Such entries are never swept: what a rush has left is given back here, rarely enough to cost nothing.
            if self.slots.len() > LARGE && self.len.saturating_mul(8) < self.slots.len() {
                self.resize(self.len.saturating_mul(2).max(SMALLEST));
            }
        }
        Some(result)
    }

    /// Makes the entry of `hash`, which is not there.
    fn insert<R: Rules<State = S>>(&mut self, rules: &R, hash: KeyHash, now: u64) -> Option<usize> {
        for _ in 0..2 {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            if !self.remove_if_stale(rules, self.hand, now) {
                self.hand += 1;
            }
        }
        if self.len >= self.max && !self.evict(rules, now) {
            self.tally.table_full += 1;
            self.tally.limited += 1;
            return None;
        }
        // At most four of five slots are used: a search for what is not there meets some thirteen others at that load.
        if (self.len + 1).saturating_mul(5) > self.slots.len().saturating_mul(4) {
            let full = self.max.saturating_mul(5).div_ceil(4).saturating_add(1);
            self.resize(self.slots.len().saturating_mul(2).max(SMALLEST).min(full));
        }
        let at = match self.place(hash) {
            Place::Found(at) | Place::Vacant(at) => at,
        };
        let slot = self.slots.get_mut(at)?;
        *slot = Some(Slot { high: hash.high, low: hash.low, state: S::default() });
        self.len += 1;
        Some(at)
    }

    /// Drops one of eight entries from a random place on: the first stale one, else the one that used least.
    fn evict<R: Rules<State = S>>(&mut self, rules: &R, now: u64) -> bool {
        let start = fastrand::usize(..self.slots.len().max(1));
        let order = (start..self.slots.len()).chain(0..start);
        let sample: SmallVec<[(usize, &S); 8]> = order
            .filter_map(|at| Some((at, &self.slots.get(at)?.as_ref()?.state)))
            .take(SAMPLE)
            .collect();
        let stale = sample.iter().find(|(_, state)| rules.is_stale(state, now)).map(|(at, _)| *at);
        let least = || {
            let free = sample.iter().filter(|(_, state)| !rules.is_pinned(state));
            free.min_by_key(|(_, state)| rules.consumed(state, now)).map(|(at, _)| *at)
        };
        let found = stale.or_else(least);
        drop(sample);
        let Some(at) = found else { return false };
        if stale.is_none() {
            self.tally.evicted_live += 1;
        }
        self.remove(at);
        true
    }

    fn remove_if_stale<R: Rules<State = S>>(&mut self, rules: &R, at: usize, now: u64) -> bool {
        let stale =
            matches!(self.slots.get(at), Some(Some(slot)) if rules.is_stale(&slot.state, now));
        if stale {
            self.remove(at);
        }
        stale
    }

    /// Empties slot `at` and moves those behind it up, so that no search ends too early.
    fn remove(&mut self, at: usize) {
        let count = self.slots.len();
        if self.slots.get_mut(at).and_then(Option::take).is_none() {
            return;
        }
        self.len -= 1;
        let (mut hole, mut from) = (at, next(at, count));
        while let Some(Some(slot)) = self.slots.get(from) {
            let home = home(slot.low, count);
            // Whether the hole lies between its home and where it stands now, around the end if need be.
            if distance(home, from, count) >= distance(hole, from, count) {
                self.slots.swap(hole, from);
                hole = from;
            }
            from = next(from, count);
        }
    }

    fn resize(&mut self, count: usize) {
        let old = std::mem::take(&mut self.slots);
        self.slots.resize_with(count, || None);
        self.hand = 0;
        for slot in old.into_iter().flatten() {
            let hash = KeyHash { high: slot.high, low: slot.low };
            if let Place::Vacant(at) = self.place(hash)
                && let Some(free) = self.slots.get_mut(at)
            {
                *free = Some(slot);
            }
        }
    }

    /// Where `hash` is or would be. Ends, since a fifth of the slots is free.
    fn place(&self, hash: KeyHash) -> Place {
        let count = self.slots.len();
        let mut at = home(hash.low, count);
        while let Some(Some(slot)) = self.slots.get(at) {
            if slot.low == hash.low && slot.high == hash.high {
                return Place::Found(at);
            }
            at = next(at, count);
        }
        Place::Vacant(at)
    }
}

const SMALLEST: usize = 8;
/// From here on memory is worth giving back.
const LARGE: usize = 64;
const SAMPLE: usize = 8;

/// The slot at which a search begins: `low` scaled to the number of slots, which need not be a power of two.
fn home(low: NonZeroU64, count: usize) -> usize {
    let scaled = (u128::from(low.get()) * count as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

fn next(at: usize, count: usize) -> usize {
    if at + 1 >= count { 0 } else { at + 1 }
}

fn distance(from: usize, to: usize, count: usize) -> usize {
    if to >= from { to - from } else { to + count - from }
}

#[cfg(test)]
mod tests;
