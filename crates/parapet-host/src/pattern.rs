use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use parapet_core::{HostName, HostNameError};

use crate::Error;

/// What a host pattern means. Two patterns are the same host exactly when they are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    /// `*`.
    Any,
    /// A name in lower case, without trailing dot.
    Name(Box<[u8]>),
    /// The name behind `*.`, in the same form.
    Under(Box<[u8]>),
    /// An address; IPv4-mapped IPv6 is IPv4.
    Address(IpAddr),
    /// A network without host bits; one inside `::ffff:0:0/96` is IPv4.
    Net(IpNet),
}

impl Pattern {
    /// Parses a host pattern.
    pub(crate) fn host(text: &str) -> Result<Self, Error> {
        let owned = || text.to_owned();
        if text == "*" {
            return Ok(Self::Any);
        }
        let (under, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        match HostName::pattern(name) {
            Ok(HostName::Labels(labels)) => {
                let labels = labels.to_ascii_lowercase().into();
                Ok(if under { Self::Under(labels) } else { Self::Name(labels) })
            }
            // `*.10.0.0.1`: an address has no labels in front.
            Ok(HostName::Address(_)) if under => Err(Error::Wildcard(owned())),
            Ok(HostName::Address(address)) => Ok(Self::Address(address)),
            Err(HostNameError::NotAscii) => Err(Error::NotAscii(owned())),
            Err(HostNameError::Port) => Err(Error::Port(owned())),
            Err(_) if name.contains('*') => Err(Error::Wildcard(owned())),
            _ => Err(Error::InvalidName(owned())),
        }
    }

    /// Parses a network in CIDR form; host bits are masked.
    pub(crate) fn cidr(text: &str) -> Result<Self, Error> {
        text.parse().map(Self::net).map_err(|_| Error::Cidr(text.to_owned()))
    }

    /// The network `net`; host bits are masked.
    pub(crate) fn net(net: IpNet) -> Self {
        let mapped = match net {
            IpNet::V6(v6) if v6.prefix_len() >= 96 => v4_of(v6),
            _ => None,
        };
        Self::Net(mapped.map_or(net, IpNet::V4).trunc())
    }
}

/// The IPv4 network that `net` is in IPv4-mapped form, if it is one.
fn v4_of(net: Ipv6Net) -> Option<Ipv4Net> {
    let address = net.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, net.prefix_len().checked_sub(96)?).ok()
}
