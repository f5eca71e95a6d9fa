//! Every setting of a server with its defaults, and the checks that `bind` makes.

use std::time::Duration;

use crate::trust::{ClientAddress, TrustProxy};
use crate::{Error, worker};

/// Settings of the server, shared by all its connections and immutable while it serves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) read_header_timeout: Option<Duration>,
    pub(crate) first_byte_timeout: Option<Duration>,
    pub(crate) first_request_timeout: Option<Duration>,
    pub(crate) tls_handshake_timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) read_total_timeout: Option<Duration>,
    pub(crate) write_total_timeout: Option<Duration>,
    pub(crate) min_progress: u32,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_header_bytes: usize,
    pub(crate) max_header_count: usize,
    pub(crate) max_target_bytes: usize,
    pub(crate) tcp_keep_alive_period: Option<Duration>,
    pub(crate) reuse_port: bool,
    pub(crate) h2c: bool,
    pub(crate) grace_timeout: Option<Duration>,
    pub(crate) wait_before_shutdown: Duration,
    pub(crate) trust_proxy: TrustProxy,
    pub(crate) client_address: ClientAddress,
    /// `None`: from the limit of open files, when serving starts.
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_client: Option<usize>,
    pub(crate) max_connection_age: Option<Duration>,
    pub(crate) max_requests_per_connection: Option<u64>,
    /// `None`: one per core.
    pub(crate) workers: Option<usize>,
    pub(crate) half_close: bool,
    pub(crate) allow_utf8_target: bool,
    pub(crate) early_hints: bool,
    pub(crate) early_hints_http1: bool,
    pub(crate) http2: Http2,
}

impl Settings {
    /// Behind another proxy.
    pub(crate) fn general() -> Self {
        // 620 s outlives the 600 s for which cloud balancers keep, and open ahead of use, their connections.
        let balancer = Some(Duration::from_secs(620));
        Self {
            read_header_timeout: Some(Duration::from_secs(60)),
            first_byte_timeout: balancer,
            first_request_timeout: balancer,
            tls_handshake_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(300)),
            write_timeout: Some(Duration::from_secs(300)),
            read_total_timeout: None,
            write_total_timeout: None,
            min_progress: 1,
            idle_timeout: balancer,
            max_header_bytes: 64 * 1024,
            max_header_count: 100,
            max_target_bytes: 16 * 1024,
            tcp_keep_alive_period: Some(Duration::from_secs(180)),
            reuse_port: false,
            h2c: false,
            grace_timeout: Some(Duration::from_secs(30)),
            wait_before_shutdown: Duration::from_secs(10),
            trust_proxy: TrustProxy::private(),
            client_address: ClientAddress::ForwardedFor,
            max_connections: None,
            max_connections_per_client: None,
            max_connection_age: None,
            max_requests_per_connection: None,
            workers: None,
            half_close: false,
            allow_utf8_target: false,
            early_hints: true,
            early_hints_http1: false,
            http2: Http2::new(),
        }
    }

    /// The edge of the internet.
    pub(crate) fn frontend() -> Self {
        Self {
            read_header_timeout: Some(Duration::from_secs(10)),
            first_byte_timeout: Some(Duration::from_secs(10)),
            first_request_timeout: Some(Duration::from_secs(20)),
            read_timeout: Some(Duration::from_secs(60)),
            write_timeout: Some(Duration::from_secs(60)),
            min_progress: 1024,
            idle_timeout: Some(Duration::from_secs(75)),
            tcp_keep_alive_period: Some(Duration::from_secs(60)),
            trust_proxy: TrustProxy::none(),
            max_connections_per_client: Some(1000),
            http2: Http2::frontend(),
            ..Self::general()
        }
    }

    /// An internal service behind a parapet edge.
    pub(crate) fn backend() -> Self {
        Self { h2c: true, client_address: ClientAddress::RealIp, ..Self::general() }
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(worker::cores)
    }

    /// Checks what setters cannot.
    pub(crate) fn check(&self) -> Result<(), Error> {
        range("max_header_bytes", self.max_header_bytes, 8 << 10, 1 << 20, "8 KiB to 1 MiB")?;
        range("max_header_count", self.max_header_count, 1, 1000, "1 to 1,000")?;
        range("max_target_bytes", self.max_target_bytes, 1, 1 << 20, "1 byte to 1 MiB")?;
        range("min_progress", self.min_progress as usize, 1, 1 << 20, "1 byte to 1 MiB")?;
        range("workers", self.worker_count(), 1, 1024, "1 to 1,024")?;
        range("max_connections", self.max_connections.unwrap_or(1), 1, usize::MAX, "at least 1")?;
        range(
            "max_connections_per_client",
            self.max_connections_per_client.unwrap_or(1),
            1,
            usize::MAX,
            "at least 1, or None",
        )?;
        for (name, timeout) in [
            ("read_header_timeout", self.read_header_timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("first_request_timeout", self.first_request_timeout),
            ("tls_handshake_timeout", self.tls_handshake_timeout),
            ("read_timeout", self.read_timeout),
            ("write_timeout", self.write_timeout),
            ("read_total_timeout", self.read_total_timeout),
            ("write_total_timeout", self.write_total_timeout),
            ("idle_timeout", self.idle_timeout),
            ("tcp_keep_alive_period", self.tcp_keep_alive_period),
            ("max_connection_age", self.max_connection_age),
        ] {
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                return Err(Error::Setting {
                    name,
                    value: "0 s".into(),
                    allowed: "more than zero, or None for no limit",
                });
            }
        }
        self.http2.check()
    }
}

