use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use crate::list::list;
use crate::params::pair;
use crate::pieces::{is_token, trim, unquoted};

/// Directives of `Cache-Control` and its like, with their arguments, over all lines in order
/// (RFC 9111 §5.2).
///
/// A complete quoted-string is unquoted and unescaped; any other argument is as written, so that a
/// malformed one does not hide its directive. A member with white space around `=`, or whose name
/// is no token, is left out.
pub fn directives<'a>(
    map: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a [u8], Option<Cow<'a, [u8]>>)> + use<'a> {
    list(map, name).filter_map(directive)
}

fn directive(member: &[u8]) -> Option<Directive<'_>> {
    let (name, argument) = pair(member);
    let well_formed = is_token(name) && argument.is_none_or(|bytes| trim(bytes) == bytes);
    well_formed.then(|| (name, argument.map(unquoted)))
}

type Directive<'a> = (&'a [u8], Option<Cow<'a, [u8]>>);

/// A number of seconds: digits only, `None` for anything else. Above 2³¹ it is 2³¹
/// (RFC 9111 §1.2.2).
pub fn delta_seconds(text: &[u8]) -> Option<u32> {
    const MOST: u32 = 1 << 31;
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text
        .iter()
        .fold(0, |sum: u32, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    Some(seconds.min(MOST))
}
