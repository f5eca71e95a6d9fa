//! One limit for a fleet: the decision is Redis's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::lease::{Known, KnownRules, Refill, Step};
use super::plan::Plan;
use super::store::{OnError, OnFailure, RedisError, Store};
use crate::admission::hook_panicked;
use crate::clock::FleetClock;
use crate::limit_key::KeyHash;
use crate::table::Table;
use crate::{Decision, Key, Quota, QuotaDecision, Stats, Verdict};

pub(crate) struct Remote {
    pub(crate) plan: Plan,
    pub(crate) store: Store,
    pub(crate) prefix: String,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_error: Option<OnError>,
    /// For the fixed window: what is known without asking.
    pub(crate) known: Option<Table<KnownRules>>,
    pub(crate) leases: bool,
    pub(crate) clock: FleetClock,
    pub(crate) name: OnceLock<Box<str>>,
    pub(crate) allowed: AtomicU64,
    pub(crate) limited: AtomicU64,
}

type Answer = (Verdict, Option<Quota>);

impl Remote {
    pub(crate) fn take(self: &Arc<Self>, key: &Key, cost: u32) -> Decision {
        match self.decide(key, cost) {
            Ok((verdict, _)) => Decision::Ready(verdict),
            Err(ask) => Decision::Wait(Box::pin(async move { ask.run().await.0 })),
        }
    }

    pub(crate) fn take_with_quota(self: &Arc<Self>, key: &Key, cost: u32) -> QuotaDecision {
        match self.decide(key, cost) {
            Ok((verdict, quota)) => QuotaDecision::Ready(verdict, quota),
            Err(ask) => QuotaDecision::Wait(Box::pin(ask.run())),
        }
    }

    /// Until the window ends if nothing is left of it, as far as is known here; else zero.
    pub(crate) fn after(&self, key: &Key) -> Duration {
        let now = self.clock.now();
        let exhausted = self.known.as_ref().and_then(|known| {
            let epoch = self.plan.epoch(now);
            known.visit(known.hash(key), |_, state, _| state.is_exhausted(epoch))
        });
        if exhausted == Some(true) {
            self.plan.left(now).unwrap_or_default()
        } else {
            Duration::ZERO
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let known = self.known.as_ref().map(Table::stats).unwrap_or_default();
        let allowed = self.allowed.load(Ordering::Relaxed);
        Stats { allowed, limited: self.limited.load(Ordering::Relaxed), ..known }
    }

    /// The decision if it can be made here, else what to ask.
    fn decide(self: &Arc<Self>, key: &Key, cost: u32) -> Result<Answer, Ask> {
        let now = self.clock.now();
        if self.plan.never_fits(cost) {
            return Ok(self.denied(-1, now));
        }
        let epoch = self.plan.epoch(now);
        let hash = self.known.as_ref().map(|known| known.hash(key));
        if let (Some(known), Some(hash)) = (&self.known, hash) {
            let exhausted = known.visit(hash, |_, state, _| state.is_exhausted(epoch));
            if exhausted == Some(true) {
                return Ok(self.denied(-1, now));
            }
            if self.leases
                && cost == 1
                && let Some(Some(remaining)) =
                    known.visit(hash, |_, state, _| state.take_in_hand(epoch))
            {
                return Ok(self.admitted(remaining.into(), now));
            }
        }
        Err(Ask { remote: Arc::clone(self), key: key.clone(), hash, cost })
    }

    fn admitted(&self, reply: i64, now: u64) -> Answer {
        self.allowed.fetch_add(1, Ordering::Relaxed);
        (Verdict::Allowed, Some(self.plan.quota(reply, now)))
    }

    fn denied(&self, reply: i64, now: u64) -> Answer {
        self.limited.fetch_add(1, Ordering::Relaxed);
        let after = Some(self.plan.after(reply, now));
        (Verdict::Limited { after }, Some(self.plan.quota(reply, now)))
    }

    async fn call(&self, key: &Key, epoch: u64, cost: u32) -> Result<i64, RedisError> {
        let name = self.name.get().map_or("", |name| name);
        let key = self.plan.key(&self.prefix, name, key, epoch);
        let args = self.plan.args(cost);
        self.store.call(self.plan.script(), key.as_bytes(), &args, self.plan.most()).await
    }

    async fn failed(&self, error: &RedisError, key: &Key, cost: u32) -> Answer {
        if let Some(on_error) = &self.on_error
            && catch_unwind(AssertUnwindSafe(|| on_error(error))).is_err()
        {
            hook_panicked("on_error");
        }
        let verdict = match &self.on_failure {
            OnFailure::Open => Verdict::Allowed,
            OnFailure::Closed => {
                let after = self.plan.left(self.clock.now()).unwrap_or(Duration::from_secs(1));
                Verdict::Limited { after: Some(after) }
            }
            OnFailure::Local(strategy) => match strategy.take(key, cost) {
                Decision::Ready(verdict) => verdict,
                Decision::Wait(verdict) => verdict.await,
            },
        };
        let count = if verdict == Verdict::Allowed { &self.allowed } else { &self.limited };
        count.fetch_add(1, Ordering::Relaxed);
        (verdict, None)
    }
}

/// A request that must ask Redis.
struct Ask {
    remote: Arc<Remote>,
    key: Key,
    /// There if there is a table of what is known.
    hash: Option<KeyHash>,
    cost: u32,
}

impl Ask {
    async fn run(self) -> Answer {
        if self.remote.leases && self.cost == 1 {
            return self.lease().await;
        }
        let (now, result) = self.ask(self.cost).await;
        self.answer(result, now).await
    }

