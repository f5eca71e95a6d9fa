//! The way of a request through one limiter, or through a chain of them.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use parapet_core::{BoxFuture, Handler, Request, Response, ResponseFuture, Serve, plain_error};
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::headers::{self, RateLimitHeaders};
use crate::limiter::{CostFn, ExceededFn, KeyFn, ObserveFn, SkipFn};
use crate::refusal;
use crate::{
    Decision, Event, Exceeded, Key, Outcome, Quota, QuotaDecision, Strategy, Verdict, Waits,
};

/// One limit and its settings.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) strategy: Arc<dyn Strategy>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) exceeded: Option<ExceededFn>,
    pub(crate) observe: Option<ObserveFn>,
    pub(crate) cost: Option<CostFn>,
    pub(crate) skip: Option<SkipFn>,
    pub(crate) headers: RateLimitHeaders,
    pub(crate) release_on_write_header: bool,
    pub(crate) release_on_hijacked: bool,
    pub(crate) dry_run: bool,
    pub(crate) problem_json: bool,
    pub(crate) retry_jitter: f64,
}

impl Member {
    pub(crate) fn new(strategy: Arc<dyn Strategy>) -> Self {
        Self {
            strategy,
            name: Cow::Borrowed(""),
            exceeded: None,
            observe: None,
            cost: None,
            skip: None,
            headers: RateLimitHeaders::Off,
            release_on_write_header: false,
            release_on_hijacked: false,
            dry_run: false,
            problem_json: false,
            retry_jitter: 0.0,
        }
    }

    fn tell(&self, outcome: Outcome) {
        if let Some(observe) = &self.observe {
            let event = Event { name: &self.name, outcome };
            if catch_unwind(AssertUnwindSafe(|| observe(&event))).is_err() {
                hook_panicked("observe");
            }
        }
    }

    fn shows_quota(&self) -> bool {
        self.headers != RateLimitHeaders::Off && !self.dry_run
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name)
            .field("headers", &self.headers)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// The handler of wrapped limits.
pub(crate) struct Admission(Arc<Inner>);

struct Inner {
    key: KeyFn,
    members: Vec<Wrapped>,
    next: Handler,
    /// Whether an admitted response passes untouched: nothing to give back, no field to add.
    tail_call: bool,
}

struct Wrapped {
    member: Member,
    needs_put: bool,
}

impl Wrapped {
    /// Often called by a drop, and then perhaps by a panic: a second one would end the process.
    fn give_back(&self, f: impl FnOnce(&dyn Strategy)) {
        if catch_unwind(AssertUnwindSafe(|| f(&*self.member.strategy))).is_err() {
            hook_panicked("put");
        }
    }
}

impl Admission {
    pub(crate) fn wrap(key: KeyFn, members: Vec<Member>, next: Handler) -> Handler {
        let members: Vec<_> = members
            .into_iter()
            .map(|member| {
                member.strategy.named(&member.name);
                Wrapped { needs_put: member.strategy.needs_put(), member }
            })
            .collect();
        let tail_call =
            !members.iter().any(|wrapped| wrapped.needs_put || wrapped.member.shows_quota());
        Handler::new(Self(Arc::new(Inner { key, members, next, tail_call })))
    }
}

impl Serve for Admission {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self(inner) = self;
        let key = match catch_unwind(AssertUnwindSafe(|| inner.key_of(&request))) {
            Ok(Some(key)) => key,
            Ok(None) => return inner.next.serve(request),
            Err(_) => {
                hook_panicked("key");
                return internal_error();
            }
        };
        let mut round = Round { key, asked: SmallVec::new(), waits_since: None };
        // A strategy may be the user's own: its panic must not keep what others of the chain have given.
        let step = catch_unwind(AssertUnwindSafe(|| inner.advance(&mut round, &request)));
        let step = step.unwrap_or_else(|_| {
            hook_panicked("strategy");
            inner.refund(&mut round);
            Step::Broken
        });
        match step {
            Step::Admitted => admitted(inner, round, request),
            Step::Denied(denial) => inner.deny(request, &denial),
            Step::Broken => internal_error(),
            Step::Wait(pending) => {
                round.waits_since = Some(Instant::now());
                let started = Started { inner: Arc::clone(inner), round: Some(round) };
                ResponseFuture::new(wait(started, pending, request))
            }
        }
    }
}

/// The rest of a round that has to wait. Dropped, it gives back what it took and tells nobody.
async fn wait(mut started: Started, mut pending: Pending, request: Request) -> Response {
    loop {
        let (verdict, quota) = match pending {
            Pending::Plain(verdict) => (verdict.await, None),
            Pending::Quota(both) => both.await,
        };
        let inner = Arc::clone(&started.inner);
        let Some(round) = &mut started.round else { return internal_error().await };
        let step = match inner.settle(round, verdict, quota) {
            None => inner.advance(round, &request),
            Some(denial) => Step::Denied(denial),
        };
        let round = match step {
            Step::Wait(next) => {
                pending = next;
                continue;
            }
            step => (started.round.take(), step),
        };
        return match round {
            (Some(round), Step::Admitted) => admitted(&inner, round, request).await,
            (_, Step::Denied(denial)) => inner.deny(request, &denial).await,
            _ => internal_error().await,
        };
    }
}

