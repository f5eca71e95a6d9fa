use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address as forwarding fields write it: `v4`, `v4:port`, `v6`, `[v6]`, `[v6]:port`.
///
/// An IPv4-mapped IPv6 address becomes IPv4. `None` for anything else: names, zone identifiers
/// (`%eth0`), white space around it.
pub fn client_ip(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let address = if let Some(text) = text.strip_prefix('[') {
        let (address, behind) = text.split_once(']')?;
        let well_formed = behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port);
        IpAddr::V6(address.parse::<Ipv6Addr>().ok().filter(|_| well_formed)?)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else {
        let (address, port) = text.split_once(':')?;
        IpAddr::V4(address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port))?)
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    // `u16` would take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