fn range(
    name: &'static str,
    value: usize,
    least: usize,
    most: usize,
    allowed: &'static str,
) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting { name, value: value.to_string(), allowed })
}

/// Limits of HTTP/2 connections (RFC 9113). The header limits are the server's `max_header_bytes` and
/// `max_header_count`.
#[derive(Clone, Debug)]
pub struct Http2 {
    pub(crate) max_concurrent_streams: u32,
    pub(crate) max_pending_header_bytes: usize,
    pub(crate) max_pending_resets: usize,
    pub(crate) max_local_resets: usize,
    pub(crate) glitch_burst: u32,
    pub(crate) glitch_rate: u32,
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) keep_alive_interval: Option<Duration>,
    pub(crate) keep_alive_timeout: Duration,
}

impl Default for Http2 {
    fn default() -> Self {
        Self::new()
    }
}

impl Http2 {
    /// The limits of `Server::new()` and `Server::backend()`.
    pub fn new() -> Self {
        Self {
            max_concurrent_streams: 250,
            max_pending_header_bytes: 512 * 1024,
            max_pending_resets: 20,
            max_local_resets: 100,
            glitch_burst: 1000,
            glitch_rate: 100,
            stream_window: 1024 * 1024,
            connection_window: 4 * 1024 * 1024,
            keep_alive_interval: Some(Duration::from_secs(60)),
            keep_alive_timeout: Duration::from_secs(20),
        }
    }

    /// The limits of `Server::frontend()`: 100 streams, windows of 256 KiB and 1 MiB.
    pub fn frontend() -> Self {
        Self {
            max_concurrent_streams: 100,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            ..Self::new()
        }
    }

    /// Streams that a client may have open at once; further ones are refused. Default: 250 (frontend 100).
    pub fn max_concurrent_streams(self, streams: u32) -> Self {
        Self { max_concurrent_streams: streams, ..self }
    }

    /// Bytes of all heads whose requests are not answered yet, each field as name + value + 128; further streams are
    /// refused, so that many small references into the compression table stay harmless. Default: 512 KiB.
    pub fn max_pending_header_bytes(self, bytes: usize) -> Self {
        Self { max_pending_header_bytes: bytes, ..self }
    }

    /// Streams that the client reset before they were accepted; more close the connection (rapid reset). Default: 20.
    pub fn max_pending_resets(self, resets: usize) -> Self {
        Self { max_pending_resets: resets, ..self }
    }

    /// Streams reset by us for the client's errors; more close the connection. Default: 100.
    pub fn max_local_resets(self, resets: usize) -> Self {
        Self { max_local_resets: resets, ..self }
    }

    /// Cheap frames that a client may send at once (PING and SETTINGS count 10, PRIORITY, RST_STREAM, empty DATA, small
    /// WINDOW_UPDATE and unknown frames 1) before the connection is closed. Default: 1,000.
    pub fn glitch_burst(self, glitches: u32) -> Self {
        Self { glitch_burst: glitches, ..self }
    }

    /// Cheap frames a second that are forgiven. Default: 100.
    pub fn glitch_rate(self, per_second: u32) -> Self {
        Self { glitch_rate: per_second, ..self }
    }

    /// Receive window of a stream in bytes, at most 2³¹ − 1. Default: 1 MiB (frontend 256 KiB).
    pub fn stream_window(self, bytes: u32) -> Self {
        Self { stream_window: bytes, ..self }
    }

    /// Receive window of a connection in bytes, 65,535 to 2³¹ − 1. Default: 4 MiB (frontend 1 MiB).
    pub fn connection_window(self, bytes: u32) -> Self {
        Self { connection_window: bytes, ..self }
    }

    /// Silence after which the client is pinged. Default: 60 s. `None`: never.
    pub fn keep_alive_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        Self { keep_alive_interval: interval.into(), ..self }
    }

    /// How long the answer to a ping may take. Default: 20 s.
    pub fn keep_alive_timeout(self, timeout: Duration) -> Self {
        Self { keep_alive_timeout: timeout, ..self }
    }

    fn check(&self) -> Result<(), Error> {
        const WINDOW: &str = "at most 2^31 - 1 bytes";
        range(
            "http2 max_concurrent_streams",
            self.max_concurrent_streams as usize,
            1,
            1 << 20,
            "1 to 2^20",
        )?;
        range("http2 stream_window", self.stream_window as usize, 0, i32::MAX as usize, WINDOW)?;
        range(
            "http2 connection_window",
            self.connection_window as usize,
            65_535,
            i32::MAX as usize,
            "65,535 to 2^31 - 1 bytes",
        )?;
        range("http2 glitch_burst", self.glitch_burst as usize, 1, u32::MAX as usize, "at least 1")
    }
}
