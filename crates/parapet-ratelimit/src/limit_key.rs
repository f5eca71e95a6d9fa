use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::Error;

/// What is limited: an address, or bytes. Cheap to clone.
///
/// Made of an `IpAddr`: IPv4-mapped IPv6 is the IPv4 address, and IPv6 is cut to its /64, since one subscriber holds at
/// least that much.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    V4(Ipv4Addr),
    /// Masked to the prefix length.
    V6(Ipv6Addr, u8),
    Bytes(Bytes),
}

impl Key {
    /// The key that all requests share which have none of their own.
    pub fn empty() -> Self {
        Self(Repr::Bytes(Bytes::new()))
    }

    /// The key of an address, IPv6 cut to `ipv6_prefix` bits.
    ///
    /// # Errors
    /// [`Error::BadPrefixLength`] outside 1 to 128.
    pub fn from_addr(address: IpAddr, ipv6_prefix: u8) -> Result<Self, Error> {
        check_prefix(ipv6_prefix)?;
        Ok(Self::masked(address, ipv6_prefix))
    }

    /// `prefix` was checked.
    pub(crate) fn masked(address: IpAddr, prefix: u8) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Repr::V4(address),
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
                Repr::V6(Ipv6Addr::from_bits(address.to_bits() & mask), prefix)
            }
        })
    }

    /// As people and Redis read it: an address, a prefix with its length, bytes percent-encoded outside of
    /// `A-Z a-z 0-9 . _ ~ -`; above 128 bytes `h` and the first 32 hex digits of the SHA-256 of the bytes. No two keys
    /// read the same.
    pub(crate) fn readable(&self) -> String {
        match &self.0 {
            Repr::V4(address) => address.to_string(),
            Repr::V6(address, prefix) => format!("{address}/{prefix}"),
            Repr::Bytes(bytes) => readable(bytes),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bytes may be a token or a name: how many there are is enough to debug with.
        match &self.0 {
            Repr::Bytes(bytes) => write!(f, "Key({} bytes)", bytes.len()),
            _ => write!(f, "Key({})", self.readable()),
        }
    }
}

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        Self::masked(address, DEFAULT_PREFIX)
    }
}

impl From<Bytes> for Key {
    fn from(bytes: Bytes) -> Self {
        Self(Repr::Bytes(bytes))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Key {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        struct Shared(Arc<str>);
        impl AsRef<[u8]> for Shared {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }
        Bytes::from_owner(Shared(text)).into()
    }
}

/// Where a key stands in a table: fixed in size whatever a client sends, and not to be collided on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyHash {
    /// Its top bits choose the shard.
    pub(crate) high: u64,
    /// Chooses the slot. Never zero, so that an empty slot costs no byte.
    pub(crate) low: NonZeroU64,
}

/// SipHash-1-3 with a secret of its own.
#[derive(Clone)]
pub(crate) struct KeyHasher(SipHasher13);

impl KeyHasher {
    pub(crate) fn new() -> Self {
        // The standard library's per-process secret is the source; a draw of it is one of ours.
        let draw = || RandomState::new().build_hasher().finish();
        Self(SipHasher13::new_with_keys(draw(), draw()))
    }

    pub(crate) fn hash(&self, key: &Key) -> KeyHash {
        let (low, high) = match &key.0 {
            Repr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.0.hash(&[4, a, b, c, d]).as_u64()
            }
            Repr::V6(address, prefix) => {
                let mut bytes = [0; 18];
                let (tag, rest) = bytes.split_at_mut(2);
                tag.copy_from_slice(&[6, *prefix]);
                rest.copy_from_slice(&address.octets());
                self.0.hash(&bytes).as_u64()
            }
            Repr::Bytes(bytes) => {
                let mut hasher = self.0;
                hasher.write_u8(0);
                hasher.write(bytes);
                hasher.finish128().as_u64()
            }
        };
        KeyHash { high, low: NonZeroU64::new(low).unwrap_or(NonZeroU64::MIN) }
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher")
    }
}

/// Prefix length of IPv6 keys unless told otherwise.
pub(crate) const DEFAULT_PREFIX: u8 = 64;

const LONGEST_READABLE: usize = 128;

pub(crate) fn check_prefix(length: u8) -> Result<(), Error> {
    if (1..=128).contains(&length) { Ok(()) } else { Err(Error::BadPrefixLength(length)) }
}

fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    if bytes.len() <= LONGEST_READABLE {
        // Else a client could send the address of another as its token, and spend its budget.
        let mistaken = reads_as_another_kind(bytes);
        for (at, &byte) in bytes.iter().enumerate() {
            if mistaken && at == 0 {
                let _ = write!(text, "%{byte:02X}");
            } else if byte.is_ascii_alphanumeric() || b"._~-".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}"); // a String takes all that is written
            }
        }
        if text.len() <= LONGEST_READABLE {
            return text;
        }
        text.clear();
    }
    text.push('h');
    for byte in Sha256::digest(bytes).iter().take(16) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether bytes look like an IPv4 address or like a digest. IPv6 has colons, which are always encoded.
fn reads_as_another_kind(bytes: &[u8]) -> bool {
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digest = matches!(bytes, [b'h', rest @ ..] if rest.len() == 32 && rest.iter().all(hex));
    digest || std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_form_is_safe_and_bounded() {
        let address = |text: &str| Key::from(text.parse::<IpAddr>().unwrap()).readable();
        assert_eq!(address("10.0.0.1"), "10.0.0.1");
        assert_eq!(address("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(address("2001:db8:0:0:1:2:3:4"), "2001:db8::/64");
        assert_eq!(Key::from("a b:c~").readable(), "a%20b%3Ac~");
        // SHA-256 of 200 times `a`, from coreutils.
        assert_eq!(Key::from("a".repeat(200)).readable(), "hc2a908d98f5df987ade41b5fce213067");
        assert_eq!(Key::from(":".repeat(50)).readable().len(), 33);
    }

    #[test]
    fn bytes_never_read_as_an_address_or_a_digest() {
        assert_eq!(Key::from("10.0.0.1").readable(), "%310.0.0.1");
        assert_eq!(Key::from("10.0.0").readable(), "10.0.0");
        let digest = Key::from("a".repeat(200)).readable();
        assert_eq!(Key::from(digest.clone()).readable(), digest.replacen('h', "%68", 1));
        assert_eq!(Key::from(digest.to_uppercase()).readable(), digest.to_uppercase());
    }

    #[test]
    fn each_hasher_has_its_own_secret() {
        let key = Key::from("alice");
        assert_ne!(KeyHasher::new().hash(&key), KeyHasher::new().hash(&key));
    }

    #[test]
    fn debug_tells_no_bytes() {
        assert_eq!(format!("{:?}", Key::from("secret")), "Key(6 bytes)");
    }
}