/// What one request has asked so far.
struct Round {
    key: Key,
    /// An entry for each member that was asked, in their order.
    asked: SmallVec<[Asked; 2]>,
    /// When it first had to wait: what was taken before is at least that old.
    waits_since: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Asked {
    /// Units that were taken; 0: nothing to give back.
    taken: u32,
    /// Units that are asked for, until the member has answered.
    cost: u32,
    /// `None`: the member skipped the request.
    outcome: Option<Outcome>,
    quota: Option<Quota>,
}

enum Step {
    Admitted,
    Denied(Denial),
    Wait(Pending),
    /// A hook panicked.
    Broken,
}

enum Pending {
    Plain(BoxFuture<'static, Verdict>),
    Quota(BoxFuture<'static, (Verdict, Option<Quota>)>),
}

struct Denial {
    /// Index of the member that denied.
    at: usize,
    after: Duration,
    quota: Option<Quota>,
}

/// A round that is waiting: its drop gives back what was taken.
struct Started {
    inner: Arc<Inner>,
    round: Option<Round>,
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(round) = &mut self.round {
            self.inner.refund(round);
        }
    }
}

impl Inner {
    /// The key, unless the only member skips the request: then it is not even asked for.
    fn key_of(&self, request: &Request) -> Option<Key> {
        if let [only] = self.members.as_slice()
            && only.member.skip.as_ref().is_some_and(|skip| skip(request))
        {
            return None;
        }
        (self.key)(request)
    }

    /// Asks the members that were not asked yet, until one denies or has to wait.
    fn advance(&self, round: &mut Round, request: &Request) -> Step {
        while let Some(Wrapped { member, .. }) = self.members.get(round.asked.len()) {
            let Ok(cost) = catch_unwind(AssertUnwindSafe(|| self.cost_of(member, request))) else {
                hook_panicked("cost");
                self.refund(round);
                return Step::Broken;
            };
            let outcome = cost.map(|_| Outcome::Allowed);
            round.asked.push(Asked { taken: 0, cost: cost.unwrap_or(0), outcome, quota: None });
            let Some(cost @ 1..) = cost else { continue };
            let (verdict, quota) = if member.shows_quota() {
                match member.strategy.take_with_quota(&round.key, cost) {
                    QuotaDecision::Ready(verdict, quota) => (verdict, quota),
                    QuotaDecision::Wait(_) if member.dry_queue() => continue,
                    QuotaDecision::Wait(both) => return Step::Wait(Pending::Quota(both)),
                }
            } else {
                match member.strategy.take(&round.key, cost) {
                    Decision::Ready(verdict) => (verdict, None),
                    Decision::Wait(_) if member.dry_queue() => continue,
                    Decision::Wait(verdict) => return Step::Wait(Pending::Plain(verdict)),
                }
            };
            if let Some(denial) = self.settle(round, verdict, quota) {
                return Step::Denied(denial);
            }
        }
        for (wrapped, asked) in self.members.iter().zip(&round.asked) {
            if let Some(outcome) = asked.outcome {
                wrapped.member.tell(outcome);
            }
        }
        Step::Admitted
    }

    /// `None`: the member skips the request.
    fn cost_of(&self, member: &Member, request: &Request) -> Option<u32> {
        // Of an only member, `key_of` has asked.
        if self.members.len() > 1 && member.skip.as_ref().is_some_and(|skip| skip(request)) {
            return None;
        }
        Some(member.cost.as_ref().map_or(1, |cost| cost(request)))
    }

    /// Notes the answer of the member that was asked last. A denial gives back what the members before admitted.
    fn settle(&self, round: &mut Round, verdict: Verdict, quota: Option<Quota>) -> Option<Denial> {
        let at = round.asked.len().checked_sub(1)?;
        let member = &self.members.get(at)?.member;
        let asked = round.asked.get_mut(at)?;
        if verdict == Verdict::Allowed {
            asked.taken = asked.cost;
        }
        asked.quota = match quota {
            None if member.shows_quota() => member.strategy.quota(&round.key),
            quota => quota,
        };
        match verdict {
            Verdict::Allowed => None,
            Verdict::Limited { .. } if member.dry_run => {
                asked.outcome = Some(Outcome::ShadowLimited);
                None
            }
            Verdict::Limited { after } => {
                let cost = asked.cost;
                let quota = asked.quota.or_else(|| {
                    member.exceeded.as_ref().and_then(|_| member.strategy.quota(&round.key))
                });
                self.refund(round);
                let after = after.unwrap_or_else(|| member.strategy.after(&round.key, cost));
                member.tell(Outcome::Limited);
                Some(Denial { at, after, quota })
            }
        }
    }