    /// The answer for `cost`, and the time by which the window was chosen. A denial of one unit is remembered.
    async fn ask(&self, cost: u32) -> (u64, Result<i64, RedisError>) {
        let remote = &self.remote;
        let now = remote.clock.now();
        let epoch = remote.plan.epoch(now);
        let result = remote.call(&self.key, epoch, cost).await;
        if cost == 1
            && matches!(result, Ok(..0))
            && let (Some(known), Some(hash)) = (&remote.known, self.hash)
        {
            known.enter(hash, now, |_, state, _| state.exhaust(epoch));
        }
        (now, result)
    }

    /// Uses a unit in hand, fetches some, or waits for who is fetching.
    async fn lease(self) -> Answer {
        let (remote, began) = (&self.remote, Instant::now());
        loop {
            let now = remote.clock.now();
            let epoch = remote.plan.epoch(now);
            let known = remote.known.as_ref().zip(self.hash);
            let step = known.and_then(|(known, hash)| {
                known.enter(hash, now, |rules, state, _| state.take(rules, now, epoch))
            });
            match step {
                Some(Step::Admitted { remaining }) => {
                    return remote.admitted(remaining.into(), now);
                }
                Some(Step::Exhausted) => return remote.denied(-1, now),
                Some(Step::Join(mut refill)) => {
                    // An error: the request that fetched went away, and somebody else must.
                    let ended = refill.wait_for(|refill| *refill != Refill::Running);
                    let left = remote.store.timeout.saturating_sub(began.elapsed());
                    let failure = match timeout(left, ended).await {
                        // Batches are small and others are quicker, again and again.
                        Err(_) => RedisError::Timeout,
                        Ok(Ok(ended)) if *ended == Refill::Failed => RedisError::Skipped,
                        Ok(_) => continue,
                    };
                    return remote.failed(&failure, &self.key, self.cost).await;
                }
                Some(Step::Fetch { units, done }) => {
                    return self.fetch(units, Fetching { ask: &self, done, ended: None }).await;
                }
                // No room in the table: this one asks for itself.
                None => {
                    let (now, result) = self.ask(1).await;
                    return self.answer(result, now).await;
                }
            }
        }
    }

    async fn fetch(&self, wanted: u32, mut fetching: Fetching<'_>) -> Answer {
        let (mut now, mut result) = self.ask(wanted).await;
        let mut units = wanted;
        if wanted > 1 && matches!(result, Ok(..0)) {
            // Less than a batch is left.
            units = 1;
            (now, result) = self.ask(1).await;
        }
        if let Ok(remaining @ 0..) = result {
            let remaining = u32::try_from(remaining).unwrap_or(0);
            let epoch = self.remote.plan.epoch(now);
            self.known(|known| known.fetched(now, epoch, units, remaining));
        }
        fetching.ended = Some(if result.is_ok() { Refill::Done } else { Refill::Failed });
        drop(fetching);
        self.answer(result, now).await
    }

    async fn answer(&self, result: Result<i64, RedisError>, now: u64) -> Answer {
        match result {
            Ok(reply) if reply < 0 => self.remote.denied(reply, now),
            Ok(reply) => self.remote.admitted(reply, now),
            Err(error) => self.remote.failed(&error, &self.key, self.cost).await,
        }
    }

    fn known(&self, f: impl FnOnce(&mut Known)) {
        if let (Some(known), Some(hash)) = (&self.remote.known, self.hash) {
            known.visit(hash, |_, state, _| f(state));
        }
    }
}

/// The one fetch of a key. Dropped before it ended, it lets another request fetch.
struct Fetching<'a> {
    ask: &'a Ask,
    done: watch::Sender<Refill>,
    ended: Option<Refill>,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.ask.known(Known::ended);
        if let Some(ended) = self.ended {
            self.done.send_replace(ended);
        }
        // Else the sender's end tells those who wait.
    }
}
