use parapet_core::{Body, BoxFuture, RequestHead, Response};

use crate::{Attempt, Balancer, Error, Gate, TargetSet};

/// Sends one request somewhere and gives the response: a balancer, a wrapper around one, or a transport of one's own.
///
/// The head is borrowed: hooks, picks, retries and parallel legs share one, owned by the request's future. Dropping the
/// future before its head gives the attempt up.
pub trait RoundTrip: Send + Sync + 'static {
    /// One round trip, up to the head of the response.
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>>;

    /// The balancer behind this face, if it is nothing but one: [`Upstream`](crate::Upstream) then picks by itself and
    /// needs no boxed future.
    fn as_balancer(&self) -> Option<&dyn Balancer> {
        None
    }

    /// The targets. Wrappers forward.
    fn targets(&self) -> Option<&TargetSet> {
        None
    }

    /// Installs the bits of a health check; true: they are honoured. Wrappers forward.
    fn set_health_gate(&self, _gate: &Gate) -> bool {
        false
    }
}
