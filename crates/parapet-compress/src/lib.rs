//! Compresses response bodies with an encoding that the client accepts: gzip, deflate, Brotli, Zstandard.
//!
//! For an edge in front of origins that send text as it is. Bodies are encoded as they stream; what the origin already
//! encoded, ranges, and images pass as they are.
//!
//! ```
//! use parapet_compress as compress;
//! use parapet_core::{Body, Middleware, Response, handler_fn};
//!
//! let origin = handler_fn(|_| async {
//!     let mut page = Response::new(Body::from("<p>hello</p>".repeat(1_000)));
//!     page.headers_mut().insert("content-type", http::HeaderValue::from_static("text/html"));
//!     page
//! });
//! let handler = compress::negotiated(compress::Encoding::all()).wrap(origin);
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! # rt.block_on(async {
//! let request = http::Request::get("/").header("accept-encoding", "gzip, br;q=0.5");
//! let response = handler.serve(request.body(Body::empty())?).await;
//! # if cfg!(feature = "gzip") {
//! assert_eq!(response.headers()["content-encoding"], "gzip");
//! assert_eq!(response.headers()["vary"], "accept-encoding");
//! assert!(response.into_body().collect(12_000).await?.data().len() < 200);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | constructor | `Content-Encoding` | feature |
//! | --- | --- | --- |
//! | `gzip`, `gzip_with_level` | `gzip` | `gzip` |
//! | `deflate` | `deflate`, in zlib framing | `gzip` |
//! | `br`, `br_with_quality`, `br_with_options` | `br` | `br` |
//! | `zstd`, `zstd_with_level` | `zstd` | `zstd` |
//! | [`negotiated`] | what the client weighs most | |
//!
//! All features are on by default. Of layers with one encoding each, the innermost whose encoding the client accepts
//! compresses, since the outer ones leave what is encoded alone; `negotiated` goes by the client's weights instead.
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`types`](Compress::types) | text, JSON, XML, scripts, fonts, WebAssembly | media types to compress, or `*` |
//! | [`min_length`](Compress::min_length) | 860 bytes | a known length below it is not compressed |
//! | [`vary`](Compress::vary) | `true` | `Vary: Accept-Encoding` on what would be compressed for some client |
//! | [`max_memory`](Compress::max_memory) | 256 MiB | what all encoders may hold together; responses beyond go out as they are |
//! | level | gzip and deflate 6, br 4, zstd 3 | speed against size |
//!
//! What is compressed loses `Content-Length`, `Accept-Ranges` and digests of its bytes, and its `ETag` becomes weak. An
//! answer to HEAD gets the same head. Responses with `no-transform`, `Content-Range`, `Content-Encoding`, and with a
//! status that has no content or a part of it (1xx, 204, 205, 206, 304) are not touched.
//!
//! # Streams
//!
//! Frames that are ready are encoded together. When the origin makes the body wait, what the encoder holds is flushed and
//! sent, so that each event of a `text/event-stream` arrives when it was sent (name that type in `types`). A body that
//! fails gets no valid ending: the client sees a transfer that broke off, and a stream that is cut. At most 64 KiB of
//! input are encoded before other tasks of the worker have their turn.
//!
//! # Memory
//!
//! An encoder is made at the first byte of a body and freed with its last, or when the client goes away. The most that a
//! response holds beside one frame of input:
//!
//! | encoding | default | other settings |
//! | --- | --- | --- |
//! | gzip, deflate | 0.4 MiB | the same |
//! | br | 13 MiB | window of 20 bits: 5 MiB, 18: 2.5 MiB, 24: 36 MiB; quality 0 and 1: 0.2 MiB, 5 and 6: 16 MiB, from 9 on: 48 MiB |
//! | zstd | 4 MiB | level 1: 1.5 MiB, 7: 8 MiB, 11: 25 MiB, from 19 on: 90 MiB |
//!
//! A known, short length makes that of br and zstd less (5,000 bytes: 0.3 MiB of zstd). The window of zstd is never above
//! 8 MiB (RFC 9659). An edge with many slow clients sets a smaller `lgwin` for br, or offers zstd first.
//!
//! A client that reads slowly keeps its encoder for as long, and one connection of HTTP/2 may have a hundred of them. So
//! `max_memory` bounds them all; whoever comes then gets the bytes as they are.
//!
//! # What it does not do
//!
//! No request bodies, no decoding, no dictionaries, no compression of ranges, no 406 for a client that accepts nothing at
//! all. It cannot know a secret: the length of a compressed page that holds one, and repeats what a stranger chose, tells of
//! it (BREACH). Send such pages with `Cache-Control: no-transform`.

mod accept;
mod budget;
mod compressed;
mod digests;
mod encoder;
mod encoding;
mod error;
mod media_types;
mod middleware;

#[cfg(feature = "br")]
pub use self::encoding::BrOptions;
pub use self::encoding::Encoding;
#[cfg(feature = "zstd")]
pub use self::encoding::ZstdLevel;
pub use self::error::Error;
pub use self::middleware::{Compress, negotiated};
#[cfg(feature = "br")]
pub use self::middleware::{br, br_with_options, br_with_quality};
#[cfg(feature = "gzip")]
pub use self::middleware::{deflate, gzip, gzip_with_level};
#[cfg(feature = "zstd")]
pub use self::middleware::{zstd, zstd_with_level};
