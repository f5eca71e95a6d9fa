//! Limits the size of request bodies, and buffers request bodies before they go upstream.
//!
//! For every edge: the limit keeps uploads within what a site takes, and the buffer keeps slow clients away from
//! upstreams, which see a request only once it is complete.
//!
//! ```
//! use parapet_body::{buffer_request, limit_request};
//! use parapet_core::{Body, Chain, Middleware, Request, handler_fn};
//!
//! // The limit stands outside: what is over it never fills the disk.
//! let chain = Chain::new().with(limit_request(1 << 20)).with(buffer_request());
//! let handler = chain.wrap(handler_fn(|request: Request| async move {
//!     assert!(request.body().replay().is_some()); // complete, and as often as is wanted
//!     request.headers()["content-length"].to_str().unwrap_or_default().to_owned()
//! }));
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # rt.block_on(async {
//! let (upload, body) = Body::channel(1); // of unknown length
//! let feeding = tokio::spawn(async move {
//!     upload.data("hello").await?;
//!     upload.finish().await
//! });
//! let response = handler.serve(Request::new(body)).await;
//! assert_eq!(response.into_body().collect(100).await?.data(), "5");
//!
//! let response = handler.serve(Request::new(Body::full(vec![0; (1 << 20) + 1]))).await;
//! assert_eq!(response.status(), 413);
//! # feeding.await??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Setting | Default | Meaning |
//! |---|---|---|
//! | [`limit_request`] | – | bytes that a body may have; 0: none |
//! | [`limited_handler`](RequestLimiter::limited_handler) | 413 `Request Entity Too Large` | answers a request over the limit |
//! | [`memory_limit`](RequestBufferer::memory_limit) | 16384 bytes | larger bodies go to a temporary file |
//! | [`temp_dir`](RequestBufferer::temp_dir) | the system's | where that file lives; it never has a name there |
//! | [`max_size`](RequestBufferer::max_size) | none | bytes that are buffered at most |
//! | [`read_timeout`](RequestBufferer::read_timeout) | none | longest gap between two pieces of a body |
//! | [`skip_if`](RequestBufferer::skip_if) | [`must_stream`] | requests that are not buffered |
//!
//! Files are read and written on the runtime's pool for blocking calls, so the layers need a tokio runtime, with its timer
//! if there is a `read_timeout`.
//!
//! What it does not do: responses are not touched, and content is not decoded; sizes are those on the wire, without
//! framing and trailers.

mod buffer;
mod buffering;
mod counted;
mod error;
mod limit;
mod must_stream;
mod over_limit;
mod prefixed;
mod replay;
mod spill;
mod trip;

pub use self::buffer::{RequestBufferer, buffer_request};
pub use self::error::Error;
pub use self::limit::{RequestLimiter, limit_request};
pub use self::must_stream::must_stream;
