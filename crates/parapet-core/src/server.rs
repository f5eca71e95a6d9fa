//! The server: listeners, connections, drain.

mod accept;
mod bind;
mod connection;
mod counted;
mod handover;
mod hooks;
mod http1;
mod http2;
mod inherited;
mod layer;
mod listen;
mod notify;
mod progress;
mod registry;
mod run;
mod service;
mod setters;
mod settings;
mod signals;
mod socket;
mod stats;
mod timer;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::connection::Connections;
use self::hooks::Hooks;
pub use self::hooks::{ConnState, ConnectionError, LocalReply};
pub use self::layer::{ConnMeta, ConnectionLayer, LayerError};
pub(crate) use self::listen::ListenerContext;
pub use self::listen::{Listen, Listener};
pub use self::run::Bound;
use self::service::Service;
pub use self::settings::Http2;
use self::settings::Settings;
pub(crate) use self::stats::{Counters, snapshot};
pub use self::stats::{ListenerStats, ServerStats};
#[cfg(feature = "tls")]
use crate::TlsConfig;
use crate::{BoxError, BoxFuture, Chain, Error, Handler, Middleware, ServerHandle};

/// An HTTP server around a chain of middlewares.
///
/// Three constructors pick the defaults for the place where it stands; every default can be changed by the method of its
/// name. Then one of [`run`](Self::run) (blocks, owns its threads), [`serve`](Self::serve) (on the caller's runtime) or
/// [`into_handler`](Self::into_handler) (no sockets) consumes it, so that a serving server cannot be changed.
///
/// | setting | `new` | `frontend` | `backend` |
/// | --- | --- | --- | --- |
/// | `read_header_timeout` | 60 s | 10 s | 60 s |
/// | `first_byte_timeout` | 620 s | 10 s | 620 s |
/// | `first_request_timeout` | 620 s | 20 s | 620 s |
/// | `tls_handshake_timeout` | 10 s | 10 s | 10 s |
/// | `read_timeout`, `write_timeout` | 300 s | 60 s | 300 s |
/// | `min_progress` | 1 byte | 1,024 bytes | 1 byte |
/// | `idle_timeout` | 620 s | 75 s | 620 s |
/// | `max_header_bytes`, `max_header_count` | 64 KiB, 100 | 64 KiB, 100 | 64 KiB, 100 |
/// | `max_target_bytes` | 16 KiB | 16 KiB | 16 KiB |
/// | `tcp_keep_alive_period` | 180 s | 60 s | 180 s |
/// | `h2c` | false | false | true |
/// | `grace_timeout`, `wait_before_shutdown` | 30 s, 10 s | 30 s, 10 s | 30 s, 10 s |
/// | `trust_proxy` | private networks | nobody | private networks |
/// | `client_address` | `ForwardedFor` | `ForwardedFor` | `RealIp` |
/// | `max_connections_per_client` | none | 1,000 | none |
pub struct Server {
    settings: Settings,
    chain: Chain,
    handler: Option<Handler>,
    listens: Vec<Listen>,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
    layers: Vec<Arc<dyn ConnectionLayer>>,
    hooks: Hooks,
    background: Vec<BoxFuture<'static, ()>>,
    on_start: Vec<BoxFuture<'static, Result<(), BoxError>>>,
    on_hangup: Option<Arc<dyn Fn() + Send + Sync>>,
    handover: Option<PathBuf>,
    handle: ServerHandle,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A server behind another proxy: trusts private networks and loopback, long idle timeouts.
    pub fn new() -> Self {
        Self::with_settings(Settings::general())
    }

    /// The edge of the internet: trusts nobody, short timeouts, limits per client.
    pub fn frontend() -> Self {
        Self::with_settings(Settings::frontend())
    }

    /// An internal service behind a parapet edge: cleartext HTTP/2 beside HTTP/1.1, believes the edge's `X-Real-IP`.
    pub fn backend() -> Self {
        Self::with_settings(Settings::backend())
    }

    fn with_settings(settings: Settings) -> Self {
        let handle = ServerHandle::new(settings.wait_before_shutdown, settings.grace_timeout);
        Self {
            settings,
            chain: Chain::new(),
            handler: None,
            listens: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
            layers: Vec::new(),
            hooks: Hooks::default(),
            background: Vec::new(),
            on_start: Vec::new(),
            on_hangup: None,
            handover: None,
            handle,
        }
    }

