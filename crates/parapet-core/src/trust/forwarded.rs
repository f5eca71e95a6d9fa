//! `Forwarded` (RFC 7239).

use std::net::IpAddr;

use super::address;
use super::step::{MAX_ELEMENTS, scheme};
use crate::Scheme;

/// One element: one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hop {
    /// `None`: no `for`, or one that names no address (`unknown`, `_hidden`).
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
}

/// The newest hops of all lines; older ones are never looked at.
pub(super) struct Hops {
    ring: [Hop; MAX_ELEMENTS],
    seen: usize,
}

impl Hops {
    /// Reads `lines` in order. `None` if one does not parse, or if there is no element at all.
    pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut hops = Self { ring: [Hop::default(); MAX_ELEMENTS], seen: 0 };
        for line in lines {
            hops.line(line)?;
        }
        (hops.seen > 0).then_some(hops)
    }

    /// From the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Hop> {
        let kept = self.seen.min(MAX_ELEMENTS);
        (1..=kept).filter_map(|back| self.ring.get((self.seen - back) % MAX_ELEMENTS).copied())
    }

    fn line(&mut self, mut rest: &[u8]) -> Option<()> {
        loop {
            let mut hop = Hop::default();
            let mut seen = Seen::default();
            let mut pairs = 0;
            loop {
                rest = rest.trim_ascii_start();
                if !matches!(rest, [] | [b',' | b';', ..]) {
                    rest = pair(rest, &mut hop, &mut seen)?.trim_ascii_start();
                    pairs += 1;
                }
                match rest {
                    [b';', tail @ ..] => rest = tail,
                    _ => break,
                }
            }
            // Empty elements between commas are skipped (RFC 9110 §5.6.1.2).
            if pairs > 0 {
                if let Some(slot) = self.ring.get_mut(self.seen % MAX_ELEMENTS) {
                    *slot = hop;
                }
                self.seen += 1;
            }
            match rest {
                [b',', tail @ ..] => rest = tail,
                [] => return Some(()),
                _ => return None,
            }
        }
    }
}

/// Which parameters an element has shown: none may come twice (RFC 7239 §4).
#[derive(Default)]
struct Seen {
    by: bool,
    for_: bool,
    host: bool,
    proto: bool,
}

/// Reads `token "=" ( token / quoted-string )` from the start of `rest`; returns what is behind it.
fn pair<'a>(rest: &'a [u8], hop: &mut Hop, seen: &mut Seen) -> Option<&'a [u8]> {
    let (name, rest) = token(rest)?;
    let rest = rest.strip_prefix(b"=")?;
    let mut unquoted = Unquoted::default();
    let (value, rest) = if let [b'"', tail @ ..] = rest {
        let rest = unquoted.read(tail)?;
        (unquoted.text(), rest)
    } else {
        let (value, rest) = token(rest)?;
        (Some(value), rest)
    };
    let seen = if name.eq_ignore_ascii_case(b"for") {
        hop.address = value.and_then(address::node);
        &mut seen.for_
    } else if name.eq_ignore_ascii_case(b"proto") {
        hop.scheme = value.and_then(scheme);
        &mut seen.proto
    } else if name.eq_ignore_ascii_case(b"by") {
        &mut seen.by
    } else if name.eq_ignore_ascii_case(b"host") {
        &mut seen.host
    } else {
        return Some(rest);
    };
    (!std::mem::replace(seen, true)).then_some(rest)
}

/// Splits a token (RFC 9110 §5.6.2) off the start.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&byte| !is_token(byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The text of a quoted string (RFC 9110 §5.6.4); longer ones are no address and no scheme.
struct Unquoted {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Unquoted {
    fn default() -> Self {
        Self { bytes: [0; 64], len: 0 }
    }
}

impl Unquoted {
    /// Reads up to the closing quote; returns what is behind it.
    fn read<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let (byte, tail) = match rest {
                [b'"', tail @ ..] => return Some(tail),
                [b'\\', byte, tail @ ..] | [byte, tail @ ..] => (*byte, tail),
                [] => return None,
            };
            if byte != b'\t' && byte.is_ascii_control() {
                return None;
            }
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = byte;
            }
            self.len += 1;
            rest = tail;
        }
    }

    fn text(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}
