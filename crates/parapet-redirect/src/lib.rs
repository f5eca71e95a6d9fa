//! Redirects: to HTTPS, to or from `www.`, to a fixed target.
//!
//! For the front of a site: they answer where a redirect is due and pass every other request on without a cost.
//!
//! ```
//! use parapet_core::{Body, Middleware, handler_fn};
//! use parapet_redirect as redirect;
//!
//! let old_blog = redirect::to("https://example.com/blog", 308)?.keep_path(true).keep_query(true);
//! let handler = old_blog.wrap(handler_fn(|_| async { "never asked" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let request = http::Request::builder().uri("http://blog.test/2026/x?p=1").body(Body::empty())?;
//! let response = rt.block_on(handler.serve(request));
//! assert_eq!(response.status(), 308);
//! assert_eq!(response.headers()["location"], "https://example.com/blog/2026/x?p=1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | constructor | redirects |
//! | --- | --- |
//! | [`https`] | what came over plain HTTP to `https://` |
//! | [`www`] | `example.com` to `www.example.com` |
//! | [`non_www`] | `www.example.com` to `example.com` |
//! | [`to`] | everything to one target |
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | `status` | 301 | 301, 302, 303, 307 or 308 |
//! | `preserve_method` | `false` | methods other than GET and HEAD get 308 for 301 and 307 for 302 |
//! | [`port`](HttpsRedirector::port) | 443, not written | port of the HTTPS listener |
//! | [`canonical_host`](HttpsRedirector::canonical_host) | none | the host of the target, whatever the request's |
//! | `dangerous_any_host` | `false` | `https`, `www`, `non_www`: lets the host of the target be any that a client sends |
//! | [`keep_path`](Redirector::keep_path), [`keep_query`](Redirector::keep_query) | `false` | appends the request's path, its query to the target |
//!
//! `https`, `www` and `non_www` write the request's host into the answer. They do so only behind a host block that names
//! it (not `*`), else they answer 421: outside of one they would echo whatever a client sends, and a cache in front could
//! keep that.
//!
//! Put them in this order: `https`, HSTS, then `www` or `non_www`. What they do not do: there is no HTML in the answer,
//! and the request's body is not read.

mod answer;
mod encode;
mod error;
mod https;
mod request_url;
mod status;
mod to;
mod www;

pub use self::error::Error;
pub use self::https::{HttpsRedirector, https};
pub use self::status::RedirectStatus;
pub use self::to::{Redirector, to};
pub use self::www::{NonWwwRedirector, WwwRedirector, non_www, www};
