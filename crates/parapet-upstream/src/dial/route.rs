use std::fmt;
use std::sync::Arc;

use super::DialTarget;
use crate::ConfigError;
use crate::address::Address;
use crate::transport::{Shared, Wire};

/// How the connections of one pool come about.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Tcp(DialTarget),
    /// Path of a socket, or `@name`.
    Unix(Box<str>),
    #[cfg(feature = "tls")]
    Tls {
        target: DialTarget,
        name: rustls::pki_types::ServerName<'static>,
        connector: Arc<super::tls::Connector>,
    },
}

impl Route {
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, reason = "only names to verify can be wrong")
    )]
    pub(crate) fn new(shared: &Shared, wire: Wire, address: &Address) -> Result<Self, ConfigError> {
        let (name, port) = match address {
            Address::Path(path) => return Ok(Self::Unix(path.clone())),
            Address::Authority { name, port } => (name, *port),
        };
        #[cfg(feature = "tls")]
        if wire == Wire::Https {
            return Ok(Self::Tls {
                target: DialTarget::new(name, port.unwrap_or(443)),
                name: shared.settings.tls.name_of(name)?,
                connector: Arc::clone(&shared.connector),
            });
        }
        #[cfg(not(feature = "tls"))]
        let _ = (shared, wire);
        Ok(Self::Tcp(DialTarget::new(name, port.unwrap_or(80))))
    }
}

impl DialTarget {
    fn new(name: &str, port: u16) -> Self {
        let addr: Arc<str> = if name.contains(':') {
            format!("[{name}]:{port}").into()
        } else {
            format!("{name}:{port}").into()
        };
        Self { host: name.into(), port, addr }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(target) => f.write_str(&target.addr),
            Self::Unix(path) => f.write_str(path),
            #[cfg(feature = "tls")]
            Self::Tls { target, .. } => f.write_str(&target.addr),
        }
    }
}
