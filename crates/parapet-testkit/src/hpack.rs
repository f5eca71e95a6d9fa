//! As much of HPACK (RFC 7541) as a raw client needs: literals without indexing out, `:status` in.

/// Encodes `fields` as literals without indexing and without Huffman (RFC 7541 §6.2.2): any bytes at all.
pub fn literals<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            integer(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    block
}

/// An integer with a prefix of 7 bits (§5.1).
fn integer(mut value: usize, block: &mut Vec<u8>) {
    let low = |value: usize| u8::try_from(value & 0x7f).unwrap_or_default();
    if value < 127 {
        block.push(low(value));
        return;
    }
    block.push(127);
    value -= 127;
    while value >= 128 {
        block.push(low(value) | 0x80);
        value >>= 7;
    }
    block.push(low(value));
}

/// The `:status` that begins a response's block, of an encoder whose table has no room. `None`: there is none (trailers).
pub(crate) fn status(mut block: &[u8]) -> Option<u16> {
    loop {
        let (first, rest) = block.split_first()?;
        block = rest;
        let name = match first {
            // Indexed field (§6.1).
            0x80..=0xff => return indexed(first & 0x7f),
            // Table size update (§6.3): what we asked for.
            0x20..=0x3f => continue,
            // Literals: with indexing, without, never.
            0x40..=0x7f => first & 0x3f,
            0x00..=0x1f => first & 0x0f,
        };
        indexed(name)?;
        let (length, text) = block.split_first()?;
        let text = text.get(..usize::from(length & 0x7f))?;
        return if length & 0x80 == 0 {
            std::str::from_utf8(text).ok()?.parse().ok()
        } else {
            digits(text)
        };
    }
}

/// Static table, entries of `:status` (appendix A).
fn indexed(index: u8) -> Option<u16> {
    [200, 204, 206, 304, 400, 404, 500].get(usize::from(index.checked_sub(8)?)).copied()
}

/// Three digits in the Huffman code (appendix B): `0` to `2` have five bits, `3` to `9` six.
fn digits(text: &[u8]) -> Option<u16> {
    let mut bits = text.iter().flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1));
    let mut number = 0;
    for _ in 0..3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code << 1 | bits.next()?;
        }
        let digit = match code {
            0..=2 => code,
            // 011001 is `3`, 011111 is `9`.
            0b01100..=0b01111 => (code << 1 | bits.next()?).checked_sub(0b01_1001)? + 3,
            _ => return None,
        };
        number = number * 10 + u16::from(digit);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_every_form_of_an_encoder_without_a_table() {
        let rows: [(&[u8], Option<u16>); 6] = [
            (&[0x88], Some(200)),
            (&[0x20, 0x8d], Some(404)),
            (&[0x08, 3, b'4', b'3', b'1'], Some(431)),
            // RFC 7541 C.6.1: 302 in Huffman.
            (&[0x48, 0x82, 0x64, 0x02], Some(302)),
            // C.6.2: 307.
            (&[0x48, 0x83, 0x64, 0x0e, 0xff], Some(307)),
            (&[0x00, 1, b'x', 1, b'y'], None),
        ];
        for (block, expected) in rows {
            assert_eq!(status(block), expected, "{block:x?}");
        }
    }

    #[test]
    fn long_literals_have_long_lengths() {
        let block = literals([("x", "y".repeat(1337))]);
        // RFC 7541 C.1.2, with 7 bits: 1337 - 127 = 1210 = 9 * 128 + 58.
        assert_eq!(block.get(..6), Some(&[0, 1, b'x', 127, 0xba, 9][..]));
    }
}
