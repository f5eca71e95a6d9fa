use std::fmt;
use std::sync::Arc;

use parapet_core::{Body, RequestHead, Response};

use crate::address::{Address, HostForm};
use crate::{Attempt, ConfigError, Error, RoundTrip, Target};

/// How a target is reached. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Transport(Kind);

/// The built-in ones are variants, so that a round trip on them needs no erased future.
#[derive(Clone)]
enum Kind {
    Custom(Arc<dyn RoundTrip>),
}

impl Transport {
    /// A transport of one's own; it finds the target in [`Attempt::picked`].
    pub fn custom(round_trip: impl RoundTrip) -> Self {
        Self(Kind::Custom(Arc::new(round_trip)))
    }

    /// Which form of host it takes.
    pub(crate) fn host_form(&self) -> HostForm {
        match &self.0 {
            Kind::Custom(_) => HostForm::Any,
        }
    }

    /// The transport as a target at `address` holds it: settings checked, with a pool for this address.
    pub(crate) fn attach(self, _address: &Address) -> Result<Self, ConfigError> {
        Ok(self)
    }

    /// Whether both share settings and connections.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Custom(one), Kind::Custom(other)) => Arc::ptr_eq(one, other),
        }
    }

    /// Its target left the set: idle connections to it are closed.
    pub(crate) fn retire(&self) {
        match &self.0 {
            Kind::Custom(_) => {}
        }
    }

    /// Whether an extended CONNECT (RFC 8441) can go out as it is; else it becomes an HTTP/1.1 upgrade.
    pub(crate) fn speaks_extended_connect(&self) -> bool {
        match &self.0 {
            Kind::Custom(_) => false,
        }
    }

    /// One round trip to `target`. On 101, and on 2xx to CONNECT, the response carries
    /// [`UpgradedUpstream`](crate::UpgradedUpstream) and a body that is not at its end.
    pub(crate) async fn send(
        &self,
        _target: &Arc<Target>,
        head: &RequestHead,
        body: Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        match &self.0 {
            Kind::Custom(custom) => crate::custom::round_trip(&**custom, head, body, at).await,
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Custom(_) => "Transport(custom)",
        })
    }
}