    /// Appends a middleware; the first added is outermost.
    #[must_use]
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.chain.push(middleware);
        self
    }

    /// Appends a middleware; the first added is outermost.
    pub fn push(&mut self, middleware: impl Middleware) {
        self.chain.push(middleware);
    }

    /// Innermost handler. Default: plain error(404, `404 page not found`).
    #[must_use]
    pub fn handler(self, handler: Handler) -> Self {
        Self { handler: Some(handler), ..self }
    }

    /// One listener by its text: `:8080`, `host:port`, `[::1]:80`, `unix:/path`, `fd:3`. Checked by `bind`. Empty or
    /// never called: `:443` when [`tls`](Self::tls) is set, else `:80`.
    #[must_use]
    pub fn addr(self, address: &str) -> Self {
        if address.is_empty() { self } else { self.listen(Listen::text(address)) }
    }

    /// One more listener, as many as wanted; the default address is then not used.
    #[must_use]
    pub fn listen(mut self, listen: Listen) -> Self {
        self.listens.push(listen);
        self
    }

    /// TLS on every listener that does not say otherwise.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, config: TlsConfig) -> Self {
        Self { tls: Some(config), ..self }
    }

    /// Runs `task` beside the server, on its runtime, until the end of the drain.
    #[must_use]
    pub fn background(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.background.push(Box::pin(task));
        self
    }

    /// Runs `task` before the first connection is accepted; an error ends `run`.
    #[must_use]
    pub fn on_start(
        mut self,
        task: impl Future<Output = Result<(), BoxError>> + Send + 'static,
    ) -> Self {
        self.on_start.push(Box::pin(task));
        self
    }

    /// Calls `f` on SIGHUP (to load certificates anew). Default: SIGHUP keeps its action.
    #[must_use]
    pub fn on_hangup(self, f: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_hangup: Some(Arc::new(f)), ..self }
    }

    /// Restarts without a moment in which nobody listens: a new process with the same `path` takes the listeners of the
    /// running one over (by their names), and once it serves, the old one drains without
    /// [`wait_before_shutdown`](Self::wait_before_shutdown). A new process that fails, or is not ready in 30 s, changes
    /// nothing. `path` is a Unix socket that only this user's processes may use. Default: none.
    ///
    /// It is for the listeners that [`bind`](Self::bind) opens, and with it one acceptor hands connections to the workers,
    /// [`reuse_port`](Self::reuse_port) or not: sockets of their own would lose what waits on them.
    #[must_use]
    pub fn handover(self, path: impl Into<PathBuf>) -> Self {
        Self { handover: Some(path.into()), ..self }
    }

    /// Handle of this server: valid before, during and after serving.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Checks all settings and opens all listeners.
    ///
    /// # Errors
    /// Every [`Error`] of set-up; no listener stays open then.
    pub fn bind(self) -> Result<Bound, Error> {
        bind::bind(self)
    }

    /// Binds, then blocks until the end of the drain, which SIGTERM, SIGINT or
    /// [`ServerHandle::shutdown`] begins. Owns its runtimes: one thread per worker.
    ///
    /// # Errors
    /// Every [`Error`] of set-up; [`Error::InsideRuntime`] when called inside an async runtime;
    /// [`Error::DrainTimeout`] when the grace time ran out; [`Error::Forced`] after a second signal.
    pub fn run(self) -> Result<(), Error> {
        self.bind()?.run()
    }

    /// Serves one listener on the caller's runtime until [`ServerHandle::shutdown`] and the end of the drain. No signal
    /// is trapped.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn serve(self, listener: impl Into<Listener>) -> impl Future<Output = Result<(), Error>> {
        run::serve(self, vec![listener.into()])
    }

    /// For connections that come from elsewhere: in-memory pipes, own transports.
    ///
    /// # Errors
    /// Every [`Error`] of set-up.
    pub fn into_connections(self) -> Result<Connections, Error> {
        let service = Service::new(self)?;
        Ok(Connections::new(service))
    }

    /// The chain behind the trust step without sockets, for tests and embedding. Peers without a connection are trusted
    /// only by [`TrustProxy::dangerous_all`](crate::TrustProxy::dangerous_all).
    ///
    /// # Errors
    /// Every [`Error`] of set-up.
    pub fn into_handler(self) -> Result<Handler, Error> {
        Ok(Service::new(self)?.into_handler())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("settings", &self.settings)
            .field("layers", &self.chain.len())
            .field("listens", &self.listens)
            .finish_non_exhaustive()
    }
}
