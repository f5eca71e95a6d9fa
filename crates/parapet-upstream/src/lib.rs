//! Reverse proxy and load balancing: turns a pool of backend targets into the terminal handler of a chain.

mod address;
mod attempt;
mod attempts;
mod balancer;
mod body;
mod config_error;
mod custom;
mod deadline_body;
mod dial;
mod error;
mod failure;
mod failure_log;
mod gate;
mod max_forwards;
mod observe;
mod parked_body;
mod request_fields;
mod response_fields;
mod retry;
mod retry_budget;
mod rewrite;
mod round_robin;
mod h1;
mod io;
mod pool;
mod round_trip;
mod single_host;
mod target;
mod target_set;
mod timer;
mod transport;
mod tunnel;
mod upgrade;
mod upstream;
mod via;

pub use self::attempt::Attempt;
pub use self::balancer::{Balancer, Guard, Picked, Ticket};
pub use self::config_error::ConfigError;
pub use self::dial::{ConnectInfo, DialTarget};
pub use self::error::{ConnectErrorKind, Error, ShedReason, TimeoutKind};
pub use self::gate::Gate;
pub use self::observe::RoundTripInfo;
pub use self::retry_budget::RetryBudget;
pub use self::round_robin::RoundRobin;
pub use self::pool::PoolStats;
pub use self::round_trip::RoundTrip;
pub use self::target::Target;
pub use self::target_set::TargetSet;
pub use self::transport::{
    BuiltIn, Http, HttpTransport, Kind, OverTcp, Transport, Unix, UnixTransport,
};
pub use self::upgrade::UpgradedUpstream;
pub use self::upstream::{ConnectPolicy, Upstream};
