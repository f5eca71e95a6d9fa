//! Bytes from clients as text of one line: JSON strings, and the escapes of nginx's log.

/// Writes `text` as the inside of a JSON string, at most `max` bytes; a longer one is cut at a character and ends with
/// `…`.
///
/// Escaped: `"`, `\`, U+0000–U+001F, U+007F–U+009F, U+2028 and U+2029, so that neither a line reader nor a terminal is
/// steered. Each maximal sequence that is not UTF-8 becomes U+FFFD.
pub(crate) fn write_json(out: &mut Vec<u8>, text: &[u8], max: usize) {
    // Nearly all text is short and clean.
    if text.len() <= max && is_plain(text) {
        out.extend_from_slice(text);
        return;
    }
    write_bounded(out, text, max, write_json_whole, json_unit);
}

/// Writes `text` as nginx does in its log: `"`, `\`, bytes below 32 and above 126 as `\xHH`; bounded as in
/// [`write_json`].
pub(crate) fn write_hex(out: &mut Vec<u8>, text: &[u8], max: usize) {
    write_bounded(out, text, max, write_hex_whole, |unit, out| match unit {
        Unit::Char(char) => write_hex_whole(out, char.encode_utf8(&mut [0; 4]).as_bytes()),
        Unit::Invalid(bytes) => write_hex_whole(out, bytes),
    });
}

/// Whether no byte of `text` is special to a JSON string, whatever stands around it.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Sixteen at a time, and the last sixteen once more in place of a tail: the compiler makes vectors of it.
    let special = |block: &[u8; 16]| block.iter().fold(false, |any, byte| any | is_special(*byte));
    match text.last_chunk::<16>() {
        Some(last) => !special(last) && !text.as_chunks::<16>().0.iter().any(special),
        None => text.iter().fold(true, |plain, byte| plain & !is_special(*byte)),
    }
}

/// Writes `text` as it is, which must be UTF-8, at most `max` bytes; cut as in [`write_json`].
pub(crate) fn write_raw(out: &mut Vec<u8>, text: &[u8], max: usize) {
    write_bounded(out, text, max, Vec::extend_from_slice, |unit, out| match unit {
        Unit::Char(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        Unit::Invalid(bytes) => out.extend_from_slice(bytes),
    });
}

/// What is cut at its ends only.
#[derive(Clone, Copy)]
enum Unit<'a> {
    Char(char),
    /// A maximal sequence that is not UTF-8.
    Invalid(&'a [u8]),
}

fn write_bounded(
    out: &mut Vec<u8>,
    text: &[u8],
    max: usize,
    whole: impl Fn(&mut Vec<u8>, &[u8]),
    unit: impl Fn(Unit<'_>, &mut Vec<u8>),
) {
    let start = out.len();
    if text.len() <= max {
        whole(out, text);
        if out.len() - start <= max {
            return;
        }
        out.truncate(start);
    }
    let end = start + max.saturating_sub(MARK.len());
    for chunk in text.utf8_chunks() {
        let chars = chunk.valid().chars().map(Unit::Char);
        let invalid = Some(chunk.invalid()).filter(|bytes| !bytes.is_empty()).map(Unit::Invalid);
        for next in chars.chain(invalid) {
            let before = out.len();
            unit(next, out);
            if out.len() > end {
                out.truncate(before);
                out.extend_from_slice(MARK.as_bytes());
                return;
            }
        }
    }
}

const MARK: &str = "…";

fn write_json_whole(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let (clean, special) = rest.split_at(clean_prefix(rest));
        out.extend_from_slice(clean);
        let Some((&byte, after)) = special.split_first() else { return };
        if byte < 0x80 {
            json_char(char::from(byte), out);
            rest = after;
            continue;
        }
        // A run without ASCII is judged alone: an ASCII byte ends every sequence, so the run's end cuts none.
        let run = special.iter().position(u8::is_ascii).unwrap_or(special.len());
        let (run, after) = special.split_at(run);
        for chunk in run.utf8_chunks() {
            for char in chunk.valid().chars() {
                json_char(char, out);
            }
            if !chunk.invalid().is_empty() {
                json_unit(Unit::Invalid(chunk.invalid()), out);
            }
        }
        rest = after;
    }
}

/// Number of bytes before the first special one; eight are judged at a time.
fn clean_prefix(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    let clean = words.iter().take_while(|word| !has_special(u64::from_le_bytes(**word))).count();
    let rest = match words.get(clean) {
        Some(word) => word,
        None => tail,
    };
    let special = rest.iter().position(|byte| is_special(*byte));
    clean * 8 + special.unwrap_or(rest.len())
}

/// Whether one of eight bytes is special: the highest bit of each tells, and a carry can only come from a byte that is
/// special itself.
fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    let is_below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let is = |byte: u8| is_below(word ^ (ONES * u64::from(byte)), 1);
    let control = is_below(word, 0x20);
    let above = word | word.wrapping_add(ONES); // 0x7f and more
    (control | is(b'"') | is(b'\\') | above) & HIGH != 0
}

fn is_special(byte: u8) -> bool {
    !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
}

fn json_unit(unit: Unit<'_>, out: &mut Vec<u8>) {
    match unit {
        Unit::Char(char) => json_char(char, out),
        Unit::Invalid(_) => out.extend_from_slice("\u{fffd}".as_bytes()),
    }
}

fn json_char(char: char, out: &mut Vec<u8>) {
    let short = match char {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
            let code = u32::from(char);
            out.extend_from_slice(&[
                b'\\',
                b'u',
                hex(code >> 12),
                hex(code >> 8),
                hex(code >> 4),
                hex(code),
            ]);
            return;
        }
        char => {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_hex_whole(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            out.push(byte);
        } else {
            let code = u32::from(byte);
            let digits = [hex(code >> 4), hex(code)].map(|digit| digit.to_ascii_uppercase());
            out.extend_from_slice(b"\\x");
            out.extend_from_slice(&digits);
        }
    }
}

/// The lowest four bits as a hexadecimal digit.
fn hex(code: u32) -> u8 {
    let digit = u8::try_from(code & 0xf).unwrap_or_default();
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

#[cfg(test)]
mod tests;
