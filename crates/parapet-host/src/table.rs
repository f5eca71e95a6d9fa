use std::collections::HashMap;
use std::collections::hash_map;
use std::net::IpAddr;
use std::sync::Arc;

use http::uri::Authority;
use ipnet::IpNet;
use parapet_core::HostName;

use crate::Error;
use crate::names::{Entry, Names};
use crate::pattern::Pattern;

/// Host patterns and what each leads to. Immutable once built, read without locks.
///
/// The most specific pattern wins: name or address, then the longest wildcard, then the longest network, then `*`.
#[derive(Debug)]
pub(crate) struct Table {
    names: Names,
    addresses: HashMap<IpAddr, Found>,
    v4: Nets,
    v6: Nets,
    any: Option<Found>,
}

/// A pattern that matched.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// As it was written.
    pub(crate) text: Arc<str>,
    pub(crate) route: usize,
}

impl Table {
    /// Builds a table of patterns, each with its text and the number of its route.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for two equal patterns.
    pub(crate) fn new(
        patterns: impl IntoIterator<Item = (Pattern, Arc<str>, usize)>,
    ) -> Result<Self, Error> {
        let mut found = HashMap::new();
        for (pattern, text, route) in patterns {
            match found.entry(pattern) {
                hash_map::Entry::Vacant(entry) => drop(entry.insert(Found { text, route })),
                hash_map::Entry::Occupied(entry) => {
                    let other = entry.get().text.to_string();
                    return Err(Error::Duplicate { pattern: text.to_string(), other });
                }
            }
        }
        Ok(Self::sorted(found))
    }

    /// Builds a table of networks of one route; one that comes twice counts once.
    pub(crate) fn of_nets(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let found = |net: IpNet| Found { text: net.to_string().into(), route: 0 };
        Self::sorted(nets.into_iter().map(|net| (Pattern::net(net), found(net))).collect())
    }

    fn sorted(patterns: HashMap<Pattern, Found>) -> Self {
        let (mut names, mut addresses, mut any) = (Vec::new(), HashMap::new(), None);
        let (mut v4, mut v6) = (Nets::default(), Nets::default());
        for (pattern, found) in patterns {
            match pattern {
                Pattern::Any => any = Some(found),
                Pattern::Name(name) => names.push(Entry { name, under: false, found }),
                Pattern::Under(name) => names.push(Entry { name, under: true, found }),
                Pattern::Address(address) => drop(addresses.insert(address, found)),
                Pattern::Net(net @ IpNet::V4(_)) => v4.push(net, found),
                Pattern::Net(net @ IpNet::V6(_)) => v6.push(net, found),
            }
        }
        v4.sort();
        v6.sort();
        Self { names: Names::new(names), addresses, v4, v6, any }
    }

    /// The most specific pattern that matches `authority`.
    pub(crate) fn find(&self, authority: Option<&Authority>) -> Option<&Found> {
        let specific = match HostName::of(authority) {
            HostName::Labels(host) => self.names.find(host),
            HostName::Address(address) => self.address(address),
            HostName::Other => None,
        };
        specific.or(self.any.as_ref())
    }

    fn address(&self, address: IpAddr) -> Option<&Found> {
        if let Some(found) = self.addresses.get(&address) {
            return Some(found);
        }
        match address {
            IpAddr::V4(v4) => self.v4.find(u128::from(v4.to_bits()) << 96),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }
}

/// Networks of one family, addresses left-aligned in 128 bits.
#[derive(Debug, Default)]
struct Nets {
    /// By prefix length, the longest first; within one, sorted by network.
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    prefix: u8,
    nets: Vec<(u128, Found)>,
}

impl Nets {
    fn push(&mut self, net: IpNet, found: Found) {
        let network = match net {
            IpNet::V4(net) => u128::from(net.network().to_bits()) << 96,
            IpNet::V6(net) => net.network().to_bits(),
        };
        match self.levels.iter_mut().find(|level| level.prefix == net.prefix_len()) {
            Some(level) => level.nets.push((network, found)),
            None => {
                self.levels.push(Level { prefix: net.prefix_len(), nets: vec![(network, found)] });
            }
        }
    }

    fn sort(&mut self) {
        self.levels.sort_by_key(|level| std::cmp::Reverse(level.prefix));
        for level in &mut self.levels {
            level.nets.sort_by_key(|(network, _)| *network);
        }
    }

    /// The longest network around `address`.
    fn find(&self, address: u128) -> Option<&Found> {
        self.levels.iter().find_map(|level| {
            let mask = u128::MAX.checked_shl(128 - u32::from(level.prefix)).unwrap_or(0);
            let at = level.nets.binary_search_by_key(&(address & mask), |(network, _)| *network);
            at.ok().and_then(|at| level.nets.get(at)).map(|(_, found)| found)
        })
    }
}
