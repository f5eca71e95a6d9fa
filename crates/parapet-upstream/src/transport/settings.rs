use std::sync::Arc;
use std::time::Duration;

use parapet_h1::Limits;

use crate::ConfigError;
use crate::dial::{ConnectHook, Dialer};

/// The settings of all built-in transports; which of them a transport has is told by its type.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) wire: Wire,
    pub(crate) dial_timeout: Duration,
    pub(crate) tcp_keep_alive: Option<Duration>,
    pub(crate) disable_keep_alives: bool,
    /// 0: no limit.
    pub(crate) max_conn: usize,
    pub(crate) max_conn_wait: Duration,
    pub(crate) max_conn_lifetime: Option<Duration>,
    pub(crate) max_idle_conns: usize,
    pub(crate) idle_conn_timeout: Duration,
    /// Zero: an expectation is not waited for.
    pub(crate) expect_continue_timeout: Duration,
    pub(crate) response_header_timeout: Duration,
    pub(crate) max_response_head: usize,
    pub(crate) max_response_fields: usize,
    pub(crate) allow_bare_lf: bool,
    pub(crate) title_case_headers: bool,
    pub(crate) dial: Option<Dialer>,
    pub(crate) on_connect: Option<ConnectHook>,
    #[cfg(feature = "tls")]
    pub(crate) tls: crate::dial::tls::TlsSettings,
    #[cfg(feature = "http2")]
    pub(crate) http2: crate::Http2Settings,
}

/// What a transport speaks, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(unnameable_types, reason = "a constant of the sealed trait has this type")]
pub enum Wire {
    /// HTTP/1.1 over TCP.
    Http,
    /// HTTP/1.1 over a Unix stream socket.
    Unix,
    /// HTTP/1.1, or HTTP/2 by ALPN, over TLS over TCP.
    #[cfg(feature = "tls")]
    Https,
    /// HTTP/2 with prior knowledge over TCP.
    #[cfg(feature = "http2")]
    H2c,
    /// One of the others, by the request.
    Dynamic,
}

impl Settings {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            wire,
            dial_timeout: Duration::from_secs(5),
            tcp_keep_alive: Some(Duration::from_secs(15)),
            disable_keep_alives: false,
            max_conn: 0,
            max_conn_wait: Duration::from_secs(5),
            max_conn_lifetime: None,
            max_idle_conns: 32,
            idle_conn_timeout: Duration::from_secs(600),
            expect_continue_timeout: Duration::ZERO,
            response_header_timeout: Duration::from_secs(60),
            max_response_head: 64 << 10,
            max_response_fields: 100,
            allow_bare_lf: false,
            title_case_headers: false,
            dial: None,
            on_connect: None,
            #[cfg(feature = "tls")]
            tls: crate::dial::tls::TlsSettings::default(),
            #[cfg(feature = "http2")]
            http2: crate::Http2Settings::new(),
        }
    }

    /// Refuses numbers outside their range. Checked when a target is made, so that setters need not fail.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("max_response_head", self.max_response_head, 1 << 10, 1 << 20, "1024 to 1048576"),
            ("max_response_fields", self.max_response_fields, 1, 256, "1 to 256"),
        ];
        for (field, value, least, most, allowed) in sizes {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::Value { field, value: value.to_string(), allowed });
            }
        }
        let times = [
            ("dial_timeout", self.dial_timeout),
            ("max_conn_wait", self.max_conn_wait),
            ("idle_conn_timeout", self.idle_conn_timeout),
            ("response_header_timeout", self.response_header_timeout),
            #[cfg(feature = "tls")]
            ("tls_handshake_timeout", self.tls.handshake_timeout),
            ("tcp_keep_alive", self.tcp_keep_alive.unwrap_or(Duration::MAX)),
            ("max_conn_lifetime", self.max_conn_lifetime.unwrap_or(Duration::MAX)),
        ];
        for (field, value) in times {
            if value.is_zero() {
                let value = format!("{value:?}");
                return Err(ConfigError::Value { field, value, allowed: "more than zero" });
            }
        }
        Ok(())
    }

    /// What is read of an origin at most.
    pub(crate) fn limits(&self) -> Limits {
        Limits::response()
            .head_bytes(self.max_response_head)
            .field_lines(self.max_response_fields)
            .allow_bare_lf(self.allow_bare_lf)
    }

    /// What is buffered of an origin at most.
    pub(crate) fn max_read(&self) -> usize {
        self.max_response_head.max(MAX_READ)
    }
}

/// A clone of a transport shares this, and with it the connections.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// The pools of the targets that use the transport.
    pub(crate) pools: crate::pool::Registry,
    #[cfg(feature = "tls")]
    pub(crate) connector: Arc<crate::dial::tls::Connector>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            #[cfg(feature = "tls")]
            connector: Arc::new(crate::dial::tls::Connector::new(&settings.tls)),
            pools: crate::pool::Registry::default(),
            settings,
        })
    }
}

/// Largest step in which a response is read.
pub(crate) const MAX_READ: usize = 64 << 10;
