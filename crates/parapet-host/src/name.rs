use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

/// What an authority names: port and one trailing dot cut off, addresses parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// Anything but an address, in the client's case. Need not be a valid name: no pattern is equal to one that is not.
    Labels(&'a [u8]),
    /// An address; IPv4-mapped IPv6 is IPv4.
    Address(IpAddr),
    /// No authority, or brackets around something else than an address.
    Other,
}

impl<'a> Name<'a> {
    /// Reads the host of `authority`.
    pub(crate) fn of(authority: Option<&'a Authority>) -> Self {
        authority.map_or(Self::Other, |authority| Self::parse(without_port(authority.as_str())))
    }

    /// Reads `host`, an authority without its port.
    pub(crate) fn parse(host: &'a str) -> Self {
        if let Some(literal) = host.strip_prefix('[') {
            let address = literal.strip_suffix(']').and_then(|text| text.parse::<Ipv6Addr>().ok());
            return address.map_or(Self::Other, |v6| Self::Address(IpAddr::V6(v6).to_canonical()));
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        // Only what ends in a digit can be IPv4: no top-level domain does (RFC 3696 §2).
        if host.as_bytes().last().is_some_and(u8::is_ascii_digit)
            && let Ok(address) = host.parse::<Ipv4Addr>()
        {
            return Self::Address(IpAddr::V4(address));
        }
        Self::Labels(host.as_bytes())
    }
}

/// Whether `name` is made of labels that are not empty, of characters that host names have.
pub(crate) fn is_valid(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'.').all(|label| {
        !label.is_empty()
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Cuts `:` and digits off the end. Looks at the few bytes of a port only, unlike `Authority::host`, which searches for
/// user information: with some in it a host matches no name, and the server lets none through.
fn without_port(authority: &str) -> &str {
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    authority
        .get(..authority.len() - digits)
        .and_then(|front| front.strip_suffix(':'))
        .unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_without_port_and_trailing_dot() {
        for (authority, expected) in [
            ("example.com", Name::Labels(b"example.com")),
            ("EXAMPLE.Com.", Name::Labels(b"EXAMPLE.Com")),
            ("example.com.:443", Name::Labels(b"example.com")),
            ("a1:80", Name::Labels(b"a1")),
            ("a1:", Name::Labels(b"a1")),
            ("10.0.0.1", Name::Address(Ipv4Addr::new(10, 0, 0, 1).into())),
            ("10.0.0.1.:1", Name::Address(Ipv4Addr::new(10, 0, 0, 1).into())),
            ("[::1]", Name::Address(Ipv6Addr::LOCALHOST.into())),
            ("[0:0::1]:80", Name::Address(Ipv6Addr::LOCALHOST.into())),
            ("[::ffff:10.1.1.1]", Name::Address(Ipv4Addr::new(10, 1, 1, 1).into())),
            ("[::1", Name::Other),
            ("[::1%25eth0]", Name::Other),
            ("10.0.0.256", Name::Labels(b"10.0.0.256")),
            ("", Name::Labels(b"")),
            (".", Name::Labels(b"")),
        ] {
            assert_eq!(Name::parse(without_port(authority)), expected, "{authority:?}");
        }
    }

    #[test]
    fn names_have_labels_of_known_characters() {
        for (name, valid) in [
            ("a", true),
            ("a_b-1.C", true),
            ("", false),
            (".", false),
            ("a.", false),
            (".a", false),
            ("a..b", false),
            ("a!b", false),
            ("a b", false),
            ("a:b", false),
        ] {
            assert_eq!(is_valid(name.as_bytes()), valid, "{name:?}");
        }
    }
}
