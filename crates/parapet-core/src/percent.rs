//! Percent-encoding of what goes into a field as a URI reference.

/// Appends `text` to `out`, percent-encoded where it is no character of a URI (RFC 3986 §2), and at a `%` without two hex
/// digits; escapes stay. So no control, space, quote or angle bracket gets through, and encoding twice is encoding once.
///
/// ```
/// let mut out = Vec::new();
/// parapet_core::percent::encode_into("/a%2Fb?c=<d>%", &mut out);
/// assert_eq!(out, b"/a%2Fb?c=%3Cd%3E%25");
/// ```
pub fn encode_into(text: &str, out: &mut Vec<u8>) {
    for (byte, encode) in encodings(text.as_bytes()) {
        if encode {
            out.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
        } else {
            out.push(byte);
        }
    }
}

/// How many bytes [`encode_into`] appends for `text`.
pub fn encoded_len(text: &str) -> usize {
    text.len() + 2 * encodings(text.as_bytes()).filter(|(_, encode)| *encode).count()
}

/// Each byte of `text`, and whether it must be encoded.
fn encodings(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    text.iter().enumerate().map(|(at, byte)| {
        let encode = match byte {
            b'%' => !text
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            _ => !is_uri_character(*byte),
        };
        (*byte, encode)
    })
}

/// Unreserved and reserved characters (RFC 3986 §2.2, §2.3).
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte)
}

fn hex(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'A' + (digit - 10),
    }
}
