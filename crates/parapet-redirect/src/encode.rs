use bytes::Bytes;
use http::HeaderValue;
use parapet_core::percent;

/// A `Location` value out of texts of ours and texts of the client's, in one allocation of the exact size.
///
/// What comes from a client is percent-encoded where it is no character of a URI (RFC 3986 §2), and so is a `%` without
/// two hex digits; escapes stay. So no control, space, quote or angle bracket reaches the field.
pub(crate) fn location(parts: &[Part<'_>]) -> HeaderValue {
    let len = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len);
    for part in parts {
        part.write(&mut out);
    }
    // Always valid: ours is checked when it is set, the client's is encoded.
    HeaderValue::from_maybe_shared(Bytes::from(out)).unwrap_or(HeaderValue::from_static("/"))
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// Checked: goes out byte for byte.
    Ours(&'a str),
    /// Goes out encoded.
    Clients(&'a str),
    /// A name of a client: goes out encoded and in lower case.
    Host(&'a str),
}

impl Part<'_> {
    fn len(self) -> usize {
        match self {
            Self::Ours(text) => text.len(),
            Self::Clients(text) | Self::Host(text) => percent::encoded_len(text),
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        let (Self::Ours(text) | Self::Clients(text) | Self::Host(text)) = self;
        let at = out.len();
        if matches!(self, Self::Ours(_)) {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        percent::encode_into(text, out);
        if matches!(self, Self::Host(_)) {
            out.iter_mut().skip(at).for_each(u8::make_ascii_lowercase);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_uri_character_is_encoded() {
        for (text, expected) in [
            ("/a%2Fb?x=1&y='()", "/a%2Fb?x=1&y='()"),
            ("/%0d%0aX:1", "/%0d%0aX:1"),
            ("/%", "/%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%%41", "/%25%41"),
            ("/a\"<>|\\^`{} b", "/a%22%3C%3E%7C%5C%5E%60%7B%7D%20b"),
            ("/é\r\n\0", "/%C3%A9%0D%0A%00"),
        ] {
            assert_eq!(location(&[Part::Clients(text)]), expected, "{text:?}");
        }
        assert_eq!(location(&[Part::Ours("/A"), Part::Host("B<"), Part::Ours("C")]), "/Ab%3cC");
    }

    proptest! {
        #[test]
        fn the_value_is_safe_in_a_field_and_takes_one_exact_allocation(text in any::<String>()) {
            let value = location(&[Part::Clients(&text)]);
            prop_assert!(value.as_bytes().iter().all(|byte| (b'!'..=b'~').contains(byte)));
            let refused = b"\"<>\\^`{|}";
            prop_assert!(!value.as_bytes().iter().any(|byte| refused.contains(byte)));
            prop_assert_eq!(value.len(), Part::Clients(&text).len());
            // Encoding is idempotent: what is encoded stays as it is.
            let again = location(&[Part::Clients(value.to_str().unwrap())]);
            prop_assert_eq!(again, value);
        }
    }
}
