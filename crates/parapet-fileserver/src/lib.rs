//! Static files from a directory; what is not there goes to the next handler.
//!
//! For sites, assets and downloads: conditional requests, ranges, index files, listings, files compressed in advance.
//! Confined: no request, and no link made or swapped while one is served, reaches a file outside of the root.
//!
//! ```
//! use http::HeaderValue;
//! use parapet_core::{Body, Middleware, handler_fn};
//! use parapet_fileserver::{Encoding, FileServer};
//!
//! # let root = tempfile::tempdir()?;
//! std::fs::create_dir(root.path().join("css"))?;
//! std::fs::write(root.path().join("css/site.css"), "body { margin: 0 }")?;
//!
//! let files = FileServer::new(root.path())?
//!     .precompressed(&[Encoding::Zstd, Encoding::Br, Encoding::Gzip])
//!     .cache_control(|path| path.starts_with("css").then(|| HeaderValue::from_static("max-age=3600")));
//! let handler = files.wrap(handler_fn(|_| async { "not a file" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! # rt.block_on(async {
//! let request = http::Request::builder().uri("/css/site.css?v=2").body(Body::empty())?;
//! let response = handler.serve(request).await;
//! assert_eq!(response.headers()["content-type"], "text/css; charset=utf-8");
//! assert_eq!(response.headers()["cache-control"], "max-age=3600");
//! assert_eq!(response.into_body().collect(1024).await?.data(), "body { margin: 0 }");
//!
//! let request = http::Request::builder().uri("/../../etc/passwd").body(Body::empty())?;
//! assert_eq!(handler.serve(request).await.into_body().collect(64).await?.data(), "not a file");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | setting | default |
//! | --- | --- |
//! | [`list_directory`](FileServer::list_directory) | `false` |
//! | [`index`](FileServer::index) | `index.html` |
//! | [`dotfiles`](FileServer::dotfiles) | [`Dotfiles::Deny`], but for `/.well-known/` |
//! | [`precompressed`](FileServer::precompressed) | none |
//! | [`cache_control`](FileServer::cache_control) | no field |
//! | [`etag`](FileServer::etag) | `true` |
//!
//! # What is found
//!
//! The path is read in its normal form ([`parapet_core::path::normal`]), as every other layer reads it. Links are followed
//! as long as they end below the root, absolute ones too. FIFOs, devices and sockets are not there, and neither is what the
//! client's path may not name. A directory is asked for with a slash at its end, a file without: the other spelling is
//! redirected, by a relative `Location`. Names from the root on count: a link that is not hidden may lead to a hidden file.
//!
//! On Linux the kernel confines each open (`openat2`); what it refuses, as links to absolute paths, is resolved, compared
//! with the root and opened without following any link. The handle that was judged is the handle that is read.
//!
//! # Cost
//!
//! A file that the kernel has in memory is opened and read on the worker, by calls that fail instead of waiting
//! (`RESOLVE_CACHED`, `RWF_NOWAIT`; Linux 5.12 and later, local file systems). Else open, look and first read are one task
//! for tokio's blocking threads. A response holds 64 KiB at most, and its handle until the last byte was read or the body
//! is dropped. Nothing is kept between requests: no cache of handles, no task.
//!
//! # What it does not do
//!
//! It runs on Unix only. It compresses nothing itself, takes no uploads, and sends no multipart/byteranges to more than 16
//! ranges. A tag is weak, so `If-Match` never fits and `If-Range` goes by the date.

mod answer;
mod conditions;
mod content_type;
mod encoding;
mod error;
mod file_body;
mod file_server;
mod listing;
mod location;
mod representation;
mod sniff;
mod target;
mod tree;

pub use self::encoding::Encoding;
pub use self::error::Error;
pub use self::file_server::FileServer;
pub use self::target::Dotfiles;
