use http::HeaderValue;
use http::header::{CONTENT_LOCATION, LOCATION};

use crate::operation::map_lines;
use crate::{Error, Place, ResponseHeaders};

/// Replaces the prefix `from` of `Location` and `Content-Location` by `to`: for origins that answer with their own
/// address. Bytes are compared; a value without the prefix stays.
///
/// Where `from` ends within a host or port, the prefix has to end there too: `http://app` is no prefix of
/// `http://app.evil.test/`. Unless `to` says so, what comes out never names another host by what was behind `from`: an origin
/// may repeat the path that its client asked for, and `http://app//evil.test/` leads to `/evil.test/`.
///
/// # Errors
/// [`Error::Value`]: `from` is empty, or one of both cannot stand in a field.
pub fn rewrite_location(from: &str, to: &str) -> Result<ResponseHeaders, Error> {
    for (index, text) in [from, to].into_iter().enumerate() {
        if HeaderValue::from_str(text).is_err() || (index == 0 && text.is_empty()) {
            let place = Place { operation: "rewrite_location", index };
            return Err(Error::Value { place, name: LOCATION.to_string(), value: text.into() });
        }
    }
    let rewrite = Rewrite {
        ends_in_authority: from.split_once("//").is_some_and(|(_, rest)| !rest.contains('/')),
        from: from.as_bytes().into(),
        to: to.as_bytes().into(),
    };
    Ok(ResponseHeaders::default().change(move |head, _| {
        for name in [LOCATION, CONTENT_LOCATION] {
            map_lines(&mut head.headers, &name, |line| match rewrite.of(line.as_bytes()) {
                Some(bytes) => HeaderValue::from_bytes(&bytes).ok(),
                None => Some(line.clone()),
            });
        }
    }))
}

struct Rewrite {
    from: Box<[u8]>,
    to: Box<[u8]>,
    /// Whether more letters behind `from` would name another host or port.
    ends_in_authority: bool,
}

impl Rewrite {
    /// `None`: `reference` does not begin with `from`.
    fn of(&self, reference: &[u8]) -> Option<Vec<u8>> {
        let rest = reference.strip_prefix(&*self.from)?;
        if self.ends_in_authority && !matches!(rest, [] | [b'/' | b'?' | b'#', ..]) {
            return None;
        }
        // What is left may look like a scheme: behind `./` it is a path (RFC 3986 §4.2).
        let is_bare = self.to.is_empty() && !matches!(rest, [] | [b'/' | b'?' | b'#', ..]);
        let front: &[u8] = if is_bare { b"./" } else { &self.to };
        let mut bytes = [front, rest].concat();
        if bytes.first() == Some(&b'/') && !self.to.starts_with(b"//") {
            // Browsers drop tabs and read `\` as `/`.
            let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\' | b'\t');
            let slashes = bytes.iter().take_while(|byte| is_slash(byte)).count();
            bytes.drain(1..slashes);
        }
        Some(bytes)
    }
}
