//! Composable reverse proxies, edges and API gateways.
//!
//! A program imports the pieces that it needs, chains them with `.with(…)`, and runs a [`Server`]. The first layer added
//! is outermost: it sees the request first and the response last.
//!
//! ```no_run
//! use parapet::prelude::*;
//! use parapet::upstream::{HttpTransport, Upstream};
//! use parapet::{healthz, host, location, logger, redirect, requestid};
//!
//! fn main() -> Result<()> {
//!     let site = host::new(["example.com", "www.example.com"])?
//!         .with(redirect::non_www())
//!         .with(Upstream::single_host("127.0.0.1:3000", HttpTransport::new())?);
//!     Server::frontend()
//!         .with(logger::stdout())
//!         .with(requestid::new().trust_proxy(false))
//!         .with(location::exact("/healthz")?.with(logger::disable()).with(healthz::new()))
//!         .with(site)
//!         .addr(":8080")
//!         .run()?;
//!     Ok(())
//! }
//! ```
//!
//! The core is at the root; each feature is a module of the name of its crate, and each crate can be used alone.
//!
//! | feature | default | what it is |
//! | --- | --- | --- |
//! | `authn` | | JWT, JWKS, Basic, forward authentication, OIDC, introspection |
//! | `block` | | runs an inner chain for the requests that a predicate picks |
//! | `body` | | bounds and buffers request bodies |
//! | `compress` | | gzip, deflate, Brotli and Zstandard |
//! | `cors` | | who may read answers from other origins |
//! | `fileserver` | | static files |
//! | `headers` | | adds, sets, deletes and rewrites header fields |
//! | `healthz` | yes | liveness and readiness on one endpoint |
//! | `host` | yes | virtual hosts |
//! | `hsts` | | `Strict-Transport-Security` |
//! | `location` | yes | path routing |
//! | `logger` | yes | one structured record per request |
//! | `ratelimit` | | limits by key, in one process |
//! | `redirect` | yes | to HTTPS, to or from `www.`, to a fixed target |
//! | `requestid` | yes | gives each request an id |
//! | `router` | | one table of method, host and path patterns |
//! | `stripprefix` | | takes a path prefix off |
//! | `timeout` | | time to the head, time of the request |
//! | `upstream` | yes | reverse proxy with a pool, retries and balancing |
//! | `tls` | yes | TLS to clients and to origins |
//! | `http2` | yes | HTTP/2 to origins |
//! | `redis`, `redis-tls` | | limits that a fleet shares through Redis |
//! | `htpasswd` | | password files with bcrypt and argon2 |
//! | `mtls` | | identity from client certificates |
//! | `systemd` | | tells systemd when the server is ready, reloads and stops |
//! | `tower` | | adapters to and from tower layers and services |
//! | `full` | | all of them |

pub use http;
pub use parapet_core::*;

#[doc(inline)]
#[cfg(feature = "authn")]
pub use parapet_authn as authn;
#[doc(inline)]
#[cfg(feature = "block")]
pub use parapet_block as block;
#[doc(inline)]
#[cfg(feature = "body")]
pub use parapet_body as body;
#[doc(inline)]
#[cfg(feature = "compress")]
pub use parapet_compress as compress;
#[doc(inline)]
#[cfg(feature = "cors")]
pub use parapet_cors as cors;
#[doc(inline)]
#[cfg(feature = "fileserver")]
pub use parapet_fileserver as fileserver;
#[doc(inline)]
pub use parapet_header as header;
#[doc(inline)]
#[cfg(feature = "headers")]
pub use parapet_headers as headers;
#[doc(inline)]
#[cfg(feature = "healthz")]
pub use parapet_healthz as healthz;
#[doc(inline)]
#[cfg(feature = "host")]
pub use parapet_host as host;
#[doc(inline)]
#[cfg(feature = "hsts")]
pub use parapet_hsts as hsts;
#[doc(inline)]
#[cfg(feature = "location")]
pub use parapet_location as location;
#[doc(inline)]
#[cfg(feature = "logger")]
pub use parapet_logger as logger;
#[doc(inline)]
#[cfg(feature = "ratelimit")]
pub use parapet_ratelimit as ratelimit;
#[doc(inline)]
#[cfg(feature = "redirect")]
pub use parapet_redirect as redirect;
#[doc(inline)]
#[cfg(feature = "requestid")]
pub use parapet_requestid as requestid;
#[doc(inline)]
#[cfg(feature = "router")]
pub use parapet_router as router;
#[doc(inline)]
#[cfg(feature = "stripprefix")]
pub use parapet_stripprefix as stripprefix;
#[doc(inline)]
#[cfg(feature = "timeout")]
pub use parapet_timeout as timeout;
#[doc(inline)]
#[cfg(feature = "upstream")]
pub use parapet_upstream as upstream;

/// The README's programs compile.
#[cfg(doctest)]
#[cfg(feature = "full")]
#[doc = include_str!("../../../README.md")]
mod readme {}
