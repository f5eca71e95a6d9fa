use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;

use crate::DecodeError;

/// Whoever wants to see the fields of a section while its map is built, so that nothing is looked up in it later.
pub(crate) trait Observe {
    /// `length` is the name's: comparing it first spares comparing names.
    fn field(
        &mut self,
        length: usize,
        name: &HeaderName,
        value: &HeaderValue,
    ) -> Result<(), DecodeError>;
}

/// Parses the lines of `section` that end at `ends`, the first of which begins at `start`, into `map`. Values are
/// slices of `section`.
#[inline]
pub(crate) fn parse(
    section: &Bytes,
    start: usize,
    ends: &[u32],
    map: &mut HeaderMap,
    observer: &mut impl Observe,
) -> Result<(), DecodeError> {
    let mut line_start = start;
    for end in ends {
        let end = *end as usize;
        let line = section.get(line_start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let [b' ' | b'\t', ..] = line {
            return Err(DecodeError::Fold); // RFC 9112 §5.2
        }
        let colon = memchr(b':', line).ok_or(DecodeError::FieldLine)?;
        let (name, rest) = line.split_at_checked(colon).ok_or(DecodeError::FieldLine)?;
        // Refuses what is no token, a blank before the colon among it.
        let name = HeaderName::from_bytes(name).map_err(|_| DecodeError::FieldLine)?;
        let mut from = line_start + colon + 1;
        let mut value = rest.get(1..).unwrap_or_default();
        while let [b' ' | b'\t', rest @ ..] = value {
            value = rest;
            from += 1;
        }
        while let [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        let value = section.slice(from..from + value.len());
        // Refuses NUL, CR and every other control byte but HTAB; passes obs-text.
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| DecodeError::ControlByte)?;
        observer.field(colon, &name, &value)?;
        map.try_append(name, value).map_err(|_| DecodeError::TooManyFields)?;
        line_start = end + 1;
    }
    Ok(())
}

/// Empties a map that came back for reuse and makes room for `lines` fields. At least 16, so that the few fields
/// a proxy adds do not make it grow.
pub(crate) fn prepare(map: &mut HeaderMap, lines: usize) {
    map.clear();
    let wanted = lines.max(16);
    if map.capacity() < wanted {
        map.reserve(wanted);
    }
}
