use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

/// What an authority names, in the form in which hosts are compared: port and one trailing dot cut off, addresses parsed.
///
/// ```
/// use parapet_core::HostName;
/// let authority = http::uri::Authority::from_static("Example.com.:8443");
/// assert_eq!(HostName::of(Some(&authority)), HostName::Labels(b"Example.com"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host is a name, an address, or nothing that can be matched"
)]
pub enum HostName<'a> {
    /// Anything but an address, in the client's case: compare without case. Need not be a valid name: no pattern is equal
    /// to one that is not.
    Labels(&'a [u8]),
    /// An address; IPv4-mapped IPv6 is IPv4.
    Address(IpAddr),
    /// No authority, or brackets around something else than an address.
    Other,
}

/// Why a text cannot be a host that requests are matched against.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HostNameError {
    /// Not ASCII: browsers send the A-label (RFC 5890 §2.3.2.1).
    #[error("write the A-label (xn--…)")]
    NotAscii,
    /// It has a port: hosts are matched whatever the port.
    #[error("leave the port out")]
    Port,
    /// Empty, over 253 bytes, with an empty label or one over 63 bytes, or with a character that no host name has.
    #[error("write labels of A-Z a-z 0-9 - _, 1 to 63 bytes each, at most 253 bytes in all")]
    Invalid,
}

impl<'a> HostName<'a> {
    /// Reads the host of `authority`.
    pub fn of(authority: Option<&'a Authority>) -> Self {
        authority.map_or(Self::Other, |authority| Self::parse(without_port(authority.as_str())))
    }

    /// Reads a host that an operator wrote: a name, or an address in any spelling, with or without brackets.
    ///
    /// # Errors
    /// [`HostNameError`]: no request would ever have this host.
    pub fn pattern(text: &'a str) -> Result<Self, HostNameError> {
        if !text.is_ascii() {
            return Err(HostNameError::NotAscii);
        }
        if let Ok(address) = unbracketed(text).parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        if has_port(text) {
            return Err(HostNameError::Port);
        }
        match Self::parse(text) {
            Self::Labels(name)
                if Self::is_valid(name)
                    && name.len() <= 253
                    && name.split(|byte| *byte == b'.').all(|label| label.len() <= 63) =>
            {
                Ok(Self::Labels(name))
            }
            Self::Address(address) => Ok(Self::Address(address)),
            _ => Err(HostNameError::Invalid),
        }
    }

    /// Whether `name` is made of labels that are not empty, of characters that host names have.
    pub fn is_valid(name: &[u8]) -> bool {
        name.split(|byte| *byte == b'.').all(|label| {
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && label.iter().all(fits)
        })
    }

    /// Reads `host`, an authority without its port.
    fn parse(host: &'a str) -> Self {
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

/// Cuts `:` and digits off the end. Looks at the few bytes of a port only, unlike `Authority::host`, which searches for
/// user information: with some in it a host matches no name, and the server lets none through.
fn without_port(authority: &str) -> &str {
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    authority
        .get(..authority.len() - digits)
        .and_then(|front| front.strip_suffix(':'))
        .unwrap_or(authority)
}

fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

/// Whether `text` ends in a colon and digits behind a name or a bracketed address.
fn has_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && (!host.contains(':') || host.ends_with(']'))
            && port.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_without_port_and_trailing_dot() {
        for (authority, expected) in [
            ("example.com", HostName::Labels(b"example.com")),
            ("EXAMPLE.Com.", HostName::Labels(b"EXAMPLE.Com")),
            ("example.com.:443", HostName::Labels(b"example.com")),
            ("a1:80", HostName::Labels(b"a1")),
            ("a1:", HostName::Labels(b"a1")),
            ("10.0.0.1", HostName::Address(Ipv4Addr::new(10, 0, 0, 1).into())),
            ("10.0.0.1.:1", HostName::Address(Ipv4Addr::new(10, 0, 0, 1).into())),
            ("[::1]", HostName::Address(Ipv6Addr::LOCALHOST.into())),
            ("[0:0::1]:80", HostName::Address(Ipv6Addr::LOCALHOST.into())),
            ("[::ffff:10.1.1.1]", HostName::Address(Ipv4Addr::new(10, 1, 1, 1).into())),
            ("[::1", HostName::Other),
            ("[::1%25eth0]", HostName::Other),
            ("10.0.0.256", HostName::Labels(b"10.0.0.256")),
            ("", HostName::Labels(b"")),
            (".", HostName::Labels(b"")),
        ] {
            assert_eq!(HostName::parse(without_port(authority)), expected, "{authority:?}");
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
            assert_eq!(HostName::is_valid(name.as_bytes()), valid, "{name:?}");
        }
    }

    #[test]
    fn patterns_are_hosts_that_a_request_can_have() {
        let name = |text: &'static str| Ok(HostName::Labels(text.as_bytes()));
        for (text, expected) in [
            ("Example.com.", name("Example.com")),
            ("::1", Ok(HostName::Address(Ipv6Addr::LOCALHOST.into()))),
            ("[::ffff:10.1.1.1]", Ok(HostName::Address(Ipv4Addr::new(10, 1, 1, 1).into()))),
            ("10.1.1.1.", Ok(HostName::Address(Ipv4Addr::new(10, 1, 1, 1).into()))),
            ("é.test", Err(HostNameError::NotAscii)),
            ("a.test:80", Err(HostNameError::Port)),
            ("[::1]:80", Err(HostNameError::Port)),
            ("", Err(HostNameError::Invalid)),
            ("a..b", Err(HostNameError::Invalid)),
            ("*.a", Err(HostNameError::Invalid)),
            ("[::1", Err(HostNameError::Invalid)),
        ] {
            assert_eq!(HostName::pattern(text), expected, "{text:?}");
        }
        let long = ["a".repeat(63), "b".repeat(64), format!("{}a", "a.".repeat(127))];
        let fits = long.each_ref().map(|text| HostName::pattern(text).is_ok());
        assert_eq!(fits, [true, false, false], "labels up to 63 bytes, names up to 253");
    }
}
