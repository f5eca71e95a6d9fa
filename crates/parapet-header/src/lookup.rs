use std::error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// First line of the field as text; `None` without the field, or if that line is not UTF-8.
pub fn first_str<'a>(map: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    std::str::from_utf8(map.get(name)?.as_bytes()).ok()
}

/// Whether the field's first line is there and not empty.
pub fn has_value(map: &HeaderMap, name: &HeaderName) -> bool {
    map.get(name).is_some_and(|line| !line.is_empty())
}

/// Appends a line, unless one line of the field equals `value` byte by byte.
///
/// A full map (32,768 lines) is left as it is.
pub fn append_if_absent(map: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    if !map.get_all(&name).iter().any(|line| *line == value) {
        // A full map cannot take the line, and by contract that is no error.
        let _full = map.try_append(name, value);
    }
}

/// The only line of a field that must not repeat; `None` without the field.
///
/// # Errors
/// [`Repeated`] if the field has several lines: two hops may then go by two of them.
pub fn one_line<'a>(
    map: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = map.get_all(name).iter();
    let first = lines.next();
    match lines.next() {
        None => Ok(first),
        Some(_) => Err(Repeated),
    }
}

/// A field that must have one line has several.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header field that must not repeat has several lines")
    }
}

impl error::Error for Repeated {}
