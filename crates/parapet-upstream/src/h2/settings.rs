use std::time::Duration;

/// Settings of HTTP/2 connections.
#[derive(Clone, Debug)]
pub struct Http2Settings {
    pub(super) stream_window: u32,
    pub(super) connection_window: u32,
    pub(super) max_header_list: u32,
    pub(crate) max_streams_per_conn: usize,
    pub(super) ping_interval: Option<Duration>,
    pub(super) ping_timeout: Duration,
}

impl Http2Settings {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            stream_window: 1 << 20,
            connection_window: 8 << 20,
            max_header_list: 64 << 10,
            max_streams_per_conn: 100,
            ping_interval: Some(Duration::from_secs(30)),
            ping_timeout: Duration::from_secs(10),
        }
    }

    /// Bytes of one response body that may be on their way before they are read (RFC 9113 §5.2). Default: 1 MiB; at
    /// most 2³¹ − 1.
    #[must_use]
    pub fn stream_window(self, bytes: u32) -> Self {
        Self { stream_window: bytes.min(MAX_WINDOW), ..self }
    }

    /// The same for all responses of a connection together. Default: 8 MiB; at most 2³¹ − 1.
    #[must_use]
    pub fn connection_window(self, bytes: u32) -> Self {
        Self { connection_window: bytes.min(MAX_WINDOW), ..self }
    }

    /// Bytes of one response head, counted as RFC 9113 §6.5.2 does. Default: 64 KiB.
    #[must_use]
    pub fn max_header_list(self, bytes: u32) -> Self {
        Self { max_header_list: bytes, ..self }
    }

    /// Requests in progress on one connection before another one is opened. Default: 100; 0 counts as 1.
    #[must_use]
    pub fn max_streams_per_conn(self, streams: usize) -> Self {
        Self { max_streams_per_conn: streams.max(1), ..self }
    }

    /// A ping after so long without a frame while requests are in progress. Default: 30 s. `None` or zero: never.
    #[must_use]
    pub fn ping_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        let interval = interval.into().filter(|interval| !interval.is_zero());
        Self { ping_interval: interval.map(|interval| interval.min(MAX_PING)), ..self }
    }

    /// A ping that is not answered for so long ends the connection. Default: 10 s.
    #[must_use]
    pub fn ping_timeout(self, limit: Duration) -> Self {
        Self { ping_timeout: limit.min(MAX_PING), ..self }
    }
}

impl Default for Http2Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Longer times would not fit into hyper's clock.
const MAX_PING: Duration = Duration::from_secs(365 * 86_400);
/// RFC 9113 §6.9.1.
const MAX_WINDOW: u32 = (1 << 31) - 1;
