//! `Strict-Transport-Security` on every HTTPS response (RFC 6797): browsers then use HTTPS alone.
//!
//! For every site that is served over TLS. Outside of it goes the redirect from clear text, so that a first visit gets
//! there.
//!
//! ```
//! use parapet_core::{ConnMeta, Server, handler_fn};
//! use parapet_hsts as hsts;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # rt.block_on(async {
//! let site = handler_fn(|_| async { "hello" });
//! let server = Server::frontend().with(hsts::preload()).handler(site).into_connections()?;
//!
//! let mut meta = ConnMeta::new(None);
//! meta.set_secure(true); // as a TLS listener says it
//! let (mut client, io) = tokio::io::duplex(4096);
//! let serving = tokio::spawn(server.serve(io, meta));
//! client.write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n").await?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).await?;
//! let line = "strict-transport-security: max-age=63072000; includeSubDomains; preload\r\n";
//! assert!(answer.contains(line));
//! # drop(client);
//! # serving.await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Setting | Default | Meaning |
//! |---|---|---|
//! | [`Hsts::builder`] | 1 year | how long browsers keep to HTTPS; [`default`], [`preload`] are the usual policies |
//! | [`include_subdomains`](Builder::include_subdomains) | false | subdomains too |
//! | [`preload`](Builder::preload) | false | consent to the browsers' built-in list |
//! | [`over_http`](Builder::over_http) | false | send it over clear text too |
//!
//! The layer replaces what next sent, on responses of any status. Whether a request came over HTTPS is the server's
//! trust step's word: behind a balancer that ends TLS, trust the balancer. It redirects nothing: that is the work of
//! parapet-redirect.

mod error;
mod hsts;
mod layer;

pub use self::error::Error;
pub use self::hsts::{Builder, Hsts, default, preload};
