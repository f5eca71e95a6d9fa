use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::DecodeError;
use crate::line_memory::Field;
use crate::scan::{Line, Scan};

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

/// Parses the field lines of `section`, those behind the first `skip`, into `map`. Values are slices of `section`, or
/// of the memory where a line is known from there.
///
/// httparse takes 3,600 instructions for a browser's head; this loop and the request line take about 2,000 when nothing
/// is known, because the scan has found the lines, and `HeaderName` and `HeaderValue` check every byte in either case.
#[inline]
pub(crate) fn parse(
    section: &Bytes,
    scan: &mut Scan,
    skip: usize,
    map: &mut HeaderMap,
    observer: &mut impl Observe,
) -> Result<(), DecodeError> {
    let (lines, memory) = scan.lines_and_memory();
    for line in lines.get(skip..).unwrap_or_default() {
        let (name, value) = if let Some(number) = line.known {
            let field = memory.field(number as usize, decode)?;
            observer.field(field.length, &field.name, &field.value)?;
            (field.name.clone(), field.value.clone())
        } else {
            let field = decode(section, *line)?;
            observer.field(field.length, &field.name, &field.value)?;
            (field.name, field.value)
        };
        map.try_append(name, value).map_err(|_| DecodeError::TooManyFields)?;
    }
    Ok(())
}

#[inline]
fn decode(section: &Bytes, line: Line) -> Result<Field, DecodeError> {
    let (start, end) = (line.start as usize, line.end as usize);
    let line = section.get(start..end).unwrap_or_default();
    if let [b' ' | b'\t', ..] = line {
        return Err(DecodeError::Fold); // RFC 9112 §5.2
    }
    let colon = find_colon(line).ok_or(DecodeError::FieldLine)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(DecodeError::FieldLine)?;
    // Refuses what is no token, a blank before the colon among it.
    let name = HeaderName::from_bytes(name).map_err(|_| DecodeError::FieldLine)?;
    let value = match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] => value,
        _ => rest,
    };
    // Few senders write more than one blank.
    let (skipped, length) = match value {
        [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => trimmed(value),
        _ => (0, value.len()),
    };
    let from = end - value.len() + skipped;
    let value = section.slice(from..from + length);
    // Refuses NUL, CR and every other control byte but HTAB; passes obs-text.
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| DecodeError::ControlByte)?;
    Ok(Field { length: colon, name, value })
}

/// Eight bytes at a time: names are short, and a call of memchr costs more than most of them (35 instructions a line,
/// 5 % of a head).
fn find_colon(line: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const COLONS: u64 = ONES * b':' as u64;
    let (words, rest) = line.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // Zero where the byte is a colon; the lowest zero byte is the lowest that gets its high bit set.
        let zero = u64::from_le_bytes(*word) ^ COLONS;
        let found = zero.wrapping_sub(ONES) & !zero & (ONES << 7);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| *byte == b':').map(|at| line.len() - rest.len() + at)
}

/// Where the value begins and how long it is without the blanks around it (RFC 9110 §5.6.3).
#[cold]
fn trimmed(value: &[u8]) -> (usize, usize) {
    let start = value.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
    let end =
        value.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(start, |at| at + 1);
    (start, end - start)
}

/// Empties a map that came back for reuse and makes room for `lines` fields. At least 16, so that the few fields
/// a proxy adds do not make it grow.
pub(crate) fn prepare(map: &mut HeaderMap, lines: usize) {
    if !map.is_empty() {
        map.clear();
    }
    let wanted = lines.max(16);
    if map.capacity() < wanted {
        map.reserve(wanted);
    }
}
