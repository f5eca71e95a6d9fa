//! One structured record per request: an access log that never delays a request.
//!
//! For every proxy: who asked for what, what came of it, how long it took and why it broke off.
//!
//! ```
//! use std::time::Duration;
//!
//! use parapet_core::{Body, Middleware, Request, handler_fn};
//! use parapet_logger::{self as logger, Logger};
//!
//! let file = tempfile::NamedTempFile::new()?;
//! let log = Logger::file(file.path())?.omit_empty(true);
//! let handler = log.wrap(handler_fn(|request: Request| async move {
//!     logger::set(&request, "tenant", "acme");
//!     "hello"
//! }));
//!
//! let request = http::Request::builder().uri("http://example.com/a?token=s3cr3t").body(Body::empty())?;
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = rt.block_on(handler.serve(request));
//! rt.block_on(response.into_body().collect(100))?; // the record is written when the body has ended
//! assert!(log.flush(Duration::from_secs(5)));
//!
//! let line = std::fs::read_to_string(file.path())?;
//! assert!(line.contains(r#""requestUrl":"http://example.com/a?token=REDACTED""#), "{line}");
//! assert!(line.contains(r#""status":200,"responseBodySize":5"#), "{line}");
//! assert!(line.contains(r#""tenant":"acme""#), "{line}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a server: `.with(logger::stdout())` outermost, also outside of timeouts, whose drop of a request would read as that
//! of a client; `.with(logger::disable())` where nothing is to be logged.
//!
//! | Setting | Default | Meaning |
//! |---|---|---|
//! | [`omit_empty`](Logger::omit_empty) | false; true for [`stdout`], [`stderr`] | leave out `""`, `0` and null |
//! | [`format`](Logger::format) | JSON | or logfmt, combined, your own |
//! | [`without`](Logger::without) | none | built-in fields not wanted |
//! | [`request_headers`](Logger::request_headers), [`response_headers`](Logger::response_headers) | none | more fields |
//! | [`query`](Logger::query) | secrets redacted | what becomes of queries |
//! | [`ip_mask`](Logger::ip_mask) | 32, 128 | bits of addresses that are kept |
//! | [`filter`](Logger::filter), [`sample`](Logger::sample) | all | which records are written |
//! | [`tls_fields`](Logger::tls_fields) | false | facts of the TLS session |
//! | [`queue_bytes`](Logger::queue_bytes) | 8 MiB | records that may wait for the sink |
//! | [`flush_interval`](Logger::flush_interval) | 100 ms | longest wait in the queue |
//! | [`record_per_write`](Logger::record_per_write) | false | for sinks of datagrams |
//! | [`max_value_bytes`](Logger::max_value_bytes) | 8192 | longest text |
//!
//! The fields of a record, in this order, then those that were set, in the order of their first setting:
//!
//! | Field | Content |
//! |---|---|
//! | `timestamp` | when the request came: RFC 3339, UTC, milliseconds |
//! | `host`, `requestMethod`, `requestUrl`, `protocol` | of the request, before any rewriting |
//! | `requestBodySize` | declared length, else bytes read |
//! | `referer`, `userAgent`, `forwardedFor` | header fields |
//! | `remoteIp`, `realIp` | peer of the connection; client by the rules of trust |
//! | `status` | of the final response; 499: the client left before it, 500: a handler panicked |
//! | `responseBodySize` | bytes handed to the connection |
//! | `duration`, `durationHuman` | to the end of the exchange: nanoseconds; text |
//! | `durationHeader`, `durationHeaderHuman` | to the response head; left out if there was none |
//! | `aborted` | empty, or why the exchange did not end well: `client`, `shutdown`, `panic`, `timeout`, `limit`, `body`, `upstream` |
//! | `error` | empty, or what a layer says went wrong, such as `upstream/connect_refused` |
//!
//! A record is encoded when its exchange has ended, on that thread, into a bounded buffer; one thread per sink writes the
//! buffers. A sink that is slow or broken loses records, which are counted ([`Logger::stats`]), and delays nobody. Nothing
//! is read from files or sent over the network: the collector does that.

mod address;
mod builtin;
mod disable;
mod duration_text;
mod encode;
mod error;
mod escape;
mod facts;
mod fields;
mod format;
mod layer;
mod logger;
mod query;
mod record;
mod settings;
mod sink;
mod stats;
mod summary;
mod time_text;
mod view;

pub use self::disable::{Disable, disable};
pub use self::error::Error;
pub use self::format::{Encode, Format};
pub use self::logger::{Logger, stderr, stdout};
pub use self::query::Query;
pub use self::record::{get, set};
pub use self::stats::LoggerStats;
pub use self::summary::Summary;
pub use self::view::RecordView;
