/// What is behind the prefix in `path`, from its first byte that is no separator on. `None`: the path does not begin with
/// `prefix` at a segment boundary.
///
/// `path` is a path without dot segments and with valid escapes, `prefix` a normal path without trailing slash. The path
/// is compared as its normal form would be: decoded once, `\` as `/`, runs of separators as one.
///
/// All separators at the cut go, in every spelling: one slash is put in their place, so that no result begins with `//`
/// or with what a lax reader takes for it.
pub(crate) fn behind<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    match path.strip_prefix(prefix) {
        // Nearly all that match are spelled like the prefix, and go on with a segment: no byte has to be decoded.
        Some(rest) if rest.starts_with('/') && is_plain(rest.as_bytes().get(1)) => rest.get(1..),
        _ => behind_decoded(path, prefix),
    }
}

/// Whether this byte, or the end, is in every spelling what it is.
fn is_plain(byte: Option<&u8>) -> bool {
    !matches!(byte, Some(b'/' | b'\\' | b'%'))
}

fn behind_decoded<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let mut bytes = Decoded { raw: path.as_bytes(), at: 0 };
    let mut last = 0;
    for expected in prefix.bytes() {
        let mut byte = bytes.next()?;
        while byte == b'/' && last == b'/' {
            byte = bytes.next()?;
        }
        if byte != expected {
            return None;
        }
        last = byte;
    }
    let cut = bytes.at;
    let mut rest = cut;
    while bytes.next() == Some(b'/') {
        rest = bytes.at;
    }
    let at_boundary = rest > cut || cut == path.len();
    if at_boundary { path.get(rest..) } else { None }
}

/// The bytes of a path, each escape decoded once; `\` is `/`.
struct Decoded<'a> {
    raw: &'a [u8],
    /// Behind what was given out.
    at: usize,
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = match *self.raw.get(self.at..)? {
            [b'%', high, low, ..] => {
                self.at += 3;
                digit(high)? << 4 | digit(low)?
            }
            [byte, ..] => {
                self.at += 1;
                byte
            }
            [] => return None,
        };
        Some(if byte == b'\\' { b'/' } else { byte })
    }
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_found_however_it_is_spelled_and_ends_at_a_segment() {
        for (path, prefix, rest) in [
            ("/api", "/api", Some("")),
            ("/api/", "/api", Some("")),
            ("/api/x", "/api", Some("x")),
            ("/api//x", "/api", Some("x")),
            ("/api%2Fx", "/api", Some("x")),
            ("/api%5C%2f/x/", "/api", Some("x/")),
            ("//%61p%69/a%2Fb", "/api", Some("a%2Fb")),
            ("/a%2f/b/c", "/a/b", Some("c")),
            ("/a b/c", "/a b", Some("c")),
            ("/a%20b/c", "/a b", Some("c")),
            ("/%C3%BC/c", "/ü", Some("c")),
            ("/apix", "/api", None),
            ("/ap", "/api", None),
            ("/API", "/api", None),
            ("/%2561pi", "/api", None),
            ("/", "/api", None),
        ] {
            assert_eq!(behind(path, prefix), rest, "{path} {prefix}");
            assert_eq!(behind_decoded(path, prefix), rest, "{path} {prefix}");
        }
    }
}
