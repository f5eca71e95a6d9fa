/// What becomes of the query of `requestUrl` and `referer`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Logged as it came.
    Keep,
    /// Left out: the `?` and all behind it.
    Drop,
    /// The values of these parameters become `REDACTED`. Names are compared percent-decoded and without case.
    Redact(Vec<String>),
}

impl Query {
    /// Names whose values are redacted by default: what grants access to whoever reads it.
    pub const DEFAULT_NAMES: &'static [&'static str] = &[
        "access_token",
        "id_token",
        "refresh_token",
        "token",
        "code",
        "password",
        "secret",
        "client_secret",
        "api_key",
        "apikey",
        "sig",
        "signature",
        "x-amz-signature",
        "x-amz-security-token",
        "x-goog-signature",
    ];

    /// [`Redact`](Self::Redact) for these names instead of the default ones.
    pub fn redact(names: impl IntoIterator<Item: Into<String>>) -> Self {
        Self::Redact(names.into_iter().map(Into::into).collect())
    }
}

/// [`Redact`](Self::Redact) with [`DEFAULT_NAMES`](Self::DEFAULT_NAMES).
impl Default for Query {
    fn default() -> Self {
        Self::redact(Self::DEFAULT_NAMES.iter().copied())
    }
}

/// A [`Query`], ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    query: Query,
    /// Lengths of the listed names; the last bit stands for all beyond. Most names of most queries have another.
    lengths: u64,
}

impl From<Query> for Redaction {
    fn from(query: Query) -> Self {
        let lengths = match &query {
            Query::Redact(names) => names.iter().fold(0, |set, name| set | length_bit(name.len())),
            Query::Keep | Query::Drop => 0,
        };
        Self { query, lengths }
    }
}

impl Redaction {
    /// Writes a path with its query.
    pub(crate) fn write_target(&self, out: &mut Vec<u8>, target: &[u8]) {
        let Some(question) = memchr::memchr(b'?', target) else {
            out.extend_from_slice(target);
            return;
        };
        let names = match &self.query {
            Query::Keep => return out.extend_from_slice(target),
            Query::Drop => {
                return out.extend_from_slice(target.get(..question).unwrap_or_default());
            }
            Query::Redact(names) => names,
        };
        let (path, query) = target.split_at(question + 1);
        out.extend_from_slice(path);
        self.redact(out, query, names);
    }

    /// Writes a URL, without user info.
    pub(crate) fn write_url(&self, out: &mut Vec<u8>, url: &[u8]) {
        let rest = match scheme_end(url) {
            Some(at) => {
                let (scheme, rest) = url.split_at(at + 3);
                out.extend_from_slice(scheme);
                let end = memchr::memchr3(b'/', b'?', b'#', rest);
                let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
                let host = memchr::memrchr(b'@', authority).map_or(0, |at| at + 1);
                out.extend_from_slice(authority.get(host..).unwrap_or_default());
                path
            }
            None => url,
        };
        self.write_target(out, rest);
    }

    /// Copies a query and puts [`REDACTED`] in place of the values of `names`. A `#` separates too: what stands behind it is
    /// no query, but tokens travel there.
    fn redact(&self, out: &mut Vec<u8>, query: &[u8], names: &[String]) {
        for piece in query.split_inclusive(|byte| matches!(byte, b'&' | b'#')) {
            let (pair, separator) = match piece.split_last() {
                Some((last @ (b'&' | b'#'), pair)) => (pair, Some(*last)),
                _ => (piece, None),
            };
            match self.secret_starts(pair, names) {
                Some(at) => {
                    out.extend_from_slice(pair.get(..at).unwrap_or_default());
                    out.extend_from_slice(REDACTED);
                }
                None => out.extend_from_slice(pair),
            }
            out.extend(separator);
        }
    }

    /// Where the value of a listed name starts. Some servers separate pairs by `;`, others see it as part of the value: a
    /// secret is taken to begin at either, and to end with the whole piece.
    fn secret_starts(&self, piece: &[u8], names: &[String]) -> Option<usize> {
        let mut start = 0;
        for pair in piece.split_inclusive(|byte| *byte == b';') {
            if let Some(equals) = pair.iter().position(|byte| *byte == b'=') {
                let name = pair.get(..equals).unwrap_or_default();
                if self.may_be_listed(name)
                    && names.iter().any(|listed| is_name(name, listed.as_bytes()))
                {
                    return Some(start + equals + 1);
                }
            }
            start += pair.len();
        }
        None
    }

