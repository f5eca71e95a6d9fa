//! Path routing: exact paths, prefixes and regular expressions, matched on what a path *is*.
//!
//! For one place, [`exact`], [`prefix()`] and [`regexp`] make a block; for many, [`Locations`] finds the place in one
//! lookup.
//!
//! ```
//! use parapet_core::{Body, Chain, Middleware, Request, handler_fn};
//! use parapet_location as location;
//!
//! let admin = location::prefix("/admin")?.with(handler_fn(|_| async { "admin" }));
//! let assets = location::regexp(r"\.(js|css)$")?.with(handler_fn(|_| async { "asset" }));
//! let handler = Chain::new().with(admin).with(assets).wrap(handler_fn(|_| async { "page" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! for (path, answer) in [
//!     ("/admin/x", "admin"),
//!     ("//x/..%2f%61dmin", "admin"),
//!     ("/administrator", "page"),
//!     ("/a/b.js?v=1", "asset"),
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
//! | pattern | matches | not |
//! | --- | --- | --- |
//! | `exact("/a")` | `/a` | `/a/`, `/a/b` |
//! | `prefix("/a")` | `/a`, `/a/`, `/a/b` | `/ab` |
//! | `prefix("/a/")` | `/a/`, `/a/b` | `/a` |
//! | `prefix("/")` | every path | `OPTIONS *`, CONNECT: they have none |
//! | `prefix("")`, `regexp("")` | everything | |
//! | `regexp(r"\.js$")` | a path in which the expression is found | |
//!
//! All match the normal path ([`parapet_core::path::normal`]), so no encoding, dot segment or doubled slash dodges a
//! location; patterns are written decoded, with case. Expressions have the syntax of the `regex` crate on bytes, with
//! Unicode off: linear time, `\d \w \s \b` and `(?i)` are ASCII; `(?u:…)` turns Unicode on inside.
//!
//! A path whose meaning servers disagree on (`..;`, `%00`, …) is answered with 400: passing it on would dodge a location
//! that guards, matching it would open one that grants.
//!
//! # Settings
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`Location::with`], [`Location::push`] | empty | appends to the inner chain; the first added is outermost |
//! | [`Location::exclusive`] | `false` | what falls out of the inner chain gets 404 instead of going on behind the block |
//! | `ignore_path_params` | `false` | cuts `;…` from every segment before matching, for servlet backends |
//! | `dangerous_pass_bad_paths` | `false` | a refused path matches nothing and goes to next |
//! | [`LocationsBuilder::precedence`] | [`Specific`](Precedence::Specific) | which of several locations gets a request |
//! | [`Locations::live`] | | the table can be replaced while serving |
//!
//! On a match the pattern is noted as [`route`](parapet_core::RequestExt::route) on the request. What it does not do: the
//! path itself stays as it is, so what goes on to an upstream is the client's spelling.

mod error;
mod location;
mod locations;
mod matcher;
mod params;
mod pattern;
mod refusal;
mod tree;

pub use self::error::Error;
pub use self::location::{Location, exact, prefix, regexp};
pub use self::locations::{Locations, LocationsBuilder, Precedence};
pub use self::matcher::PathMatcher;
