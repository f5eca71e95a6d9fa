//! Middleware, Handler, Body and Server: what every parapet crate stands on.
//!
//! ```
//! use parapet_core::{Chain, Middleware, from_fn, handler_fn};
//!
//! let stamp = from_fn(|request, next| async move {
//!     let mut response = next.run(request).await;
//!     response.headers_mut().insert("x-served-by", http::HeaderValue::from_static("edge-1"));
//!     response
//! });
//! let handler = Chain::new().with(stamp).wrap(handler_fn(|_| async { "hello" }));
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = rt.block_on(handler.serve(http::Request::new(parapet_core::Body::empty())));
//! assert_eq!(response.headers()["x-served-by"], "edge-1");
//! # Ok::<(), std::io::Error>(())
//! ```

mod authority;
mod body;
mod chain;
mod cond;
mod conn_info;
mod error;
mod failure;
mod from_fn;
mod handle;
mod handler;
mod host_name;
mod informational;
mod live;
mod log_record;
mod middleware;
mod not_found;
mod notes;
pub mod path;
pub mod percent;
pub mod prelude;
pub mod recycle;
mod request_ext;
mod request_id;
mod request_info;
mod response;
mod server;
pub mod time;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tower")]
pub mod tower;
mod trust;
mod upgrade;
pub mod worker;

pub use self::body::{
    Body, BodyEnd, BodyError, BodyObserver, Collected, Outcome, SendError, Sender, Side,
};
pub use self::chain::Chain;
pub use self::cond::Cond;
pub use self::conn_info::{ConnInfo, Protocol, TlsInfo};
pub use self::error::{Error, TlsErrorKind};
pub use self::failure::{Failure, Result};
pub use self::from_fn::{FromFn, Next, from_fn, from_fn_with};
pub use self::handle::{DrainPhase, ServerHandle, TaskGuard};
pub use self::handler::{
    BoxError, BoxFuture, BoxIo, Handler, Io, Request, RequestHead, Response, ResponseFuture,
    ResponseHead, Serve, handler_fn, handler_fn_with,
};
pub use self::host_name::{HostName, HostNameError};
pub use self::informational::{InformationalError, InformationalSink};
pub use self::live::{Live, LiveLayer, live};
pub use self::log_record::{LogFields, LogRecord, LogValue};
pub use self::middleware::{Middleware, terminal};
pub use self::not_found::NotFound;
pub use self::notes::Notes;
pub use self::request_ext::{Deadline, Head, RequestExt};
pub use self::request_id::RequestId;
pub use self::request_info::{RequestFacts, RequestInfo, Scheme};
pub use self::response::{
    CloseDelimited, IntoResponse, ResponseError, abort, plain_error, plain_error_owned,
};
pub use self::server::{
    Bound, ConnMeta, ConnState, ConnectionError, ConnectionLayer, Connections, Http2, LayerError,
    Listen, Listener, ListenerStats, LocalReply, Server, ServerStats,
};
#[cfg(feature = "tls")]
pub use self::tls::{
    CertFiles, CertStore, Certificate, CipherSuite, ClientAuth, ClientHello, KeyType,
    ResolveCertificate, SelfSign, TlsConfig, TlsVersion, UnknownName,
    generate_self_sign_certificate,
};
pub use self::trust::{ClientAddress, TrustProxy, trust_cidrs};
pub use self::upgrade::{Upgrade, Upgraded};
