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
    let (piece, after) = line.split_at_checked(piece_len(line, separator)).unwrap_or((line, &[]));
    (piece, after.split_first().map(|(_, after)| after))
}

fn piece_len(line: &[u8], separator: u8) -> usize {
    let mut bytes = line.iter();
    while let Some(&byte) = bytes.find(|&&byte| byte == separator || byte == b'"') {
        if byte == separator {
            return line.len() - bytes.len() - 1;
        }
        skip_quoted(&mut bytes);
    }
    line.len()
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

/// Whether `bytes` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
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
