//! The CORS protocol of the Fetch standard at the edge: answers preflights, marks responses, refuses foreign origins.
//!
//! For APIs that pages of other sites call. **Mount it outside authentication:** a preflight carries no credentials, and
//! would be refused there.
//!
//! ```
//! use http::Method;
//! use parapet_core::{Body, Middleware, handler_fn};
//! use parapet_cors as cors;
//!
//! let layer = cors::allow_origins(["https://app.example.com", "https://*.example.org"])?
//!     .allow_methods([Method::GET, Method::POST])
//!     .allow_credentials(true);
//! let handler = layer.wrap(handler_fn(|_| async { "hello" }));
//! let ask = |origin| http::Request::get("/").header("origin", origin).body(Body::empty());
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//!
//! let ours = rt.block_on(handler.serve(ask("https://app.example.com")?));
//! assert_eq!(ours.headers()["access-control-allow-origin"], "https://app.example.com");
//! assert_eq!(ours.headers()["access-control-allow-credentials"], "true");
//!
//! let foreign = rt.block_on(handler.serve(ask("https://evil.test")?));
//! assert_eq!(foreign.status(), 403);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`new`] is for a public API: every origin, no credentials. [`allow_origins`] and [`allow_origin_fn`] let some origins
//! in and refuse the others, WebSocket handshakes included.
//!
//! | Setting | Default | Meaning |
//! |---|---|---|
//! | [`allow_methods`](Cors::allow_methods), [`allow_any_method`](Cors::allow_any_method) | `GET POST PUT PATCH DELETE` | what a preflight allows |
//! | [`allow_headers`](Cors::allow_headers), [`allow_any_header`](Cors::allow_any_header) | `Authorization Content-Type` | the same for fields of the request |
//! | [`expose_headers`](Cors::expose_headers), [`expose_all`](Cors::expose_all) | none | fields of the response that a script may read |
//! | [`max_age`](Cors::max_age) | 1 h | how long a browser keeps the answer to a preflight |
//! | [`allow_credentials`](Cors::allow_credentials) | false | requests with cookies |
//! | [`same_origin`](Cors::same_origin) | true | the site's own pages pass |
//! | [`allow_private_network`](Cors::allow_private_network) | false | answers for private networks |
//! | [`all_options`](Cors::all_options) | false | every `OPTIONS` with `Origin` is a preflight |
//! | [`keep_upstream`](Cors::keep_upstream) | false | a next that answers CORS itself is left alone |
//! | [`dangerous_allow_null`](Cors::dangerous_allow_null) | false | `Origin: null` |
//!
//! What it does not do: it is no authentication. A client that sends no `Origin`, as every program but a browser may, is
//! never refused; and whether method and fields of a preflight are in the lists is judged by the browser.

mod cors;
mod decision;
mod error;
mod layer;
mod origin;
mod origins;
mod policy;
mod preflight;

pub use self::cors::{Any, Cors, Only, allow_origin_fn, allow_origins, new};
pub use self::error::{Error, OriginReason};
