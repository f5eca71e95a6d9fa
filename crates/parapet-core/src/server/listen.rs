//! What a server listens on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::settings::Settings;
use super::stats::Counters;
use crate::Error;
use crate::conn_info::Values;
use crate::trust::{TrustProxy, TrustStep};
#[cfg(feature = "tls")]
use crate::{TlsConfig, tls::Acceptor};

/// One listener of a server: an address, and what it has of its own.
#[derive(Clone)]
pub struct Listen {
    pub(crate) address: Address,
    name: Option<&'static str>,
    #[cfg(feature = "tls")]
    tls: Tls,
    h2c: Option<bool>,
    trust: Option<TrustProxy>,
    values: Values,
    pub(crate) unix_mode: u32,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// As a person writes it; read by `bind`.
    Text(String),
    /// Every address of the machine, IPv6 and IPv4.
    Any(u16),
    Tcp(SocketAddr),
    /// Resolved by `bind`.
    Name(String),
    Unix(PathBuf),
    Fd(u32),
    Systemd(String),
}

#[cfg(feature = "tls")]
#[derive(Clone, Debug, Default)]
enum Tls {
    #[default]
    Inherit,
    Plain,
    Own(Box<TlsConfig>),
}

impl Listen {
    /// Listens on a TCP address.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::new(Address::Tcp(address))
    }

    /// Listens on a Unix socket at `path`; a path that begins with `@` is an abstract name (Linux).
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Address::Unix(path.into()))
    }

    /// Listens on descriptor `fd`, which the service manager announced (`LISTEN_FDS`).
    pub fn fd(fd: u32) -> Self {
        Self::new(Address::Fd(fd))
    }

    /// Listens on the sockets that the service manager announced under `name` (`LISTEN_FDNAMES`); empty: on all.
    pub fn systemd(name: &str) -> Self {
        Self::new(Address::Systemd(name.into()))
    }

    /// Reads `:8080`, `host:port`, `[::1]:80`, `unix:/path` or `fd:3`.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self::new(Address::parse(text)?))
    }

    /// As [`parse`](Self::parse), checked by `bind`.
    pub(crate) fn text(text: &str) -> Self {
        Self::new(Address::Text(text.into()))
    }

    pub(crate) fn any(port: u16) -> Self {
        Self::new(Address::Any(port))
    }

    fn new(address: Address) -> Self {
        Self {
            address,
            name: None,
            #[cfg(feature = "tls")]
            tls: Tls::Inherit,
            h2c: None,
            trust: None,
            values: Values::default(),
            unix_mode: 0o660,
        }
    }

    /// Name in [`ConnInfo`](crate::ConnInfo) and metrics. Default: the address.
    #[must_use]
    pub fn name(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// TLS of its own.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, config: TlsConfig) -> Self {
        Self { tls: Tls::Own(Box::new(config)), ..self }
    }

    /// No TLS, whatever the server has.
    #[must_use]
    pub fn plain(self) -> Self {
        #[cfg(feature = "tls")]
        return Self { tls: Tls::Plain, ..self };
        #[cfg(not(feature = "tls"))]
        self
    }

    /// Whether HTTP/2 by prior knowledge is spoken. Default: the server's.
    #[must_use]
    pub fn h2c(self, on: bool) -> Self {
        Self { h2c: Some(on), ..self }
    }

    /// Whose forwarding fields are believed. Default: the server's.
    #[must_use]
    pub fn trust_proxy(self, trust: TrustProxy) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// A value for all connections of this listener: [`ConnInfo::get`](crate::ConnInfo::get).
    #[must_use]
    pub fn extension<T: std::any::Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.insert(value);
        self
    }

    /// Permissions of a Unix socket. Default: 0o660.
    #[must_use]
    pub fn unix_mode(self, mode: u32) -> Self {
        Self { unix_mode: mode, ..self }
    }

    /// Under what a socket of `address` is handed over.
    pub(crate) fn key(&self, address: &Address) -> String {
        self.name.map_or_else(|| address.to_string(), str::to_owned)
    }

    /// What the connections of this listener have, given the server's settings and its address.
    pub(crate) fn context(
        &self,
        settings: &Settings,
        #[cfg(feature = "tls")] server_tls: Option<&TlsConfig>,
        address: &str,
    ) -> Result<ListenerContext, Error> {
        let mut context = ListenerContext::new(
            settings,
            #[cfg(feature = "tls")]
            match &self.tls {
                Tls::Inherit => server_tls,
                Tls::Plain => None,
                Tls::Own(config) => Some(config),
            },
        )?;
        context.name = Arc::from(self.name.unwrap_or(address));
        context.values = self.values.clone();
        if let Some(h2c) = self.h2c {
            context.h2c = h2c;
        }
        if let Some(trust) = &self.trust {
            context.trust = TrustStep::new(trust.clone(), settings.client_address);
        }
        Ok(context)
    }
}

impl fmt::Debug for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listen")
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidAddress { text: text.into() };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(invalid()) } else { Ok(Self::Unix(path.into())) };
        }
        if let Some(fd) = text.strip_prefix("fd:") {
            return fd.parse().map(Self::Fd).map_err(|_| invalid());
        }
        if let Some(port) = text.strip_prefix(':') {
            return port.parse().map(Self::Any).map_err(|_| invalid());
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        // A name: one colon, a port, and nothing that a resolver would choke on.
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let host_fits = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !host_fits || port.parse::<u16>().is_err() {
            return Err(invalid());
        }
        Ok(Self::Name(text.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Name(text) => f.write_str(text),
            Self::Any(port) => write!(f, ":{port}"),
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Fd(fd) => write!(f, "fd:{fd}"),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// A socket that listens already, for `Server::serve`: a tokio or std listener, TCP or Unix.
#[derive(Debug)]
pub struct Listener(pub(crate) ListenerKind);

#[derive(Debug)]
pub(crate) enum ListenerKind {
    Tcp(tokio::net::TcpListener),
    StdTcp(std::net::TcpListener),
    Unix(tokio::net::UnixListener),
    StdUnix(std::os::unix::net::UnixListener),
}

macro_rules! from_listener {
    ($($from:ty => $variant:ident),+) => {$(
        impl From<$from> for Listener {
            fn from(listener: $from) -> Self {
                Self(ListenerKind::$variant(listener))
            }
        }
    )+};
}

from_listener! {
    tokio::net::TcpListener => Tcp,
    std::net::TcpListener => StdTcp,
    tokio::net::UnixListener => Unix,
    std::os::unix::net::UnixListener => StdUnix
}

/// What the connections of one listener have in common.
#[derive(Debug)]
pub(crate) struct ListenerContext {
    pub(crate) name: Arc<str>,
    pub(crate) h2c: bool,
    pub(crate) trust: TrustStep,
    pub(crate) values: Values,
    pub(crate) counters: Arc<Counters>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Acceptor>,
}

impl ListenerContext {
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, reason = "only TLS settings can be wrong")
    )]
    pub(crate) fn new(
        settings: &Settings,
        #[cfg(feature = "tls")] tls: Option<&TlsConfig>,
    ) -> Result<Self, Error> {
        Ok(Self {
            name: Arc::from(""),
            h2c: settings.h2c,
            trust: TrustStep::new(settings.trust_proxy.clone(), settings.client_address),
            values: Values::default(),
            counters: Arc::default(),
            #[cfg(feature = "tls")]
            tls: tls.map(TlsConfig::build).transpose()?,
        })
    }
}
