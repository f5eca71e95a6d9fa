use http::header::{CONNECTION, TE, UPGRADE};
use http::{HeaderMap, HeaderName};

use crate::lookup::has_value;
use crate::pieces::{Pieces, trim};

/// Elements of a comma list over all lines of the field, in order (RFC 9110 §5.6.1).
///
/// Each is trimmed of spaces and tabs; empty ones are skipped. A comma inside a quoted-string does
/// not split. An open quote runs to the end of its line, never into the next one.
pub fn list<'a>(map: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    map.get_all(name).iter().flat_map(|line| elements(line.as_bytes()))
}

/// Elements of a comma list in one line, by the rules of [`list`].
///
/// For whoever sees the lines before there is a map.
pub fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Pieces::new(line, b',').filter(|element| !element.is_empty())
}

/// Every piece between commas over all lines, trimmed of spaces and tabs.
///
/// Empty pieces are kept and quotes mean nothing: in `X-Forwarded-For` a place counts, from the
/// back, and a stranger in front must not be able to hide a comma.
pub fn split_commas<'a>(
    map: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a> {
    let lines = map.get_all(name).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',').map(trim))
}

/// Whether an element of the list equals `token`, ASCII case ignored.
pub fn has_token(map: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    any_element(map, name, |element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// As `list(map, name).any(test)`, without the state that flattens lines: 42 in place of 48 ns on a
/// line of 60 bytes.
pub(crate) fn any_element(
    map: &HeaderMap,
    name: &HeaderName,
    test: impl Fn(&[u8]) -> bool,
) -> bool {
    map.get_all(name).iter().any(|line| elements(line.as_bytes()).any(&test))
}

/// Whether the message asks for, or agrees to, another protocol: `Connection` names `upgrade` and
/// `Upgrade` has a value (RFC 9110 §7.8).
pub fn is_upgrade(map: &HeaderMap) -> bool {
    // `Upgrade` first: nearly every request lacks it, while many have a `Connection`.
    has_value(map, &UPGRADE) && has_token(map, &CONNECTION, "upgrade")
}

/// Whether the sender takes trailer fields: `TE` names `trailers` (RFC 9110 §10.1.4).
pub fn te_trailers(map: &HeaderMap) -> bool {
    has_token(map, &TE, "trailers")
}
