use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A set of networks, asked by binary search.
#[derive(Clone, Default)]
pub(super) struct Networks {
    v4: Ranges<Ipv4Addr>,
    v6: Ranges<Ipv6Addr>,
    /// As they were given, for `Debug` and unions.
    all: Vec<IpNet>,
}

/// First and last address of each network, ascending; no two overlap.
type Ranges<A> = Vec<(A, A)>;

impl Networks {
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => contains(&self.v4, &address),
            IpAddr::V6(address) => contains(&self.v6, &address),
        }
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        self.all.iter().chain(&other.all).copied().collect()
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let all: Vec<IpNet> = networks.into_iter().map(canonical).collect();
        let v4 = all.iter().filter_map(|network| match network {
            IpNet::V4(network) => Some(*network),
            IpNet::V6(_) => None,
        });
        let v6 = all.iter().filter_map(|network| match network {
            IpNet::V6(network) => Some(*network),
            IpNet::V4(_) => None,
        });
        Self {
            v4: Ipv4Net::aggregate(&v4.collect())
                .iter()
                .map(|network| (network.network(), network.broadcast()))
                .collect(),
            v6: Ipv6Net::aggregate(&v6.collect())
                .iter()
                .map(|network| (network.network(), network.broadcast()))
                .collect(),
            all,
        }
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

fn contains<A: Ord>(ranges: &Ranges<A>, address: &A) -> bool {
    let behind = ranges.partition_point(|(first, _)| first <= address);
    behind.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= last)
}

/// Addresses are looked up as IPv4 where they can be, so networks inside ::ffff:0:0/96 have to be IPv4 too.
fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Some(address) = v6.addr().to_ipv4_mapped()
        && let Ok(v4) = Ipv4Net::new(address, length)
    {
        return IpNet::V4(v4).trunc();
    }
    network.trunc()
}
