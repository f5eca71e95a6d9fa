//! Virtual hosts: routing on the authority of the request.
//!
//! For one site, [`new`] makes a block; for many, [`HostRouter`] finds the site in one lookup.
//!
//! ```
//! use parapet_core::{Body, Chain, Middleware, Request, handler_fn};
//! use parapet_host as host;
//!
//! let site = host::new(["example.com", "*.example.com"])?.with(handler_fn(|_| async { "site" }));
//! let internal = host::cidr(["10.0.0.0/8"])?.with(handler_fn(|_| async { "internal" }));
//! let handler = Chain::new().with(site).with(internal).wrap(handler_fn(|_| async { "nobody" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! for (uri, answer) in [
//!     ("http://Example.com:8080/", "site"),
//!     ("http://www.example.com./", "site"),
//!     ("http://10.1.2.3/", "internal"),
//!     ("http://example.org/", "nobody"),
//! ] {
//!     let request = http::Request::builder().uri(uri).body(Body::empty())?;
//!     let body = rt.block_on(rt.block_on(handler.serve(request)).into_body().collect(64))?;
//!     assert_eq!(body.data(), answer);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Patterns
//!
//! | pattern | matches | not |
//! | --- | --- | --- |
//! | `example.com` | that name, in any case, with any port, with or without a trailing dot | `www.example.com` |
//! | `*.example.com` | one or more labels in front | `example.com`, an address |
//! | `*` | everything, a request without authority too | |
//! | `10.0.0.1`, `::1`, `[::1]` | that address in any spelling; IPv4-mapped IPv6 counts as IPv4 | names |
//!
//! Only the request's own authority counts, never `X-Forwarded-Host`. Names are compared byte by byte: write
//! international names as A-labels (`xn--…`), as browsers send them.
//!
//! # Settings
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`Host::with`], [`Host::push`] | empty | appends to the inner chain; the first added is outermost |
//! | [`Host::exclusive`] | `false` | what falls out of the inner chain gets 404 instead of going on behind the block |
//! | [`HostRouter::live`] | | the table can be replaced while serving |
//!
//! On a match the pattern is noted as [`matched_host`](parapet_core::RequestExt::matched_host) on the request.
//!
//! What it does not do: it neither looks at the TLS server name nor converts names to A-labels.

mod authority;
mod error;
mod host;
mod host_router;
mod matcher;
mod names;
mod pattern;
mod table;

pub use self::authority::{StripPort, ToLower, strip_port, to_lower};
pub use self::error::Error;
pub use self::host::{Host, cidr, new};
pub use self::host_router::{HostRouter, HostRouterBuilder};
pub use self::matcher::HostMatcher;
