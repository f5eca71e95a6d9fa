/// How a message's content is delimited (RFC 9112 §6.3). Complete: the protocol knows no other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// The message has no content.
    None,
    /// Exactly so many bytes (`Content-Length`).
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closes; responses only.
    UntilClose,
}

/// What a head that is written says about its connection (RFC 9112 §9). Complete: the three options that the
/// protocol itself gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Stays open; written only where it is not the default, to an HTTP/1.0 client.
    KeepAlive,
    /// Closes after this message.
    Close,
    /// Changes the protocol, or asks for it: `Upgrade` of the map is sent (RFC 9110 §7.8).
    Upgrade,
}

/// The largest length and chunk size taken: what every other hop can hold in a signed 64-bit number.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

/// Reads the digits of a `Content-Length`: at most `digits`, at most [`MAX_LENGTH`].
pub(crate) fn length(text: &[u8], digits: usize) -> Option<u64> {
    if text.is_empty() || text.len() > digits {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (value <= MAX_LENGTH).then_some(value)
}

/// The members of a comma-separated list of tokens, blanks trimmed (RFC 9110 §5.6.1).
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim)
}

/// Without SP and HTAB at both ends (RFC 9110 §5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
