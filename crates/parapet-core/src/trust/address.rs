//! Addresses as `Forwarded` writes them, and as core writes them.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use http::HeaderValue;

/// A node of RFC 7239 §6: IPv6 only in brackets, a port may be obfuscated. `None` for `unknown` and obfuscated names too.
pub(super) fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let address = match text.parse::<Ipv4Addr>() {
        Ok(address) => IpAddr::V4(address),
        Err(_) => with_port(text)?,
    };
    Some(address.to_canonical())
}

fn with_port(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| is_port(port) || is_obfuscated(port);
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, behind) = bracketed.split_once(']')?;
        let fits = behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port);
        return Some(IpAddr::V6(address.parse::<Ipv6Addr>().ok().filter(|_| fits)?));
    }
    let (address, port) = text.split_once(':')?;
    Some(IpAddr::V4(address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port))?))
}

fn is_port(text: &str) -> bool {
    // `u16` alone would take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// `obfport` and `obfnode` of RFC 7239 §6.
fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// `address` as a field value: never a port, IPv6 without brackets. One allocation; clones share it.
pub(super) fn to_value(address: IpAddr) -> HeaderValue {
    let mut text = Text { bytes: [0; 40], len: 0 };
    // Nothing here can fail: an address has at most 39 characters, all of them visible ASCII.
    match address.to_canonical() {
        // By hand: the formatter takes five times as long, for each request whose peer is a proxy.
        IpAddr::V4(address) => text.push_octets(address.octets()),
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
    HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// `Bytes` made from a `Vec` allocate a second time when they are first cloned; from an owner they do not.
struct Text {
    bytes: [u8; 40],
    len: usize,
}

impl Text {
    fn push_octets(&mut self, octets: [u8; 4]) {
        for (index, octet) in octets.into_iter().enumerate() {
            if index > 0 {
                self.push(b'.');
            }
            if octet >= 100 {
                self.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                self.push(b'0' + octet / 10 % 10);
            }
            self.push(b'0' + octet % 10);
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_is_displayed() {
        let v4 = (0..=u8::MAX).map(|octet| IpAddr::from([octet, 255 - octet, 0, octet / 2]));
        let v6 = ["::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:1.2.3.4"];
        for address in v4.chain(v6.map(|text| text.parse().unwrap())) {
            assert_eq!(to_value(address), address.to_canonical().to_string());
        }
    }
}
