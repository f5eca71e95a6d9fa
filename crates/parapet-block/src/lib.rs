//! A conditional container of middlewares: a predicate and an inner chain.
//!
//! For what host and location blocks do not cover: routing by method, by field, by client, or by several at once.
//!
//! ```
//! use parapet_block::Block;
//! use parapet_core::{Body, Chain, Middleware, Request, from_fn, handler_fn};
//!
//! let stamp = from_fn(|request, next| async move {
//!     let mut response = next.run(request).await;
//!     response.headers_mut().insert("x-beta", http::HeaderValue::from_static("1"));
//!     response
//! });
//! let beta = Block::new(|request: &Request| request.headers().contains_key("x-beta")).with(stamp);
//! let handler = Chain::new().with(beta).wrap(handler_fn(|_| async { "hello" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let mut request = Request::new(Body::empty());
//! request.headers_mut().insert("x-beta", http::HeaderValue::from_static("yes"));
//! assert_eq!(rt.block_on(handler.serve(request)).headers()["x-beta"], "1");
//! let response = rt.block_on(handler.serve(Request::new(Body::empty())));
//! assert!(!response.headers().contains_key("x-beta"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`with`](Block::with), [`push`](Block::push) | empty | appends to the inner chain; the first added is outermost |
//! | [`exclusive`](Block::exclusive) | `false` | what falls out of the inner chain gets 404 instead of going on |
//!
//! What falls out of the inner chain goes on behind the block, as the inner chain left the request: a block may only add
//! a field or a limit. (In the Go original every block ends in `404 page not found`; `exclusive(true)` is that.)
//!
//! What it does not do: it never reads the body and never touches the response.

mod block;

pub use self::block::Block;
