//! Relative redirects: right behind whatever cut a prefix off the path.

use bytes::Bytes;
use http::{HeaderValue, Uri};
use parapet_core::path;

/// `name/`: from a path without a slash at its end to the directory of that name.
pub(crate) fn to_directory(uri: &Uri) -> HeaderValue {
    let raw = resolved(uri);
    relative(uri, &[last_segment(&raw), "/"])
}

/// `../name`: from a path with slashes at its end to the file before them.
pub(crate) fn to_file(uri: &Uri) -> HeaderValue {
    let raw = resolved(uri);
    let mut file = raw.as_str();
    while let Some((stem, _)) = strip_separator(file) {
        file = stem;
    }
    let slashes = raw.get(file.len()..).unwrap_or_default().matches('/').count();
    relative(uri, &[&"../".repeat(slashes), last_segment(file)])
}

/// `./`: from an index file to its directory.
pub(crate) fn to_parent(uri: &Uri) -> HeaderValue {
    let raw = resolved(uri);
    let mut parent = last_segment(&raw);
    // An encoded slash is no slash to the client, so what is before it has to stay.
    while !parent.is_empty() && strip_separator(parent).is_none() {
        let mut characters = parent.chars();
        characters.next_back();
        parent = characters.as_str();
    }
    relative(uri, &[if parent.is_empty() { "./" } else { parent }])
}

/// The path in the client's spelling, without dot segments.
fn resolved(uri: &Uri) -> String {
    // Never an error: the normal form was taken of the same path before.
    path::resolve(uri.path()).map_or_else(|_| uri.path().to_owned(), std::borrow::Cow::into_owned)
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// What is before the separator that `path` ends in, and that separator.
fn strip_separator(path: &str) -> Option<(&str, &str)> {
    ["/", "\\", "%2F", "%2f", "%5C", "%5c"]
        .into_iter()
        .find_map(|separator| Some((path.strip_suffix(separator)?, separator)))
}

/// A reference with the query of `uri`, percent-encoded where it holds what a URI may not.
fn relative(uri: &Uri, parts: &[&str]) -> HeaderValue {
    let path = parts.concat();
    let mut out = Vec::with_capacity(path.len() + 2);
    let begins_with_scheme = path.split('/').next().is_some_and(|first| first.contains(':'));
    if begins_with_scheme {
        out.extend_from_slice(b"./"); // RFC 3986 §4.2
    }
    encode(path.as_bytes(), &mut out);
    if let Some(query) = uri.query() {
        out.push(b'?');
        encode(query.as_bytes(), &mut out);
    }
    // Always valid: every byte is a URI character.
    HeaderValue::from_maybe_shared(Bytes::from(out)).unwrap_or(HeaderValue::from_static("./"))
}

/// Escapes stay, a `%` without two hex digits does not.
fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let is_escape = matches!(tail, [high, low, ..]
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
        let stays = match byte {
            b'%' => is_escape,
            // Unreserved and reserved characters (RFC 3986 §2.2, §2.3).
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
        };
        if stays {
            out.push(*byte);
        } else {
            escape(*byte, out);
        }
        rest = tail;
    }
}

/// Writes `byte` as `%XX`.
pub(crate) fn escape(byte: u8, out: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_where_the_normal_path_leads() {
        type Redirect = fn(&Uri) -> HeaderValue;
        let rows: [(Redirect, &str, &str); 16] = [
            (to_directory, "/sub", "sub/"),
            (to_directory, "/a/sub?q=1", "sub/?q=1"),
            (to_directory, "/a/../sub", "sub/"),
            (to_directory, "/a%2Fsub", "a%2Fsub/"),
            (to_directory, "/a:b", "./a:b/"),
            (to_directory, "/a%20b?x=%zz", "a%20b/?x=%25zz"),
            (to_file, "/f.txt/", "../f.txt"),
            (to_file, "/f.txt//?q", "../../f.txt?q"),
            (to_file, "/f.txt%2F", "f.txt"),
            (to_file, "/a:b%2f", "./a:b"),
            (to_file, "/a%2Fb/", "../a%2Fb"),
            (to_file, "/f.txt/.", "../f.txt"),
            (to_parent, "/index.html", "./"),
            (to_parent, "/a/index.html?q=1", "./?q=1"),
            (to_parent, "/a%2Findex.html", "a%2F"),
            (to_parent, "/inde%78.html", "./"),
        ];
        for (redirect, uri, expected) in rows {
            assert_eq!(redirect(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
