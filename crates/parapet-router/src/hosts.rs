use std::collections::HashMap;
use std::net::IpAddr;

use http::uri::Authority;
use parapet_core::HostName;

use crate::pattern::Host;
use crate::tree::Tree;

/// The trees of the hosts that patterns name.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// By name in lower case.
    names: HashMap<Box<[u8]>, Tree>,
    addresses: HashMap<IpAddr, Tree>,
}

impl Hosts {
    pub(crate) fn at(&mut self, host: &Host) -> &mut Tree {
        match host {
            Host::Name(name) => self.names.entry(name.clone()).or_default(),
            Host::Address(address) => self.addresses.entry(*address).or_default(),
        }
    }

    pub(crate) fn find(&self, authority: Option<&Authority>) -> Option<&Tree> {
        if self.names.is_empty() && self.addresses.is_empty() {
            return None;
        }
        match HostName::of(authority) {
            HostName::Labels(name) => self.name(name),
            HostName::Address(address) => self.addresses.get(&address),
            HostName::Other => None,
        }
    }

    /// `name` in any case.
    fn name(&self, name: &[u8]) -> Option<&Tree> {
        if !name.iter().any(u8::is_ascii_uppercase) {
            return self.names.get(name);
        }
        // No pattern is longer than a host name can be.
        let mut buffer = [0; MAX_NAME];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.names.get(&*lower)
    }
}

/// Longest name of the DNS.
const MAX_NAME: usize = 253;
