use std::borrow::Cow;

/// Pieces of a line between separators that stand outside quoted-strings, each trimmed.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a> {
    /// `None` when the last piece has been given out.
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(line: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(line), separator }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (piece, after) = cut(self.rest?, self.separator);
        self.rest = after;
        Some(trim(piece))
    }
}

/// What stands before the first separator outside a quoted-string, and what stands behind it.
pub(crate) fn cut(line: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut rest = line;
    while let Some((found, behind)) = find_either(rest, separator, b'"') {
        if found == separator {
            let piece = line.get(..line.len() - behind.len() - 1).unwrap_or(line);
            return (piece, Some(behind));
        }
        let mut bytes = behind.iter();
        skip_quoted(&mut bytes);
        rest = bytes.as_slice();
    }
    (line, None)
}

/// The first byte that is `a` or `b`, and what follows it. Looks at eight bytes at a time.
fn find_either(bytes: &[u8], a: u8, b: u8) -> Option<(u8, &[u8])> {
    let (all_a, all_b) = (EACH_BYTE * u64::from(a), EACH_BYTE * u64::from(b));
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let found = zero_bytes(word ^ all_a) | zero_bytes(word ^ all_b);
        if found != 0 {
            let at = rest.get(found.trailing_zeros() as usize / 8..)?;
            return at.split_first().map(|(found, behind)| (*found, behind));
        }
        rest = behind;
    }
    let at = rest.iter().position(|byte| *byte == a || *byte == b)?;
    rest.get(at..)?.split_first().map(|(found, behind)| (*found, behind))
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

/// Marks the highest bit of the lowest byte that is zero; bytes above it may be marked wrongly.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(EACH_BYTE) & !word & (EACH_BYTE << 7)
}

/// Goes past the closing quote, or to the end; whether there was one.
fn skip_quoted<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> bool {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return true,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    false
}

/// Without the optional white space around it, spaces and tabs (RFC 9110 §5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Content of `value` if the whole of it is one quoted-string (RFC 9110 §5.6.4), else `value`.
pub(crate) fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some((b'"', content)) = value.split_first() else { return Cow::Borrowed(value) };
    let mut behind = content.iter();
    if !skip_quoted(&mut behind) || behind.len() > 0 {
        return Cow::Borrowed(value);
    }
    unescaped(content.strip_suffix(b"\"").unwrap_or(content))
}

fn unescaped(content: &[u8]) -> Cow<'_, [u8]> {
    if !content.contains(&b'\\') {
        return Cow::Borrowed(content);
    }
    let mut bytes = content.iter().copied();
    let mut plain = Vec::with_capacity(content.len());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    Cow::Owned(plain)
}

/// Whether `bytes` is a token (RFC 9110 §5.6.2): a method, a field name, a coding. An empty one is none.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::cut;

    /// Where the separator stands, found byte by byte.
    fn slow_cut(line: &[u8], separator: u8) -> Option<usize> {
        let (mut quoted, mut escaped) = (false, false);
        line.iter().position(|byte| {
            let found = !quoted && *byte == separator;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                _ => {}
            }
            found
        })
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_find_what_one_finds(
            // Bytes next to `,` and `"` are there because a borrow between bytes would show at them.
            line in vec(prop_oneof![3 => select(b"abc,-+;\"\\!#".as_slice()), 1 => any::<u8>()], 0..40),
            separator in select(b",;".as_slice()),
        ) {
            let (piece, behind) = cut(&line, separator);
            let at = slow_cut(&line, separator);
            prop_assert_eq!(piece, &line[..at.unwrap_or(line.len())]);
            prop_assert_eq!(behind, at.map(|at| &line[at + 1..]));
        }
    }
}
