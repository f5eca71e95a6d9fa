//! The HTTP/2 connections of a pool: shared by requests, so none is ever checked out.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use parapet_core::{BoxFuture, ServerHandle};
use tokio::time::Instant;

use super::permits::{Grant, Permit};
use super::{FAR, Lease, Pool, shard_index};
use crate::dial::Offer;
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
        let due = |handle: &Arc<Handle>| now + limit.saturating_sub(handle.idle_for(now)).min(FAR);
        slot.handles.iter().map(due).min()
    }

    /// At the limit only: another worker's connection with room for a stream. Without it the first workers could keep all
    /// the connections there may be, and the others would get none.
    fn h2_of_others(&self) -> Option<Arc<Handle>> {
        self.slots().iter().find_map(|slot| {
            let state = slot.lock();
            state.h2.handles.iter().find(|handle| handle.has_room()).cloned()
        })
    }

    async fn h2_place(&self) -> Result<Place, Error> {
        let Some(permits) = &self.permits else { return Ok(Place::Fresh(None)) };
        let waiting = match permits.acquire() {
            Ok(permit) => return Ok(Place::Fresh(Some(permit))),
            Err(waiting) => waiting,
        };
        if let Some(handle) = self.h2_of_others() {
            return Ok(Place::Shared(handle));
        }
        // An idle HTTP/1.1 connection, of an upgrade that was refused, gives way.
        if let Some(mut unit) = self.take_from_others() {
            return Ok(Place::Fresh(unit.take_permit()));
        }
        self.counters.waited();
        match tokio::time::timeout(self.settings().max_conn_wait, waiting).await {
            Ok(Ok(Grant::Permit(permit))) => Ok(Place::Fresh(Some(permit))),
            Ok(Ok(Grant::Unit(mut unit))) => Ok(Place::Fresh(unit.take_permit())),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable { reason: ShedReason::ConnLimit }),
        }
    }
}

/// Where a request's stream may be.
enum Place {
    /// On a connection that is to be made.
    Fresh(Option<Permit>),
    /// On one that another worker made.
    Shared(Arc<Handle>),
}

async fn open(pool: Arc<Pool>, index: usize, server: Option<ServerHandle>) -> Dialed {
    let permit = match pool.h2_place().await? {
        Place::Fresh(permit) => permit,
        Place::Shared(handle) => return Ok(Some(handle)),
    };
    let io = {
        let _dialing = pool.counters.dialing();
        pool.dial(Offer::Http2).await?
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
