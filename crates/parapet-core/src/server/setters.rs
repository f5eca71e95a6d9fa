//! What can be set on a server before it serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::hooks::Guarded;
use super::{ConnState, ConnectionError, ConnectionLayer, Http2, LocalReply, Server};
use crate::trust::{ClientAddress, TrustProxy};
use crate::{ConnInfo, ResponseError};

/// Settings. The table in the type's docs has the defaults; `None` for a timeout means no limit.
impl Server {
    /// From the first byte of a request head to its end; then 408 and close.
    #[must_use]
    pub fn read_header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.read_header_timeout = timeout.into();
        self
    }

    /// From the end of the TLS handshake (without TLS: of the connection layers) to the first byte; then closed.
    #[must_use]
    pub fn first_byte_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.first_byte_timeout = timeout.into();
        self
    }

    /// From accept to the first complete request head, whatever the client does meanwhile; then closed.
    #[must_use]
    pub fn first_request_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.first_request_timeout = timeout.into();
        self
    }

    /// For the whole TLS handshake; then closed.
    #[must_use]
    pub fn tls_handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.tls_handshake_timeout = timeout.into();
        self
    }

    /// Longest time in which a request body makes no progress ([`min_progress`](Self::min_progress)) while it is read.
    #[must_use]
    pub fn read_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.read_timeout = timeout.into();
        self
    }

    /// Longest time in which the client takes nothing of a response that waits to be sent; then reset.
    #[must_use]
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.write_timeout = timeout.into();
        self
    }

    /// Longest time for a whole request body. Default: none.
    #[must_use]
    pub fn read_total_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.read_total_timeout = timeout.into();
        self
    }

    /// Longest time for a whole response. Default: none.
    #[must_use]
    pub fn write_total_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.write_total_timeout = timeout.into();
        self
    }

    /// Bytes that count as progress for the read and write timeouts: 1 to 1 MiB.
    #[must_use]
    pub fn min_progress(mut self, bytes: u32) -> Self {
        self.settings.min_progress = bytes;
        self
    }

    /// From a flushed response to the first byte of the next head; then closed.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.idle_timeout = timeout.into();
        self
    }

    /// Bytes of a request line and its fields; more is answered 431. 8 KiB to 1 MiB.
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_header_bytes = bytes;
        self
    }

    /// Field lines of a request; more is answered 431. 1 to 1,000.
    #[must_use]
    pub fn max_header_count(mut self, lines: usize) -> Self {
        self.settings.max_header_count = lines;
        self
    }

    /// Bytes of a request target; more is answered 414.
    #[must_use]
    pub fn max_target_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_target_bytes = bytes;
        self
    }

    /// Idle time before TCP keep-alive probes; then 4 probes at 15 s. `None`: off.
    #[must_use]
    pub fn tcp_keep_alive_period(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.settings.tcp_keep_alive_period = period.into();
        self
    }

    /// `SO_REUSEPORT`: other processes may listen on the address too, and each worker has a listener of its own.
    #[must_use]
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.settings.reuse_port = on;
        self
    }

    /// HTTP/2 by prior knowledge on listeners without TLS.
    #[must_use]
    pub fn h2c(mut self, on: bool) -> Self {
        self.settings.h2c = on;
        self
    }

    /// How long requests in progress may go on after the server stopped accepting. `None` or zero: `run` traps no
    /// signal, and an explicit shutdown waits without bound.
    #[must_use]
    pub fn grace_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.grace_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self.handle.set_times(self.settings.wait_before_shutdown, self.settings.grace_timeout);
        self
    }

    /// How long the server goes on accepting after the drain began, so that balancers see it go.
    #[must_use]
    pub fn wait_before_shutdown(mut self, wait: Duration) -> Self {
        self.settings.wait_before_shutdown = wait;
        self.handle.set_times(wait, self.settings.grace_timeout);
        self
    }

    /// Whose forwarding fields are believed.
    #[must_use]
    pub fn trust_proxy(mut self, trust: TrustProxy) -> Self {
        self.settings.trust_proxy = trust;
        self
    }

    /// Short for `trust_proxy(TrustProxy::cidrs(nets))`.
    #[must_use]
    pub fn trust_cidrs(self, nets: impl IntoIterator<Item = IpNet>) -> Self {
        self.trust_proxy(TrustProxy::cidrs(nets))
    }

    /// Which field of a trusted peer names the client.
    #[must_use]
    pub fn client_address(mut self, source: ClientAddress) -> Self {
        self.settings.client_address = source;
        self
    }

    /// Adds a connection layer; the first added is closest to the socket.
    #[must_use]
    pub fn modify_connection(mut self, layer: impl ConnectionLayer) -> Self {
        self.push_connection_layer(layer);
        self
    }

    /// Adds a connection layer; the first added is closest to the socket.
    pub fn push_connection_layer(&mut self, layer: impl ConnectionLayer) {
        self.layers.push(Arc::new(layer));
    }

    /// Runs `f` once when the drain begins, as
    /// [`ServerHandle::register_on_shutdown`](crate::ServerHandle::register_on_shutdown) says.
    #[must_use]
    pub fn register_on_shutdown(self, f: impl FnOnce() + Send + 'static) -> Self {
        self.handle.register_on_shutdown(f);
        self
    }

    /// Connections of the whole server. Default: half of the open files that the process may have, less 128, within
    /// 64 to 100,000: two descriptors per proxied request.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = Some(connections);
        self
    }

    /// Connections of one client: an IPv4 address or an IPv6 /64. Loopback and trusted peers are exempt.
    #[must_use]
    pub fn max_connections_per_client(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.settings.max_connections_per_client = connections.into();
        self
    }

    /// Age after which a connection is ended by its next response, ± 10 %. Default: none.
    #[must_use]
    pub fn max_connection_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.settings.max_connection_age = age.into();
        self
    }

    /// Requests after which a connection is ended. Default: none.
    #[must_use]
    pub fn max_requests_per_connection(mut self, requests: impl Into<Option<u64>>) -> Self {
        self.settings.max_requests_per_connection = requests.into();
        self
    }

    /// Worker threads of [`run`](Self::run), 1 to 1,024. Default: one per core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = Some(workers);
        self
    }

    /// Serves a client that closed its sending half after a complete request. Default: false, it counts as gone.
    #[must_use]
    pub fn half_close(mut self, on: bool) -> Self {
        self.settings.half_close = on;
        self
    }

    /// Lets valid UTF-8 in a request target pass as received. Default: false, answered 400.
    #[must_use]
    pub fn allow_utf8_target(mut self, on: bool) -> Self {
        self.settings.allow_utf8_target = on;
        self
    }

    /// Whether handlers may send 103 and other 1xx heads over HTTP/2. Default: true.
    #[must_use]
    pub fn early_hints(mut self, on: bool) -> Self {
        self.settings.early_hints = on;
        self
    }

    /// Whether handlers may send 103 and other 1xx heads over HTTP/1.1, where old clients take them for the answer.
    /// Default: false.
    #[must_use]
    pub fn early_hints_http1(mut self, on: bool) -> Self {
        self.settings.early_hints_http1 = on;
        self
    }

    /// Limits of HTTP/2 connections.
    #[must_use]
    pub fn http2(mut self, limits: Http2) -> Self {
        self.settings.http2 = limits;
        self
    }

    /// Hears each change of a connection's state. Several can be added.
    #[must_use]
    pub fn on_conn_state(
        mut self,
        f: impl Fn(&ConnInfo, ConnState) + Send + Sync + 'static,
    ) -> Self {
        self.push_conn_state(f);
        self
    }

    /// Hears each change of a connection's state. Several can be added.
    pub fn push_conn_state(&mut self, f: impl Fn(&ConnInfo, ConnState) + Send + Sync + 'static) {
        self.hooks.conn_state.push(Guarded::new(Box::new(f)));
    }

    /// Hears why connections failed.
    #[must_use]
    pub fn on_connection_error(
        mut self,
        f: impl Fn(&ConnInfo, &ConnectionError) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.connection_error.push(Guarded::new(Box::new(f)));
        self
    }

    /// Hears the answers that the server gave before any handler ran (400, 408, 431 …).
    #[must_use]
    pub fn on_local_reply(
        mut self,
        f: impl Fn(&ConnInfo, &LocalReply) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.local_reply.push(Guarded::new(Box::new(f)));
        self
    }

    /// Hears what went wrong with responses: broken bodies, bad upgrades, panics.
    #[must_use]
    pub fn on_error(
        mut self,
        f: impl Fn(&ConnInfo, &ResponseError) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.error.push(Guarded::new(Box::new(f)));
        self
    }

    /// Hears the addresses once all listeners are open, what [`on_start`](Self::on_start) was given has ended, and signals
    /// are trapped.
    #[must_use]
    pub fn on_ready(mut self, f: impl Fn(&[SocketAddr]) + Send + Sync + 'static) -> Self {
        self.hooks.ready.push(Guarded::new(Box::new(f)));
        self
    }
}
