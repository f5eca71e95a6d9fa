//! The HTTP/2 connections of a pool: shared by requests, so none is ever checked out.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use parapet_core::{BoxFuture, ServerHandle};
use tokio::time::Instant;

use super::permits::{Grant, Permit};
use super::{Lease, Pool, shard_index};
use crate::dial::{self, Offer};
use crate::h2::{self, Handle};
use crate::{Error, ShedReason};

/// What one worker keeps of one target's HTTP/2 connections.
#[derive(Debug, Default)]
pub(super) struct H2Slot {
    pub(super) handles: Vec<Arc<Handle>>,
    /// The dial that requests wait for together. It lives as long as one of them does.
    dialing: Option<WeakShared<Dial>>,
}

/// `None`: the target speaks HTTP/1.1 only.
type Dialed = Result<Option<Arc<Handle>>, Error>;
type Dial = BoxFuture<'static, Dialed>;

impl Pool {
    /// A connection of this worker with room for a stream.
    pub(crate) fn take_h2(&self) -> Option<Arc<Handle>> {
        let slot = self.slot_at(shard_index(self.slots().len()))?;
        let mut state = slot.lock();
        state.h2.handles.retain(|handle| handle.is_open());
        state.h2.handles.iter().find(|handle| handle.has_room()).cloned()
    }

    /// One more connection. Requests of one worker that want one at the same time share it.
    ///
    /// # Errors
    /// [`Error::Connect`], or [`Error::Unavailable`] at the limit; the same for all that waited.
    pub(crate) async fn dial_h2(self: &Arc<Self>, server: Option<&ServerHandle>) -> Dialed {
        let index = shard_index(self.slots().len());
        let Some(slot) = self.slot_at(index) else {
            return Err(Error::Unavailable { reason: ShedReason::ConnLimit });
        };
        let dial: Shared<Dial> = {
            let mut state = slot.lock();
            let running = state.h2.dialing.as_ref().and_then(WeakShared::upgrade);
            if let Some(dial) = running.filter(|dial| dial.peek().is_none()) {
                dial
            } else {
                let dial: Dial = Box::pin(open(Arc::clone(self), index, server.cloned()));
                let dial = dial.shared();
                state.h2.dialing = dial.downgrade();
                dial
            }
        };
        dial.await
    }

    /// Drops connections that have been idle for too long, or are closing. Their drivers end by themselves.
    pub(super) fn reap_h2(&self, slot: &mut H2Slot, now: Instant) -> Option<Instant> {
        let limit = self.settings().idle_conn_timeout;
        slot.handles.retain(|handle| handle.is_open() && handle.idle_for(now) < limit);
        let due = |handle: &Arc<Handle>| now + limit.saturating_sub(handle.idle_for(now));
        slot.handles.iter().map(due).min()
    }

    async fn h2_permit(&self) -> Result<Option<Permit>, Error> {
        let Some(permits) = &self.permits else { return Ok(None) };
        let waiting = match permits.acquire() {
            Ok(permit) => return Ok(Some(permit)),
            Err(waiting) => waiting,
        };
        self.counters.waited();
        match tokio::time::timeout(self.settings().max_conn_wait, waiting).await {
            Ok(Ok(Grant::Permit(permit))) => Ok(Some(permit)),
            Ok(Ok(Grant::Unit(mut unit))) => Ok(unit.take_permit()),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable { reason: ShedReason::ConnLimit }),
        }
    }
}

async fn open(pool: Arc<Pool>, index: usize, server: Option<ServerHandle>) -> Dialed {
    let permit = pool.h2_permit().await?;
    let io = {
        let _dialing = pool.counters.dialing();
        dial::connect(&pool.route, pool.settings(), Offer::Http2).await?
    };
    if !io.speaks_h2() {
        #[cfg(feature = "tls")]
        if pool.settings().tls.version == crate::HttpVersion::Auto {
            // As good a connection as any for the request that waits.
            pool.check_in(pool.unit(io, permit), None, server.as_ref());
        }
        return Ok(None);
    }
    let lease = Lease { _open: pool.counters.opened(), permit };
    let handle = h2::handshake(io, &pool.settings().http2, lease).await?;
    if !pool.is_retired()
        && let Some(slot) = pool.slot_at(index)
    {
        let announce = {
            let mut state = slot.lock();
            state.h2.handles.push(Arc::clone(&handle));
            state.used = true;
            !std::mem::replace(&mut state.watched, true)
        };
        if announce {
            pool.shared.pools.watch(index, &pool, server.as_ref());
        }
    }
    Ok(Some(handle))
}
