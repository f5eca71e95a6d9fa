//! A URL router: dispatches by patterns of method, host and path, and lets through what matches none.
//!
//! For a site of several applications, each below a path of its own, or a small API in front of an upstream. One lookup,
//! however many patterns.
//!
//! ```
//! use parapet_core::{Body, Middleware, Request, handler_fn};
//! use parapet_router::{PathParams, Router};
//!
//! let router = Router::builder()
//!     .handle("/shop", handler_fn(|_| async { "shop" }))
//!     .handle("GET /users/{id}", handler_fn(|request: Request| async move {
//!         let params = request.extensions().get::<PathParams>();
//!         format!("user {}", params.and_then(|params| params.get("id")).unwrap_or_default())
//!     }))
//!     .build()?;
//! let handler = router.wrap(handler_fn(|_| async { "behind" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! for (path, answer) in [
//!     ("/shop", "shop"),
//!     ("/shop/cart", "shop"),
//!     ("//x/..%2fshop/cart", "shop"),
//!     ("/users/j%20doe", "user j doe"),
//!     ("/shopping", "behind"),
//! ] {
//!     let request = http::Request::builder().uri(path).body(Body::empty())?;
//!     let body = rt.block_on(rt.block_on(handler.serve(request)).into_body().collect(64))?;
//!     assert_eq!(body.data(), answer, "{path}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Patterns
//!
//! `[METHOD ][host]/path`, the path written decoded:
//!
//! | pattern | matches | not |
//! | --- | --- | --- |
//! | `/a` | `/a`, `/a/`, `/a/sub`; only `/a` if `/a/` is there too | `/ab` |
//! | `/a/` | `/a/`, `/a/sub` | `/a`, which is redirected there |
//! | `/` | every path; replaces what is behind | `OPTIONS *`, CONNECT: they have none |
//! | `/u/{id}` | `/u/7`, `/u/7/sub`: one segment that is not empty | `/u/` |
//! | `/u/{rest...}` | `/u/`, `/u/7/sub`: the rest, slashes too | `/u` |
//! | `/u/{$}` | `/u/` | `/u/7` |
//! | `GET /a` | GET and HEAD | other methods |
//! | `example.com/a` | that host or address, on any port | other hosts |
//!
//! The most specific pattern wins, whatever the order: with host before without; then segment by segment a literal before
//! a name before a subtree; then with method before without. Two patterns of which neither is more specific, and that
//! match one request, are an error; but `/users/me` and `/users/{id}/posts`, which only share what is below the first, are
//! none: the first has it.
//!
//! Paths are matched on their normal form ([`parapet_core::path::normal`]), so no encoding, dot segment or doubled slash
//! dodges a route; what goes on is the client's spelling. (The Go original redirects to the cleaned path instead.) A path
//! whose meaning servers disagree on (`..;`, `%00`, …) is answered with 400.
//!
//! # Settings
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`handle`](RouterBuilder::handle) | | a route |
//! | [`redirect_slash`](RouterBuilder::redirect_slash) | `true` | `/b` is redirected to `/b/` if only that is there |
//! | [`method_not_allowed`](RouterBuilder::method_not_allowed) | `false` | 405 with `Allow`, instead of going to next |
//! | [`dangerous_pass_bad_paths`](RouterBuilder::dangerous_pass_bad_paths) | `false` | a refused path goes to next |
//! | [`Router::live`] | | the table can be replaced while serving |
//!
//! On a match the path of the pattern is noted as [`route`](parapet_core::RequestExt::route) on the request, and
//! [`PathParams`] is in its extensions if the pattern has names. What it does not do: the path itself stays as it is; no
//! regular expressions (parapet-location has them), no wildcard hosts (parapet-host).

mod error;
mod hosts;
mod literals;
mod params;
mod path_pattern;
mod pattern;
mod redirect;
mod router;
mod table;
mod tree;

pub use self::error::Error;
pub use self::params::PathParams;
pub use self::router::{Router, RouterBuilder};
