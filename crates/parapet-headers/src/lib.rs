//! Adds, sets, deletes and rewrites header fields of requests and responses.
//!
//! For sites that hide their origin's fields, add caching or security fields, or pass facts on to an origin.
//!
//! ```
//! use parapet_core::{Body, Chain, Middleware, Request, Response, handler_fn};
//! use parapet_headers as headers;
//!
//! let chain = Chain::new()
//!     .with(headers::set_response([("cache-control", "public, max-age=60")])?)
//!     .with(headers::delete_response(["server"])?)
//!     .with(headers::set_request([("x-tenant", "acme")])?);
//! let origin = handler_fn(|request: Request| async move {
//!     assert_eq!(request.headers()["x-tenant"], "acme");
//!     let mut response = Response::new(Body::full("hello"));
//!     response.headers_mut().insert("server", http::HeaderValue::from_static("secret/1.0"));
//!     response
//! });
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = rt.block_on(chain.wrap(origin).serve(Request::new(Body::empty())));
//! assert_eq!(response.headers()["cache-control"], "public, max-age=60");
//! assert!(!response.headers().contains_key("server"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Operations of one layer run in the order written; a layer that only changes the request costs no allocation, one that
//! changes the response boxes once however many operations it has. Responses of any status are changed, on the way out:
//! an outer layer has the last word.
//!
//! | operation | effect |
//! | --- | --- |
//! | `add` | appends each value as a line of its own |
//! | `set` | replaces all lines of the name by this one |
//! | `set_if_absent` | only where no line of the name exists |
//! | `append_if_absent` | only where no line equals it |
//! | `delete`, `delete_prefix` | removes all lines |
//! | `map`, `map_value` | rewrites each line by itself; an empty result removes it |
//! | `set_with`, `add_with` | the value is made at run time |
//! | `intercept_request`, `intercept_response` | anything else |
//!
//! Fields that frame a message or belong to one connection are not for this crate: naming one is an
//! [`Error::Reserved`]. `Host` of a request can be set and mapped, which changes the request's authority.
//!
//! What it does not do: there is no template language; `set_with` and a closure say the same with types.

mod builder;
mod cookies;
mod error;
mod field;
mod forwarded;
mod location;
mod names;
mod operation;
mod request;
mod response;

pub use self::cookies::secure_cookies;
pub use self::error::{Error, Place};
pub use self::forwarded::{forwarded, forwarded_host};
pub use self::location::rewrite_location;
pub use self::request::{
    RequestHeaders, add_request, delete_request, intercept_request, map_request, set_request,
};
pub use self::response::{
    ResponseHeaders, ResponseView, add_response, delete_response, intercept_response, map_response,
    set_response,
};