    /// Gives back what was taken, once.
    fn refund(&self, round: &mut Round) {
        let key = &round.key;
        for (wrapped, asked) in self.members.iter().zip(&mut round.asked).rev() {
            if wrapped.needs_put {
                put(wrapped, key, asked);
                continue;
            }
            let taken = std::mem::take(&mut asked.taken);
            if taken > 0 {
                wrapped.give_back(|strategy| match round.waits_since {
                    None => strategy.refund(key, taken),
                    Some(since) => strategy.refund_aged(key, taken, since.elapsed()),
                });
            }
        }
    }

    fn deny(&self, request: Request, denial: &Denial) -> ResponseFuture {
        let Some(Wrapped { member, .. }) = self.members.get(denial.at) else {
            return internal_error();
        };
        let retry_after = refusal::retry_after(denial.after, member.retry_jitter);
        let shown = denial.quota.filter(|_| member.shows_quota());
        let add = (member.headers, member.name.clone(), retry_after);
        let finish = move |mut response: Response| {
            let (which, name, retry_after) = &add;
            if let Some(quota) = &shown {
                headers::append(response.headers_mut(), *which, name, quota, *retry_after);
            }
            response
        };
        let (name, problem_json) = (member.name.clone(), member.problem_json);
        let default = move || refusal::response(&name, retry_after, problem_json);
        let Some(exceeded) = &member.exceeded else {
            return ResponseFuture::ready(finish(default()));
        };
        let facts = Exceeded { name: &member.name, after: denial.after, policy: denial.quota };
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| exceeded(request, &facts))) else {
            hook_panicked("exceeded");
            return ResponseFuture::ready(finish(default()));
        };
        match answer.into_ready() {
            Ok(response) => ResponseFuture::ready(finish(response)),
            Err(answer) => {
                ResponseFuture::new(
                    async move { finish(refusal::or_default(answer, default).await) },
                )
            }
        }
    }
}

impl Member {
    /// A dry run does not stand in a queue: the request would have passed in the end.
    fn dry_queue(&self) -> bool {
        self.dry_run && self.strategy.waits() == Waits::Queues
    }
}

fn admitted(inner: &Arc<Inner>, round: Round, request: Request) -> ResponseFuture {
    if inner.tail_call {
        return inner.next.serve(request); // no future of our own: nothing to box
    }
    let mut slots = Slots { inner: Arc::clone(inner), round };
    let is_connect = request.method() == Method::CONNECT;
    let next = inner.next.serve(request);
    ResponseFuture::new(async move {
        let mut response = next.await;
        let status = response.status();
        let tunnel = status == StatusCode::SWITCHING_PROTOCOLS || is_connect && status.is_success();
        if !status.is_informational() {
            slots.add_fields(&mut response);
        }
        slots.release(tunnel);
        if slots.hold_any() { response.map(|body| body.with_guard(slots)) } else { response }
    })
}

/// What an admitted request must give back: by its drop, whatever becomes of the request.
struct Slots {
    inner: Arc<Inner>,
    round: Round,
}

impl Slots {
    /// Gives back what is due at the response head.
    fn release(&mut self, tunnel: bool) {
        for (wrapped, asked) in self.inner.members.iter().zip(&mut self.round.asked) {
            let member = &wrapped.member;
            if member.release_on_write_header || tunnel && member.release_on_hijacked {
                put(wrapped, &self.round.key, asked);
            }
        }
    }

    fn hold_any(&self) -> bool {
        let mut held = self.inner.members.iter().zip(&self.round.asked);
        held.any(|(wrapped, asked)| wrapped.needs_put && asked.taken > 0)
    }

    fn add_fields(&self, response: &mut Response) {
        for (wrapped, asked) in self.inner.members.iter().zip(&self.round.asked) {
            let member = &wrapped.member;
            if let Some(quota) = asked.quota.filter(|_| member.shows_quota()) {
                let fields = response.headers_mut();
                headers::append(fields, member.headers, &member.name, &quota, None);
            }
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for (wrapped, asked) in self.inner.members.iter().zip(&mut self.round.asked) {
            put(wrapped, &self.round.key, asked);
        }
    }
}

/// At most once for each request: what was given back is no longer taken.
fn put(wrapped: &Wrapped, key: &Key, asked: &mut Asked) {
    let taken = std::mem::take(&mut asked.taken);
    if wrapped.needs_put && taken > 0 {
        wrapped.give_back(|strategy| strategy.put(key, taken));
    }
}

fn internal_error() -> ResponseFuture {
    plain_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into()
}

pub(crate) fn hook_panicked(hook: &'static str) {
    tracing::error!(target: "parapet_ratelimit", hook, "a hook panicked");
}
