//! Watches over the idle connections of one worker: closes what the peer closed, what is too old, and what has bytes
//! that nobody asked for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parapet_core::{DrainPhase, ServerHandle};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Pool;
use super::shard::Shard;

/// One task per worker and transport, for as long as something is idle there.
pub(super) async fn run(shard: Weak<Shard>, bell: Arc<Notify>, index: usize) {
    let running = Running { shard: shard.clone(), index };
    loop {
        let Some(strong) = shard.upgrade() else { return };
        let Look::Until { next, server } = look(&strong, index) else {
            running.disarm();
            return;
        };
        drop(strong);
        tokio::select! {
            () = bell.notified() => {}
            () = tokio::time::sleep_until(next) => {}
            () = grace(server) => {}
        }
    }
}

/// Says that no reaper runs any more when the runtime drops the task.
struct Running {
    shard: Weak<Shard>,
    index: usize,
}

impl Running {
    /// The reaper ended by itself and said so.
    fn disarm(mut self) {
        self.shard = Weak::new();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(shard) = self.shard.upgrade() else { return };
        let pools = {
            let mut state = shard.lock();
            state.running = false;
            std::mem::take(&mut state.pools)
        };
        // Whoever checks in next announces the pool again, and starts another reaper.
        for pool in pools.iter().filter_map(Weak::upgrade) {
            pool.unwatch(self.index);
        }
    }
}

enum Look {
    /// Nothing is idle.
    Done,
    Until {
        next: Instant,
        /// The server to wait for, unless its drain is known already.
        server: Option<ServerHandle>,
    },
}

fn look(shard: &Shard, index: usize) -> Look {
    let (woken, pools, server) = {
        let mut state = shard.lock();
        let pools: Vec<_> = state.pools.iter().filter_map(Weak::upgrade).collect();
        (std::mem::take(&mut state.woken), pools, state.server.clone())
    };
    for (pool, id) in woken {
        if let Some(pool) = pool.upgrade() {
            pool.examine(index, id);
        }
    }
    let now = Instant::now();
    let draining = server.as_ref().is_some_and(|server| server.drain_phase() >= DrainPhase::Grace);
    let mut next = None;
    for pool in &pools {
        if draining {
            pool.release(index);
        }
        next = earlier(next, Some(pool.reap(index, now)));
    }
    let next = next.unwrap_or(now + EMPTY);
    let mut state = shard.lock();
    state.pools.retain(|pool| pool.upgrade().is_some_and(|pool| pool.keep_watching(index)));
    if state.pools.is_empty() {
        state.running = false;
        return Look::Done;
    }
    if draining {
        state.server = None;
    }
    Look::Until { next, server: state.server.clone() }
}

/// To the full second, so that many connections are one look.
fn round_up(now: Instant, due: Instant) -> Instant {
    now + Duration::from_secs(due.saturating_duration_since(now).as_secs() + 1)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

async fn grace(server: Option<ServerHandle>) {
    match server {
        Some(server) => server.grace_started().await,
        None => std::future::pending().await,
    }
}

/// How long a pool without idle connections is still watched: under load all of them may be in use.
const EMPTY: Duration = Duration::from_secs(2);

impl Pool {
    /// Lets the reaper look at an idle connection that something happened to.
    fn examine(self: &Arc<Self>, index: usize, id: u64) {
        let Some(mut entry) = self.slot_at(index).and_then(|slot| slot.lock().idle.take(id)) else {
            return; // in use again: whoever has it will see
        };
        entry.conn.watch.arm(index);
        if entry.conn.is_quiet() {
            if let Some(slot) = self.slot_at(index) {
                let watch = Arc::clone(&entry.conn.watch);
                slot.lock().idle.put_back(entry);
                if watch.is_woken() {
                    self.report(index, id);
                }
            }
        } else {
            self.counters.closed_idle(1);
        }
    }

    /// Closes what is too old and takes buffers back. When to look next.
    fn reap(&self, index: usize, now: Instant) -> Instant {
        let Some(slot) = self.slot_at(index) else { return now + EMPTY };
        let mut state = slot.lock();
        let expired = state.idle.expired(now.into_std());
        state.idle.trim(now.into_std(), |unit| unit.trim(self.settings()));
        let due = state.idle.next_due().map(Instant::from_std);
        #[cfg(feature = "http2")]
        let due = earlier(due, self.reap_h2(&mut state.h2, now));
        let next = due.map_or(now + EMPTY, |due| round_up(now, due));
        state.next_look = Some(next);
        drop(state);
        self.counters.closed_idle(expired.len());
        next
    }

    /// Whether anything has been idle lately; if not, the slot has to be announced again.
    fn keep_watching(&self, index: usize) -> bool {
        let Some(slot) = self.slot_at(index) else { return false };
        let mut state = slot.lock();
        state.watched = state.idle.len() > 0 || state.used;
        #[cfg(feature = "http2")]
        {
            state.watched |= !state.h2.handles.is_empty();
        }
        state.used = false;
        state.watched
    }

    /// No reaper runs any more.
    fn unwatch(&self, index: usize) {
        if let Some(slot) = self.slot_at(index) {
            slot.lock().watched = false;
        }
    }
}