    /// Cheap: a name without `%` keeps its length when it is decoded.
    fn may_be_listed(&self, raw: &[u8]) -> bool {
        self.lengths & length_bit(raw.len()) != 0 || raw.contains(&b'%')
    }
}

/// Where `://` stands.
fn scheme_end(url: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b':', url)
        .find(|at| url.get(at + 1..).is_some_and(|rest| rest.starts_with(b"//")))
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

pub(crate) const REDACTED: &[u8] = b"REDACTED";

/// Whether `raw`, percent-decoded, is `listed`, in any case.
fn is_name(raw: &[u8], listed: &[u8]) -> bool {
    // Decoding never makes a name longer, and three bytes become one at most.
    if raw.len() < listed.len() || raw.len() > listed.len() * 3 {
        return false;
    }
    let mut listed = listed.iter();
    let mut raw = raw.iter();
    while let Some(&byte) = raw.next() {
        let decoded = match byte {
            b'%' => match decode(raw.as_slice()) {
                Some(decoded) => {
                    raw.nth(1);
                    decoded
                }
                None => b'%',
            },
            b'+' => b' ',
            byte => byte,
        };
        if !listed.next().is_some_and(|expected| {
            decoded.eq_ignore_ascii_case(expected) || byte.eq_ignore_ascii_case(expected)
        }) {
            return false;
        }
    }
    listed.next().is_none()
}

/// The byte that two hexadecimal digits at the start stand for.
fn decode(digits: &[u8]) -> Option<u8> {
    let &[high, low, ..] = digits else { return None };
    let value =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(value(high)? << 4 | value(low)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(query: &Query, url: &str) -> String {
        let mut out = Vec::new();
        Redaction::from(query.clone()).write_url(&mut out, url.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_of_listed_names_are_redacted() {
        for (raw, logged) in [
            ("/", "/"),
            ("/a?", "/a?"),
            ("/a?b", "/a?b"),
            ("/?a=1&Access_Token=s3cr3t&b=2", "/?a=1&Access_Token=REDACTED&b=2"),
            ("/?%74oken=s3cr3t", "/?%74oken=REDACTED"),
            ("/?%54%4F%4b%45%4E=s3cr3t&", "/?%54%4F%4b%45%4E=REDACTED&"),
            ("/?token=", "/?token=REDACTED"),
            ("/?token", "/?token"),
            ("/?tokens=a&xtoken=b&toke%6=c", "/?tokens=a&xtoken=b&toke%6=c"),
            ("/?a=1;token=s3cr3t;x&b", "/?a=1;token=REDACTED&b"),
            ("/?token=s3c;r3t&b", "/?token=REDACTED&b"),
            ("/?token=a=b", "/?token=REDACTED"),
            (
                "/?x-amz-signature=s&X-Goog-Signature=s",
                "/?x-amz-signature=REDACTED&X-Goog-Signature=REDACTED",
            ),
            (
                "https://u:p@h:1/p@q?code=s3cr3t#token=s3cr3t",
                "https://h:1/p@q?code=REDACTED#token=REDACTED",
            ),
            ("https://u:p@a@h", "https://h"),
            ("https://h?@x", "https://h?@x"),
        ] {
            assert_eq!(url(&Query::default(), raw), logged);
        }
    }

    #[test]
    fn a_query_is_kept_or_dropped_on_demand() {
        assert_eq!(url(&Query::Keep, "http://a@h/?token=1#x"), "http://h/?token=1#x");
        assert_eq!(url(&Query::Drop, "http://a@h/?token=1#x"), "http://h/");
        assert_eq!(url(&Query::redact(["Mine"]), "/?mine=1&token=2"), "/?mine=REDACTED&token=2");
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_listed_name_leaks_its_value(
            before in "[a-z=%&;+?]{0,12}",
            spelling in proptest::collection::vec(any::<(bool, bool)>(), 5),
            after in "[a-z=%&;+]{0,12}",
        ) {
            let name: String = "token".bytes().zip(spelling).map(|(byte, (encoded, upper))| {
                let byte = if upper { byte.to_ascii_uppercase() } else { byte };
                if encoded { format!("%{byte:02x}") } else { char::from(byte).to_string() }
            }).collect();
            let logged = url(&Query::default(), &format!("/?{before}&{name}=5EC&{after}"));
            prop_assert!(!logged.contains("5EC"), "{logged}");
            let suffix = format!("&{}", after.split('&').next().unwrap());
            prop_assert!(logged.contains(&suffix) || suffix.contains('='), "{logged}");
        }
    }
}
