//! What content is, by its first bytes (the MIME Sniffing Standard of WHATWG, §6 and §7.1).

/// So many bytes decide.
pub(crate) const SNIFFED: usize = 512;

/// The media type of content that begins with `head`.
pub(crate) fn sniff(head: &[u8]) -> &'static str {
    let head = head.get(..SNIFFED).unwrap_or(head);
    let text_from = head.iter().position(|byte| !is_white_space(*byte)).unwrap_or(head.len());
    let text = head.get(text_from..).unwrap_or_default();
    if TAGS.iter().any(|tag| begins_with_tag(text, tag)) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    let known = SIGNATURES.iter().find(|signature| signature.fits(head));
    if let Some(signature) = known {
        return signature.media_type;
    }
    if is_mp4(head) {
        return "video/mp4";
    }
    if head.iter().any(|byte| is_binary(*byte)) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    }
}

/// Bytes at a place, and bytes behind them after a gap of four (the size field of RIFF and FORM).
struct Signature {
    start: &'static [u8],
    behind_size: &'static [u8],
    media_type: &'static str,
}

impl Signature {
    fn fits(&self, head: &[u8]) -> bool {
        let Some(rest) = head.strip_prefix(self.start) else { return false };
        self.behind_size.is_empty()
            || rest.get(4..).is_some_and(|rest| rest.starts_with(self.behind_size))
    }
}

const fn plain(start: &'static [u8], media_type: &'static str) -> Signature {
    Signature { start, behind_size: b"", media_type }
}

const fn chunked(
    start: &'static [u8],
    behind_size: &'static [u8],
    media_type: &'static str,
) -> Signature {
    Signature { start, behind_size, media_type }
}

const SIGNATURES: &[Signature] = &[
    plain(b"%PDF-", "application/pdf"),
    plain(b"%!PS-Adobe-", "application/postscript"),
    plain(b"\xfe\xff", "text/plain; charset=utf-16be"),
    plain(b"\xff\xfe", "text/plain; charset=utf-16le"),
    plain(b"\xef\xbb\xbf", "text/plain; charset=utf-8"),
    plain(b"\x00\x00\x01\x00", "image/x-icon"),
    plain(b"\x00\x00\x02\x00", "image/x-icon"),
    plain(b"BM", "image/bmp"),
    plain(b"GIF87a", "image/gif"),
    plain(b"GIF89a", "image/gif"),
    chunked(b"RIFF", b"WEBPVP", "image/webp"),
    plain(b"\x89PNG\r\n\x1a\n", "image/png"),
    plain(b"\xff\xd8\xff", "image/jpeg"),
    chunked(b"FORM", b"AIFF", "audio/aiff"),
    plain(b"ID3", "audio/mpeg"),
    plain(b"OggS\x00", "application/ogg"),
    plain(b"MThd\x00\x00\x00\x06", "audio/midi"),
    chunked(b"RIFF", b"AVI ", "video/avi"),
    chunked(b"RIFF", b"WAVE", "audio/wave"),
    plain(b"\x1a\x45\xdf\xa3", "video/webm"),
    plain(b"\x00\x01\x00\x00", "font/ttf"),
    plain(b"OTTO", "font/otf"),
    plain(b"ttcf", "font/collection"),
    plain(b"wOFF", "font/woff"),
    plain(b"wOF2", "font/woff2"),
    plain(b"\x1f\x8b\x08", "application/x-gzip"),
    plain(b"PK\x03\x04", "application/zip"),
    plain(b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    plain(b"\x00asm", "application/wasm"),
];

/// Each is a tag only if a space or `>` follows.
const TAGS: &[&[u8]] = &[
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
    b"<!--",
];

fn begins_with_tag(text: &[u8], tag: &[u8]) -> bool {
    let Some((start, rest)) = text.split_at_checked(tag.len()) else { return false };
    start.eq_ignore_ascii_case(tag) && matches!(rest, [b' ' | b'>', ..])
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Bytes that no text holds.
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

/// A box `ftyp` with a brand `mp4` (§6.2.1).
fn is_mp4(head: &[u8]) -> bool {
    let Some((size, rest)) = head.split_first_chunk::<4>() else { return false };
    let Ok(size) = usize::try_from(u32::from_be_bytes(*size)) else { return false };
    let (Some(brands), true) = (rest.strip_prefix(b"ftyp"), size.is_multiple_of(4)) else {
        return false;
    };
    if size > head.len() {
        return false;
    }
    let brands = brands.get(..size.saturating_sub(8)).unwrap_or_default();
    let mut brands = brands.chunks(4).enumerate();
    brands.any(|(at, brand)| at != 1 && brand.starts_with(b"mp4")) // the second is a version
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bytes_tell_what_it_is() {
        for (head, expected) in [
            (&b""[..], "text/plain; charset=utf-8"),
            (b"hello", "text/plain; charset=utf-8"),
            (b"a\x00b", "application/octet-stream"),
            (b" \n<!doctype html>", "text/html; charset=utf-8"),
            (b"<htmlx>", "text/plain; charset=utf-8"),
            (b"<p", "text/plain; charset=utf-8"),
            (b"<?xml version", "text/xml; charset=utf-8"),
            (b"\xfe\xffab", "text/plain; charset=utf-16be"),
            (b"%PDF-1.7", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"RIFF\x01\x02\x03\x04WEBPVP8", "image/webp"),
            (b"RIFF\x01\x02\x03\x04WAVEfmt", "audio/wave"),
            (b"RIFF\x01\x02\x03", "application/octet-stream"),
            (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "video/mp4"),
            (b"\x00\x00\x00\x18ftypqt  \x00\x00\x00\x00mp4 mp42", "video/mp4"),
            (b"\x00\x00\x00\x10ftypqt  mp42", "application/octet-stream"),
            (b"\x1f\x8b\x08rest", "application/x-gzip"),
            (b"\x00asm\x01\x00\x00\x00", "application/wasm"),
        ] {
            assert_eq!(sniff(head), expected, "{:?}", head.escape_ascii().to_string());
        }
    }

    proptest! {
        #[test]
        fn what_is_behind_the_first_512_bytes_decides_nothing(
            head in proptest::collection::vec(any::<u8>(), SNIFFED),
            tail in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let long = [head.clone(), tail].concat();
            prop_assert_eq!(sniff(&head), sniff(&long));
        }
    }
}
