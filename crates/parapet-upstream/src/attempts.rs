//! The attempts of one request, up to a head or the final failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use parapet_core::{Body, LogRecord, RequestExt, RequestHead, Response};
use tokio::time::Instant;

use crate::custom::in_time;
use crate::observe::Observed;
use crate::parked_body::{Lent, ParkedBody};
use crate::retry::{self, RetryAfter};
use crate::retry_budget::{Budget, Counted};
use crate::upgrade::Way;
use crate::{Attempt, Error, Upstream};

impl Upstream {
    /// Tries until there is a head that goes to the client, or a failure that does.
    pub(crate) async fn attempts(
        &self,
        head: &RequestHead,
        body: &mut Body,
        upgrade: bool,
    ) -> Result<Response, Error> {
        let log = head.log();
        let _active = self.budget.as_ref().map(Budget::enter);
        let mut running: Option<Counted<'_>> = None;
        let mut at = Attempt::new().with_deadline(head.deadline());
        loop {
            let spare = self.keep(body, &at);
            at.set_head_deadline(
                self.per_try_timeout.and_then(|limit| Instant::now().checked_add(limit)),
            );
            let result = self.attempt(head, body, &at, log).await;
            drop(running.take());
            let next = match &result {
                Ok(_) if self.retry_on.is_none() || upgrade => None,
                Err(error) if !retry::is_worth_a_retry(error, upgrade) => None,
                _ => spare.after(&result),
            };
            let Some(next) = next else {
                self.note(&result, &at);
                return result;
            };
            let (result, wait) = self.retry_wait(head, &at, result);
            let Some(wait) = wait else {
                self.note(&result, &at);
                return result;
            };
            if let Some(budget) = &self.budget {
                running = budget.retry();
                if running.is_none() {
                    self.note(&result, &at);
                    return result;
                }
            }
            // A response that is not passed on gives its connection back before the wait.
            drop(result);
            if !wait.is_zero() {
                // Boxed, so that the rare case does not make every request's future larger.
                Box::pin(tokio::time::sleep(wait)).await;
            }
            *body = next;
            at = at.next();
        }
    }

    /// One attempt, with hook and log.
    pub(crate) async fn attempt(
        &self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
        log: Option<&LogRecord>,
    ) -> Result<Response, Error> {
        let observed = Observed::start(head, at, self.hook.as_ref(), log);
        let result = self.call(head, body, at).await;
        observed.finish(&result);
        result
    }

    async fn call(
        &self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        if let Some(balancer) = self.round_trip.as_balancer() {
            return balancer.pick(head, at)?.send(head, body, at).await;
        }
        if self.round_trip.targets().is_none() {
            return Way::Custom(&*self.round_trip).round_trip(head, body, at).await;
        }
        // Transports keep to the attempt's time by themselves; a wrapper that is none of ours may wait too.
        in_time(self.round_trip.round_trip(head, std::mem::take(body), at), at).await
    }

    /// Logs the final failure.
    fn note(&self, result: &Result<Response, Error>, at: &Attempt) {
        if let Err(error) = result {
            self.failures.write(error, at);
        }
    }

    /// What can be sent after a failure of this attempt, which sends `body`.
    fn keep(&self, body: &mut Body, at: &Attempt) -> Spare {
        if at.index() >= self.backoff.retries {
            return Spare::None;
        }
        if body.is_end_stream() {
            return Spare::Empty;
        }
        match body.replay() {
            Some(copy) => Spare::Copy(Box::new(copy)),
            None if self.retry_connect_failures => {
                let (lender, lent) = ParkedBody::lend(std::mem::take(body));
                *body = lender;
                Spare::Lent(lent)
            }
            None => Spare::None,
        }
    }

    /// How long to wait for the next attempt; `None`: there is none.
    fn retry_wait(
        &self,
        head: &RequestHead,
        at: &Attempt,
        result: Result<Response, Error>,
    ) -> (Result<Response, Error>, Option<Duration>) {
        let (result, after) = match result {
            Ok(response) => {
                let (response, after) = self.asks_for_a_retry(response);
                (Ok(response), after)
            }
            Err(error) => (Err(error), Some(RetryAfter::Unsaid)),
        };
        let connect = matches!(result, Err(Error::Connect { .. })) && self.retry_connect_failures;
        let wait = match after {
            Some(RetryAfter::Wait(wait)) => Some(wait),
            Some(RetryAfter::Unsaid) => Some(self.backoff.wait(at.index(), fastrand::f64())),
            Some(RetryAfter::TooLong) | None => None,
        };
        let wait = wait.filter(|_| connect || self.allows_retry(head)).filter(|wait| {
            let end = Instant::now().checked_add(*wait);
            at.deadline().is_none_or(|deadline| end.is_some_and(|end| end < deadline))
        });
        (result, wait)
    }

    /// Whether the user wants another attempt in place of this response, and when. `None`: it is passed on.
    fn asks_for_a_retry(&self, response: Response) -> (Response, Option<RetryAfter>) {
        let Some(retry_on) = &self.retry_on else { return (response, None) };
        let (head, body) = response.into_parts();
        let retried = catch_unwind(AssertUnwindSafe(|| retry_on(&head))).unwrap_or(false);
        let after = retried.then(|| retry::retry_after(&head.headers, parapet_core::time::date()));
        (Response::from_parts(head, body), after)
    }

    fn allows_retry(&self, head: &RequestHead) -> bool {
        match &self.retry_policy {
            Some(policy) => catch_unwind(AssertUnwindSafe(|| policy(head))).unwrap_or(false),
            None => retry::is_retried(&head.method),
        }
    }
}

/// What is left of a body that was sent.
enum Spare {
    None,
    Empty,
    /// Boxed: few requests that may be repeated have content.
    Copy(Box<Body>),
    Lent(Lent),
}

impl Spare {
    /// The body of another attempt after this outcome.
    fn after(self, result: &Result<Response, Error>) -> Option<Body> {
        match self {
            Self::Empty => Some(Body::empty()),
            Self::Copy(body) => Some(*body),
            Self::Lent(lent) if matches!(result, Err(Error::Connect { .. })) => lent.take_back(),
            Self::None | Self::Lent(_) => None,
        }
    }
}
