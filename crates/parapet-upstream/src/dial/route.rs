use std::fmt;
use std::sync::Arc;

use super::DialTarget;
use crate::ConfigError;
use crate::address::Address;
use crate::transport::Settings;

/// How the connections of one pool come about.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Tcp(DialTarget),
    /// Path of a socket, or `@name`.
    Unix(Box<str>),
}

impl Route {
    pub(crate) fn new(_settings: &Settings, address: &Address) -> Result<Self, ConfigError> {
        Ok(match address {
            Address::Path(path) => Self::Unix(path.clone()),
            Address::Authority { name, port } => Self::Tcp(DialTarget::new(name, port.unwrap_or(80))),
        })
    }
}

impl DialTarget {
    fn new(name: &str, port: u16) -> Self {
        let addr: Arc<str> = match name.contains(':') {
            true => format!("[{name}]:{port}").into(),
            false => format!("{name}:{port}").into(),
        };
        Self { host: name.into(), port, addr }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(target) => f.write_str(&target.addr),
            Self::Unix(path) => f.write_str(path),
        }
    }
}
