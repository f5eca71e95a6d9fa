//! Liveness and readiness on one endpoint.
//!
//! For the probes of an orchestrator or a load balancer: `/healthz` tells whether the process lives, `/healthz?ready=1`
//! whether it wants traffic.
//!
//! ```
//! use parapet_core::{Body, Middleware, handler_fn};
//! use parapet_healthz as healthz;
//!
//! let health = healthz::new(); // keep a clone to flip it
//! let handler = health.clone().wrap(handler_fn(|_| async { "site" }));
//! health.set_ready(false);
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! for (uri, status) in [
//!     ("http://10.0.0.1:8080/healthz", 200),
//!     ("http://10.0.0.1:8080/healthz?ready=1", 503),
//! ] {
//!     let request = http::Request::builder().uri(uri).body(Body::empty())?;
//!     assert_eq!(rt.block_on(handler.serve(request)).status(), status, "{uri}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`path`](Healthz::path) | `/healthz` | the endpoint |
//! | [`host`](Healthz::host) | `false` | whether it answers whatever the host, not only where the host is an IP address |
//! | [`set`](Healthz::set) | `true` | liveness |
//! | [`set_ready`](Healthz::set_ready) | `true` | readiness |
//! | [`ready_when`](Healthz::ready_when) | none | further conditions of readiness |
//!
//! Readiness is 503 from the first instant of a drain, while the server still accepts and liveness stays 200: the balancer
//! takes the instance out before it closes.
//!
//! | | status | `Content-Type` | body |
//! | --- | --- | --- | --- |
//! | good | 200 | `text/plain; charset=utf-8` | `OK` |
//! | bad | 503 | `text/plain; charset=utf-8` | `Service Unavailable` |
//!
//! What it does not do: it asks no upstream; give [`ready_when`](Healthz::ready_when) what must hold.

mod error;
mod healthz;
mod probe;

pub use self::error::Error;
pub use self::healthz::{Healthz, new};
