//! How a target is reached.

mod built_in;
mod dynamic;
#[cfg(feature = "http2")]
mod h2c;
mod settings;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::sync::Arc;

use parapet_core::{Body, RequestHead, Response};

pub use self::built_in::{BuiltIn, Http, HttpTransport, Kind, OverTcp, Unix, UnixTransport};
pub use self::dynamic::{Dynamic, DynamicTransport, UpstreamScheme};
#[cfg(feature = "http2")]
pub use self::h2c::{H2c, H2cTransport, OverHttp2};
pub(crate) use self::settings::{Settings, Shared, Wire};
#[cfg(feature = "tls")]
pub use self::tls::{Https, HttpsTransport, OverTls};
use crate::address::{Address, HostForm};
use crate::pool::Endpoint;
use crate::{Attempt, ConfigError, Error, RoundTrip};

/// How a target is reached. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Transport(Reach);

/// The built-in ones are variants, so that a round trip on them needs no erased future.
#[derive(Clone)]
enum Reach {
    /// A built-in transport before it has a target.
    BuiltIn(Arc<Shared>),
    /// The same, as a target holds it.
    Attached(Arc<Endpoint>),
    Custom(Arc<dyn RoundTrip>),
}

impl Transport {
    /// A transport of one's own; it finds the target in [`Attempt::picked`].
    pub fn custom(round_trip: impl RoundTrip) -> Self {
        Self(Reach::Custom(Arc::new(round_trip)))
    }

    /// Which form of host it takes.
    pub(crate) fn host_form(&self) -> HostForm {
        let wire = match &self.0 {
            Reach::BuiltIn(shared) => shared.settings.wire,
            Reach::Attached(endpoint) => endpoint.shared().settings.wire,
            Reach::Custom(_) => return HostForm::Any,
        };
        match wire {
            Wire::Unix => HostForm::Path,
            Wire::Dynamic => HostForm::Any,
            Wire::Http => HostForm::Authority,
            #[cfg(feature = "tls")]
            Wire::Https => HostForm::Authority,
            #[cfg(feature = "http2")]
            Wire::H2c => HostForm::Authority,
        }
    }

    /// The transport as a target at `address` holds it: settings checked, with a pool for this address.
    pub(crate) fn attach(self, address: &Address) -> Result<Self, ConfigError> {
        let shared = match &self.0 {
            Reach::BuiltIn(shared) => shared,
            Reach::Attached(endpoint) => endpoint.shared(),
            Reach::Custom(_) => return Ok(self),
        };
        shared.settings.check()?;
        Ok(Self(Reach::Attached(Arc::new(Endpoint::new(shared, address)?))))
    }

    /// Whether both share settings and connections.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Reach::Custom(one), Reach::Custom(other)) => Arc::ptr_eq(one, other),
            (Reach::Custom(_), _) | (_, Reach::Custom(_)) => false,
            (one, other) => {
                one.shared().zip(other.shared()).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
            }
        }
    }

    /// Its target left the set: idle connections to it are closed.
    pub(crate) fn retire(&self) {
        if let Reach::Attached(endpoint) = &self.0 {
            endpoint.retire();
        }
    }

    /// One round trip to `target`. On 101, and on 2xx to CONNECT, the response carries
    /// [`UpgradedUpstream`](crate::UpgradedUpstream) and a body that is not at its end.
    /// Takes the body out.
    pub(crate) async fn send(
        &self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        match &self.0 {
            Reach::Attached(endpoint) => endpoint.send(head, body, at).await,
            Reach::Custom(custom) => crate::custom::round_trip(&**custom, head, body, at).await,
            // A target attaches its transport when it is made.
            Reach::BuiltIn(_) => Err(Error::other("the transport has no target")),
        }
    }

    /// An extended CONNECT as such. `None`: what the target speaks has another form for it.
    #[cfg(feature = "http2")]
    pub(crate) async fn connect(
        &self,
        head: &RequestHead,
        at: &Attempt,
    ) -> Result<Option<Response>, Error> {
        match &self.0 {
            Reach::Attached(endpoint) => endpoint.connect(head, at).await,
            Reach::Custom(_) | Reach::BuiltIn(_) => Ok(None),
        }
    }
}

impl Reach {
    fn shared(&self) -> Option<&Arc<Shared>> {
        match self {
            Self::BuiltIn(shared) => Some(shared),
            Self::Attached(endpoint) => Some(endpoint.shared()),
            Self::Custom(_) => None,
        }
    }
}

impl<K: Kind> From<BuiltIn<K>> for Transport {
    fn from(transport: BuiltIn<K>) -> Self {
        Self(Reach::BuiltIn(transport.into_shared()))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.shared() {
            Some(shared) => write!(f, "Transport({:?})", shared.settings.wire),
            None => f.write_str("Transport(custom)"),
        }
    }
}
