use std::any::Any;
use std::fmt;
use std::sync::Arc;

use parapet_core::{Body, BoxFuture, RequestHead, Response, ResponseHead};

use crate::{Attempt, Error, Gate, RoundTrip, Target, TargetSet};

/// Picks a target for each attempt and hears the outcome. It never waits, so it is synchronous;
/// [`RoundTrip`] is only its outer face.
pub trait Balancer: Send + Sync + 'static {
    /// Picks the target of one attempt.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: no target is admissible. It is answered with 503 at once, and never retried.
    fn pick(&self, head: &RequestHead, at: &Attempt) -> Result<Picked, Error>;

    /// The targets it picks from, for health checks.
    fn target_set(&self) -> Option<&TargetSet> {
        None
    }

    /// Installs the bits of a health check; true: they are honoured.
    fn gate(&self, _gate: &Gate) -> bool {
        false
    }
}

/// Hears the outcome of one pick. Dropped without a call, the outcome is neutral: the request went away before the head.
pub trait Ticket: Send + Sync {
    /// Records the outcome at the head; the guard, if any, lives until the body of the response is closed.
    fn done(self: Box<Self>, result: Result<&ResponseHead, &Error>) -> Option<Guard>;
}

/// A picked target, with the ticket of a balancer that wants to hear the outcome.
#[derive(Debug)]
pub struct Picked {
    target: Arc<Target>,
    ticket: TicketKind,
}

impl Picked {
    /// A target without a ticket.
    pub fn new(target: Arc<Target>) -> Self {
        Self { target, ticket: TicketKind::None }
    }

    /// Adds the ticket. One allocation.
    #[must_use]
    pub fn ticket(mut self, ticket: impl Ticket + 'static) -> Self {
        self.ticket = TicketKind::Custom(Box::new(ticket));
        self
    }

    /// The target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The round trip on the picked target, its outcome recorded. Takes the body out; by reference, so that the futures
    /// of the layers hold no copy of it.
    pub(crate) async fn send(
        self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        let Self { target, ticket } = self;
        at.set_picked(Arc::clone(&target));
        let result = target.send(head, body, at).await;
        match ticket {
            TicketKind::None => result,
            TicketKind::Custom(ticket) => settle(ticket, result),
        }
    }
}

/// The tickets of the built-in balancers are variants, so that they cost no box.
enum TicketKind {
    None,
    Custom(Box<dyn Ticket>),
}

/// Tells the outcome; what the ticket gives for it stays with the body.
fn settle(ticket: Box<dyn Ticket>, result: Result<Response, Error>) -> Result<Response, Error> {
    match result {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let body = match ticket.done(Ok(&head)) {
                Some(guard) => body.with_guard(guard),
                None => body,
            };
            Ok(Response::from_parts(head, body))
        }
        Err(error) => {
            // There is no body to wait for: what the guard holds is free at once.
            drop(ticket.done(Err(&error)));
            Err(error)
        }
    }
}

impl fmt::Debug for TicketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Custom(_) => "Custom",
        })
    }
}

/// What a ticket gives to the body of the response: dropped when the body is closed.
pub struct Guard(#[expect(dead_code, reason = "held for its drop")] GuardKind);

enum GuardKind {
    Custom(#[expect(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>),
}

impl Guard {
    /// Holds `value`.
    pub fn new(value: impl Send + Sync + 'static) -> Self {
        Self(GuardKind::Custom(Box::new(value)))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl<B: Balancer> RoundTrip for B {
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        mut body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        match self.pick(head, at) {
            Ok(picked) => Box::pin(async move { picked.send(head, &mut body, at).await }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn as_balancer(&self) -> Option<&dyn Balancer> {
        Some(self)
    }

    fn targets(&self) -> Option<&TargetSet> {
        self.target_set()
    }

    fn set_health_gate(&self, gate: &Gate) -> bool {
        self.gate(gate)
    }
}
