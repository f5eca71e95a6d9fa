//! Reverse proxy and load balancing: turns a pool of backend targets into the terminal handler of a chain.

mod address;
mod attempt;
mod balancer;
mod body;
mod config_error;
mod dial;
mod error;
mod gate;
mod h1;
mod io;
mod pool;
mod round_trip;
mod target;
mod target_set;
mod timer;
mod transport;
mod tunnel;
mod upgrade;

pub use self::attempt::Attempt;
pub use self::balancer::{Balancer, Guard, Picked, Ticket};
pub use self::config_error::ConfigError;
#[cfg(feature = "tls")]
pub use self::dial::tls::HttpVersion;
pub use self::dial::{ConnectInfo, DialTarget};
pub use self::error::{ConnectErrorKind, Error, ShedReason, TimeoutKind};
pub use self::gate::Gate;
pub use self::pool::PoolStats;
pub use self::round_trip::RoundTrip;
pub use self::target::Target;
pub use self::target_set::TargetSet;
pub use self::transport::{
    BuiltIn, Http, HttpTransport, Kind, OverTcp, Transport, Unix, UnixTransport,
};
#[cfg(feature = "tls")]
pub use self::transport::{Https, HttpsTransport, OverTls};
pub use self::upgrade::UpgradedUpstream;
