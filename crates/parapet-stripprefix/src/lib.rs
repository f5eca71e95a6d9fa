//! Takes a path prefix off before a request goes on: for a backend that is mounted below a path and does not know it.
//!
//! ```
//! use parapet_core::{Body, Middleware, Request, RequestExt, handler_fn};
//! use parapet_stripprefix::StripPrefix;
//!
//! let handler = StripPrefix::new("/api")?.wrap(handler_fn(|request: Request| async move {
//!     format!("{} was {}", request.uri(), request.original_target())
//! }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! for (path, answer) in [
//!     ("/api/users?id=7", "/users?id=7 was /api/users?id=7"),
//!     ("/%61pi/a%2Fb", "/a%2Fb was /%61pi/a%2Fb"),
//!     ("/api", "/ was /api"),
//!     ("/apix", "/apix was /apix"),
//! ] {
//!     let request = http::Request::builder().uri(path).body(Body::empty())?;
//!     let body = rt.block_on(rt.block_on(handler.serve(request)).into_body().collect(64))?;
//!     assert_eq!(body.data(), answer);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The prefix matches at a segment boundary, on the normal path ([`parapet_core::path::normal`]), however the client
//! spelled it. What is behind it keeps its bytes, dot segments aside; query, authority, fields, body and
//! [`original_target`](parapet_core::RequestExt::original_target) stay. A path whose meaning servers disagree on (`..;`,
//! `%00`, …) is answered with 400.
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`new`](StripPrefix::new) | | the prefix, decoded; `""` and `/`: no layer |
//! | [`required`](StripPrefix::required) | `false` | without the prefix: 404, instead of going on unchanged |
//! | [`forwarded_prefix`](StripPrefix::forwarded_prefix) | `false` | tells the backend in `X-Forwarded-Prefix` what was taken off |
//!
//! What it does not do: responses are not touched. A backend that answers with its own `Location` needs the prefix put
//! back, as `rewrite_location` of parapet-headers does. (The Go original cuts `/apix` to `x`, and answers 404 without the
//! prefix, which its documentation denies; `required(true)` is that.)

mod error;
mod forwarded;
mod split;
mod strip_prefix;

pub use self::error::Error;
pub use self::strip_prefix::StripPrefix;
