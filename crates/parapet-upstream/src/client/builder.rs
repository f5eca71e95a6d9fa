use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use parapet_core::{Io, RequestHead};
#[cfg(feature = "tls")]
use rustls::{ClientConfig, pki_types::CertificateDer};

use super::hosts::{Hosts, Reached};
use super::{Client, Inner};
use crate::dial::{DialTarget, Dialer};
use crate::observe::{Hook, RoundTripInfo};
use crate::transport::{Settings, Wire};
use crate::{BuiltIn, ConfigError, Http, Kind, PoolStats};

/// Settings of a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    /// Of both schemes; the wire in it is not used.
    settings: Settings,
    max_hosts: usize,
    user_agent: Option<HeaderValue>,
    hook: Option<Hook>,
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        let mut settings = Settings::new(Wire::Http);
        settings.max_idle_conns = 8;
        settings.idle_conn_timeout = Duration::from_secs(90);
        #[cfg(all(feature = "tls", feature = "http2"))]
        {
            settings.tls.version = crate::HttpVersion::Auto;
        }
        Self { settings, max_hosts: 64, user_agent: None, hook: None }
    }

    /// The client.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: a number or time outside its range.
    pub fn build(self) -> Result<Client, ConfigError> {
        self.settings.check()?;
        if self.max_hosts == 0 {
            let value = self.max_hosts.to_string();
            return Err(ConfigError::Value { field: "max_hosts", value, allowed: "1 or more" });
        }
        Ok(self.assemble())
    }

    pub(super) fn assemble(self) -> Client {
        let http = reach::<Http>(&self.settings);
        #[cfg(feature = "tls")]
        let https = Some(reach::<crate::Https>(&self.settings));
        #[cfg(not(feature = "tls"))]
        let https = None;
        let hosts = Hosts::new(http, https, self.max_hosts);
        Client(Arc::new(Inner { hosts, user_agent: self.user_agent, hook: self.hook }))
    }

    /// Longest time for resolving the name and all connection attempts together. Default: 5 s. Without effect when
    /// [`dial`](Self::dial) is set.
    #[must_use]
    pub fn dial_timeout(mut self, limit: Duration) -> Self {
        self.settings.dial_timeout = limit;
        self
    }

    /// Longest time from the end of the request to the head of the response. Default: 60 s.
    #[must_use]
    pub fn response_header_timeout(mut self, limit: Duration) -> Self {
        self.settings.response_header_timeout = limit;
        self
    }

    /// All connections to one host: dialing, in use and idle. Default: 0, no limit. At the limit requests wait, first
    /// come first served.
    #[must_use]
    pub fn max_conn(mut self, limit: usize) -> Self {
        self.settings.max_conn = limit;
        self
    }

    /// Longest wait for a connection at [`max_conn`](Self::max_conn). Default: 5 s; then 503.
    #[must_use]
    pub fn max_conn_wait(mut self, limit: Duration) -> Self {
        self.settings.max_conn_wait = limit;
        self
    }

    /// Bytes of one HTTP/1.1 response head. Default: 65,536. Range: 1 KiB to 1 MiB.
    #[must_use]
    pub fn max_response_head(mut self, bytes: usize) -> Self {
        self.settings.max_response_head = bytes;
        self
    }

    /// Field lines of one HTTP/1.1 head or trailer section. Default: 100. Range: 1 to 256.
    #[must_use]
    pub fn max_response_fields(mut self, lines: usize) -> Self {
        self.settings.max_response_fields = lines;
        self
    }

    /// Opens the connections, in place of the built-in way: see [`HttpTransport::dial`](crate::HttpTransport::dial).
    #[must_use]
    pub fn dial<F, Fut, I>(mut self, dial: F) -> Self
    where
        F: Fn(DialTarget) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<I>> + Send + 'static,
        I: Io,
    {
        self.settings.dial = Some(Dialer::new(dial));
        self
    }

    /// A rustls configuration of one's own, in place of [`roots`](Self::roots). Its ALPN list is replaced by that of
    /// [`http_version`](Self::http_version).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.settings.tls.set_config(config);
        self
    }

    /// The certificates that certificates of hosts must lead up to. Default: the roots of the platform.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: none is there, or one cannot be read.
    #[cfg(feature = "tls")]
    pub fn roots(
        mut self,
        certs: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, ConfigError> {
        self.settings.tls.set_roots(certs)?;
        Ok(self)
    }

    /// HTTP versions to offer over TLS (ALPN). Default: `HttpVersion::Auto`. Without TLS it is always HTTP/1.1.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn http_version(mut self, version: crate::HttpVersion) -> Self {
        self.settings.tls.version = version;
        self
    }

    /// Idle HTTP/1.1 connections that are kept per host and worker thread. Default: 8.
    #[must_use]
    pub fn max_idle_conns(mut self, limit: usize) -> Self {
        self.settings.max_idle_conns = limit;
        self
    }

    /// How long an idle connection is kept. Default: 90 s.
    #[must_use]
    pub fn idle_conn_timeout(mut self, limit: Duration) -> Self {
        self.settings.idle_conn_timeout = limit;
        self
    }

    /// Hosts (scheme, name and port) to which connections are kept. Default: 64; at least 1. Of more than that the one
    /// used longest ago loses its idle connections; it can be asked all the same.
    #[must_use]
    pub fn max_hosts(mut self, limit: usize) -> Self {
        self.max_hosts = limit;
        self
    }

    /// `User-Agent` of requests that have none. Default: none.
    #[must_use]
    pub fn user_agent(mut self, value: impl Into<Option<HeaderValue>>) -> Self {
        self.user_agent = value.into();
        self
    }

    /// Called once for each request: at its head, its failure, or when it was dropped
    /// ([`Error::Canceled`](crate::Error::Canceled)). Must not block. A panic is ignored.
    #[must_use]
    pub fn on_round_trip(
        mut self,
        hook: impl Fn(&RequestHead, &RoundTripInfo<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }
}

/// The transport of one scheme.
fn reach<K: Kind + 'static>(settings: &Settings) -> Reached {
    let transport = BuiltIn::<K>::of(settings);
    let stats = transport.clone();
    Reached::new(transport, move || -> Vec<PoolStats> { stats.stats() })
}
