use http::HeaderMap;
use http::header::COOKIE;

use crate::params::pair;
use crate::pieces::trim;

/// Names and values of the cookies of a request, over all lines in order; HTTP/2 sends one a line
/// (RFC 9113 §8.2.3).
///
/// Pieces between `;`, each split at its first `=`, the name trimmed, one pair of double quotes
/// around the value taken off. Nothing is percent-decoded. A piece without `=` or with an empty
/// name is skipped. A value with bytes outside RFC 6265 §4.1.1 stays: such cookies are the ones
/// worth a look. At most 1024 cookies; the rest is not shown.
pub fn cookies(map: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    const MOST: usize = 1024;
    let lines = map.get_all(COOKIE).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).filter_map(cookie).take(MOST)
}

fn cookie(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = pair(trim(piece));
    let (name, value) = (trim(name), value?);
    (!name.is_empty()).then_some(match value {
        [b'"', content @ .., b'"'] => (name, content),
        _ => (name, value),
    })
}
