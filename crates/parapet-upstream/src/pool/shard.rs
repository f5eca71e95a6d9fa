use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use parapet_core::ServerHandle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Pool;
use super::idle::Idle;
use super::reaper;
use crate::h1::Unit;

/// What one worker keeps of one target. A cache line of its own: workers do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Slot {
    state: Mutex<SlotState>,
}

#[derive(Debug)]
pub(super) struct SlotState {
    pub(super) idle: Idle<Box<Unit>>,
    #[cfg(feature = "http2")]
    pub(super) h2: super::h2::H2Slot,
    /// The reaper of the worker knows of this slot.
    pub(super) watched: bool,
    /// Something was checked in since the reaper looked.
    pub(super) used: bool,
    /// When the reaper looks next, at the latest; `None`: it has not looked yet.
    pub(super) next_look: Option<Instant>,
}

impl Default for SlotState {
    fn default() -> Self {
        Self {
            idle: Idle::new(),
            #[cfg(feature = "http2")]
            h2: super::h2::H2Slot::default(),
            watched: false,
            used: false,
            next_look: None,
        }
    }
}

impl Slot {
    /// Held for a few moves only, never while a connection is polled.
    pub(super) fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one worker keeps of a transport: the list of what its reaper has to look at.
#[derive(Debug)]
pub(super) struct Shard {
    state: Mutex<ShardState>,
    pub(super) bell: Arc<Notify>,
}

#[derive(Debug, Default)]
pub(super) struct ShardState {
    /// A reaper runs.
    pub(super) running: bool,
    /// Pools with something idle on this worker.
    pub(super) pools: Vec<Weak<Pool>>,
    /// Idle connections that something happened to.
    pub(super) woken: Vec<(Weak<Pool>, u64)>,
    /// The server whose drain empties the pools.
    pub(super) server: Option<ServerHandle>,
}

impl Shard {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), bell: Arc::new(Notify::new()) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ShardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened to an idle connection.
    pub(super) fn report(&self, pool: Weak<Pool>, id: u64) {
        self.lock().woken.push((pool, id));
        self.bell.notify_one();
    }

    /// A pool has something idle again. False: there is no runtime to watch it on.
    pub(super) fn watch(
        self: &Arc<Self>,
        index: usize,
        pool: &Arc<Pool>,
        server: Option<&ServerHandle>,
    ) -> bool {
        let mut state = self.lock();
        state.pools.push(Arc::downgrade(pool));
        if let Some(server) = server {
            state.server = Some(server.clone());
        }
        if state.running {
            drop(state);
            self.bell.notify_one();
            return true;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            state.pools.pop();
            return false;
        };
        state.running = true;
        drop(state);
        // Tasks of the reaper end with the transport, or when nothing is idle any more.
        drop(runtime.spawn(reaper::run(Arc::downgrade(self), Arc::clone(&self.bell), index)));
        true
    }
}
