//! Reverse proxy and load balancing: turns a pool of backend targets into the terminal handler of a chain.
//!
//! For whoever forwards requests: an edge before applications, an API gateway, a sidecar. [`Upstream`] sends each request
//! through a [`Balancer`] to the [`Transport`] of a [`Target`], and answers failures by itself.
//!
//! ```
//! use parapet_core::{Body, BoxFuture, Middleware, RequestHead, Response, handler_fn};
//! use parapet_upstream::{Attempt, Error, RoundRobin, RoundTrip, Target, Transport, Upstream};
//!
//! /// A transport of one's own, so that the example needs no network.
//! struct Echo;
//!
//! impl RoundTrip for Echo {
//!     fn round_trip<'a>(
//!         &'a self,
//!         head: &'a RequestHead,
//!         _body: Body,
//!         at: &'a Attempt,
//!     ) -> BoxFuture<'a, Result<Response, Error>> {
//!         let host = at.picked().map(|target| target.host()).unwrap_or_default();
//!         let text = format!("{host} was asked for {}", head.uri);
//!         Box::pin(async { Ok(Response::new(Body::from(text))) })
//!     }
//! }
//!
//! let echo = Transport::custom(Echo);
//! let targets = [Target::new("app1:8080", echo.clone())?, Target::new("app2:8080", echo)?];
//! let upstream = Upstream::new(RoundRobin::new(targets)).path("/v1")?.retries(2);
//!
//! let handler = upstream.wrap(handler_fn(|_| async { "never asked: a proxy is the end of its chain" }));
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # rt.block_on(async {
//! for expected in ["app1:8080 was asked for /v1/users?id=7", "app2:8080 was asked for /v1/users?id=7"] {
//!     let request = http::Request::get("http://api.example/x/../users?id=7").body(Body::empty())?;
//!     let body = handler.serve(request).await.into_body().collect(1024).await?;
//!     assert_eq!(body.data(), expected);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Settings of [`Upstream`]
//!
//! | Setting | Default | |
//! | --- | --- | --- |
//! | [`host`](Upstream::host) | the client's | `Host` that is sent; the target's address is dialed all the same |
//! | [`path`](Upstream::path) | `/` | put before path and query of each request |
//! | [`retries`](Upstream::retries) | 3 | further attempts of GET, HEAD, OPTIONS and TRACE |
//! | [`backoff_factor`](Upstream::backoff_factor), [`max_backoff`](Upstream::max_backoff), [`backoff_jitter`](Upstream::backoff_jitter) | 50 ms, 10 s, 0 | waits before them: 50, 100, 200 ms … |
//! | [`retry_policy`](Upstream::retry_policy), [`retry_on`](Upstream::retry_on), [`retry_connect_failures`](Upstream::retry_connect_failures) | by method, none, false | what else is tried again |
//! | [`retry_budget`](Upstream::retry_budget) | none | how many retries run at a time; recommended |
//! | [`per_try_timeout`](Upstream::per_try_timeout) | none | time to the head of each attempt |
//! | [`connect`](Upstream::connect), [`upgrades`](Upstream::upgrades), [`tunnel_idle_timeout`](Upstream::tunnel_idle_timeout) | deny, true, none | tunnels |
//! | [`via`](Upstream::via) | none | our name in `Via` |
//! | [`on_round_trip`](Upstream::on_round_trip), [`error_handler`](Upstream::error_handler) | none | hooks |
//!
//! [`Client`] asks any host by absolute URI, over the same transports: for what an edge itself has to ask.
//!
//! Dot segments are removed from a path before it is put behind the base, so that no request climbs out of it; all other
//! bytes of the target stay as they came (the Go original decodes and encodes them again). `X-Forwarded-*` go out as the
//! server's trust step left them: nothing is added here.
//!
//! What it does not do: no cache, no buffering of bodies, no rewriting of content, no redirect followed, no proxy variable
//! of the environment read.

mod address;
mod attempt;
mod attempts;
mod balancer;
mod body;
mod client;
mod config_error;
mod custom;
mod dial;
mod error;
mod failure;
mod failure_log;
mod gate;
mod h1;
#[cfg(feature = "http2")]
mod h2;
mod io;
mod max_forwards;
mod observe;
mod parked_body;
mod pool;
mod request_fields;
mod response_fields;
mod retry;
mod retry_budget;
mod rewrite;
mod round_robin;
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
pub use self::client::{Client, ClientBuilder, client};
pub use self::config_error::ConfigError;
#[cfg(feature = "tls")]
pub use self::dial::reload::TlsReload;
#[cfg(feature = "tls")]
pub use self::dial::tls::HttpVersion;
pub use self::dial::{ConnectInfo, DialTarget};
pub use self::error::{ConnectErrorKind, Error, ShedReason, TimeoutKind};
pub use self::gate::Gate;
#[cfg(feature = "http2")]
pub use self::h2::Http2Settings;
pub use self::observe::RoundTripInfo;
pub use self::pool::PoolStats;
pub use self::retry_budget::RetryBudget;
pub use self::round_robin::RoundRobin;
pub use self::round_trip::RoundTrip;
pub use self::target::Target;
pub use self::target_set::TargetSet;
pub use self::transport::{
    BuiltIn, Dynamic, DynamicTransport, Http, HttpTransport, Kind, OverTcp, Transport, Unix,
    UnixTransport, UpstreamScheme,
};
#[cfg(feature = "http2")]
pub use self::transport::{H2c, H2cTransport, OverHttp2};
#[cfg(feature = "tls")]
pub use self::transport::{Https, HttpsTransport, OverTls};
pub use self::upgrade::UpgradedUpstream;
pub use self::upstream::{ConnectPolicy, Upstream};
