use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

use parapet_header::client_ip;

/// How many leading bits of an address are logged; the others are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    v4: u32,
    v6: u128,
}

impl Mask {
    pub(crate) const NONE: Self = Self { v4: u32::MAX, v6: u128::MAX };

    /// `None`: more bits than an address has.
    pub(crate) fn new(v4_bits: u8, v6_bits: u8) -> Option<Self> {
        let (v4_rest, v6_rest) =
            (32_u32.checked_sub(v4_bits.into())?, 128_u32.checked_sub(v6_bits.into())?);
        Some(Self {
            v4: u32::MAX.checked_shl(v4_rest).unwrap_or(0),
            v6: u128::MAX.checked_shl(v6_rest).unwrap_or(0),
        })
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn write(self, out: &mut Vec<u8>, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let octets = (address.to_bits() & self.v4).to_be_bytes();
                for (at, octet) in octets.into_iter().enumerate() {
                    if at > 0 {
                        out.push(b'.');
                    }
                    out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                }
            }
            IpAddr::V6(address) => {
                // Writing to memory cannot fail.
                let _ok = write!(out, "{}", Ipv6Addr::from_bits(address.to_bits() & self.v6));
            }
        }
    }

    /// Writes a comma list of addresses. With a mask, what is no address is written `unknown`: it could be anything, an
    /// address in a form that is not seen through included.
    pub(crate) fn write_list(self, out: &mut Vec<u8>, list: &[u8]) {
        if self.is_none() {
            out.extend_from_slice(list);
            return;
        }
        for (at, piece) in list.split(|byte| *byte == b',').enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            let piece = piece.trim_ascii();
            match client_ip(piece) {
                Some(address) => self.write(out, address),
                None if piece.is_empty() => {}
                None => out.extend_from_slice(b"unknown"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_beyond_the_mask_are_zero() {
        for (v4, v6, list, logged) in [
            (32, 128, "192.0.2.10:80, x", "192.0.2.10:80, x"),
            (24, 48, "192.0.2.10", "192.0.2.0"),
            (24, 48, "192.0.2.10:80,[2001:db8:1:2::3]:80", "192.0.2.0, 2001:db8:1::"),
            (0, 0, "192.0.2.10, 2001:db8::1, ::ffff:1.2.3.4", "0.0.0.0, ::, 0.0.0.0"),
            (31, 128, "255.255.255.255, 2001:db8::1", "255.255.255.254, 2001:db8::1"),
            (24, 48, "somebody, , 1.2.3.4", "unknown, , 1.2.3.0"),
            (24, 48, "", ""),
        ] {
            let mut out = Vec::new();
            Mask::new(v4, v6).unwrap().write_list(&mut out, list.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), logged);
        }
        assert_eq!(Mask::new(33, 0), None);
        assert_eq!(Mask::new(0, 129), None);
    }
}
