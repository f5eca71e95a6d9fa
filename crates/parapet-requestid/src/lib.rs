//! Gives each request an id: on the forwarded request, on the response, in the log.
//!
//! For every proxy: whoever holds a response can name the lines that all hops logged about it.
//!
//! ```
//! use parapet_core::{Body, Middleware, RequestExt, handler_fn};
//! use parapet_requestid as requestid;
//!
//! let layer = requestid::new().trust_proxy(false); // at the edge: a client's own id counts for nothing
//! let handler = layer.wrap(handler_fn(|request| async move {
//!     request.request_id().map(|id| id.as_str().to_owned()).unwrap_or_default()
//! }));
//! let request = http::Request::builder().header("x-request-id", "mine").body(Body::empty())?;
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = rt.block_on(handler.serve(request));
//!
//! let id = response.headers()["x-request-id"].clone();
//! assert_eq!(id.len(), 36); // a fresh UUID
//! let seen = rt.block_on(response.into_body().collect(100))?;
//! assert_eq!(seen.data(), id.as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Setting | Default | Meaning |
//! |---|---|---|
//! | [`header`](SetRequestId::header) | `X-Request-Id` | field on both messages |
//! | [`trust_proxy`](SetRequestId::trust_proxy) | true | an incoming valid id is kept |
//! | [`trust_peer_only`](SetRequestId::trust_peer_only) | off | it is kept only from a trusted peer |
//! | [`format`](SetRequestId::format) | UUIDv4 | form of fresh ids |
//! | [`generator`](SetRequestId::generator) | – | ids of your own |
//! | [`response`](SetRequestId::response) | true | write the id on the response |
//!
//! The id is also `RequestExt::request_id` for the layers within, and log field `requestId` below a logger: mount the
//! logger outside. An incoming id that is not exactly one line of 1 to 128 bytes of `0-9 A-Z a-z - _ . : + = /` is
//! replaced without a word to the client. The layer links no spans: that is the work of tracing.

mod error;
mod fresh;
mod incoming;
mod set_request_id;

pub use self::error::Error;
pub use self::fresh::IdFormat;
pub use self::set_request_id::{SetRequestId, new};
