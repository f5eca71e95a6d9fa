//! What a path is: one reading that every layer goes by, so that no encoding makes two layers see two paths.

mod pattern;

use std::borrow::Cow;

use http::StatusCode;

pub use self::pattern::{PatternError, check_pattern};
use crate::{Response, ResponseError, plain_error};

/// Why a path is refused: servers behind a proxy disagree on what it means.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// `%` without two hex digits.
    #[error("a percent sign in the path is not followed by two hex digits")]
    MalformedEscape,
    /// `%00`: programs in C cut the path there.
    #[error("the path holds an encoded NUL")]
    Nul,
    /// A backslash together with a dot segment (Windows reads `\` as a separator), or a dot segment with a parameter
    /// (`..;`, which servlet containers read as `..`).
    #[error("the path hides a dot segment")]
    HiddenDotSegment,
    /// An overlong UTF-8 form of `.`, `/`, `\` or NUL, which old decoders read as that character.
    #[error("the path holds an overlong UTF-8 form")]
    Overlong,
}

impl PathError {
    /// One word for it, fit for a metric label.
    pub fn kind(self) -> &'static str {
        match self {
            Self::MalformedEscape => "malformed_escape",
            Self::Nul => "nul",
            Self::HiddenDotSegment => "hidden_dot_segment",
            Self::Overlong => "overlong",
        }
    }

    /// The answer to a request whose path is refused: plain error(400, `Bad Request`), with a [`ResponseError`] of the
    /// crate `source`. A path that is passed on would dodge a layer that guards, one that is matched would open a layer
    /// that grants.
    pub fn answer(self, source: &'static str) -> Response {
        let mut response = plain_error(StatusCode::BAD_REQUEST, "Bad Request");
        response.extensions_mut().insert(ResponseError::new(source, self.kind(), self));
        response
    }
}

/// The normal form of the raw path `raw`: what the path *is*.
///
/// `%XX` is decoded exactly once, `\` becomes `/`, runs of `/` become one, and dot segments are removed (RFC 3986
/// §5.2.4), `..` together with the nearest segment before it. A trailing `/` survives, a path that ended in a dot
/// segment ends in one; `+` and case stay. Empty becomes `/`; `*` stays. The result is bytes: it need not be UTF-8.
///
/// A path without `%`, `\`, `;`, `//`, `/.` is borrowed after one scan; any other costs at most one allocation.
///
/// ```
/// use parapet_core::path::normal;
/// assert_eq!(*normal(b"/public/a%2F..%2F..%2Fadmin")?, *b"/admin");
/// # Ok::<(), parapet_core::path::PathError>(())
/// ```
///
/// # Errors
/// [`PathError`], see there.
pub fn normal(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    if is_plain(raw) || raw == b"*" {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = rooted(raw);
    let mut reading = Reading::default();
    let mut rest = raw;
    loop {
        let (run, behind) = split_run(rest);
        reading.run(run);
        out.extend_from_slice(run);
        let Some((byte, tail)) = decode_first(behind)? else { break };
        reading.byte(byte)?;
        if is_separator(byte) {
            remove_dots(&mut out, false);
            if out.last() != Some(&b'/') {
                out.push(b'/');
            }
        } else {
            out.push(byte);
        }
        rest = tail;
    }
    reading.end()?;
    remove_dots(&mut out, false);
    Ok(if out == raw { Cow::Borrowed(raw) } else { Cow::Owned(out) })
}

/// `raw` in the client's spelling with its dot segments removed: what to send to a server behind.
///
/// Every other byte stays as received: encoding, case, empty segments. Only if there is a dot segment, also one spelled
/// `%2e` or between `%2F`, all encoded slashes are decoded before the removal. [`normal`] of the result is `normal` of
/// `raw`.
///
/// ```
/// use parapet_core::path::resolve;
/// assert_eq!(resolve("/a%2Fb")?, "/a%2Fb");
/// assert_eq!(resolve("/a%20b/%2e%2e/c")?, "/c");
/// # Ok::<(), parapet_core::path::PathError>(())
/// ```
///
/// # Errors
/// [`PathError`], exactly when [`normal`] errs.
pub fn resolve(raw: &str) -> Result<Cow<'_, str>, PathError> {
    let bytes = raw.as_bytes();
    if is_plain(bytes) || raw == "*" {
        return Ok(Cow::Borrowed(raw));
    }
    let mut reading = Reading::default();
    let mut rest = bytes;
    loop {
        let (run, behind) = split_run(rest);
        reading.run(run);
        let Some((byte, tail)) = decode_first(behind)? else { break };
        reading.byte(byte)?;
        rest = tail;
    }
    if !reading.end()? {
        // An empty or relative path comes from a middleware that cut too much off; a target begins with a slash.
        let rooted = raw.starts_with('/');
        return Ok(if rooted { Cow::Borrowed(raw) } else { Cow::Owned(["/", raw].concat()) });
    }
    let mut out = rooted(bytes);
    let mut rest = bytes.strip_prefix(b"/").unwrap_or(bytes);
    while let Some((byte, tail)) = slash_or_byte(rest) {
        if byte == b'/' {
            if !remove_dots(&mut out, true) {
                out.push(b'/');
            }
        } else {
            out.push(byte);
        }
        rest = tail;
    }
    remove_dots(&mut out, true);
    // Cut at ASCII bytes only, so it is UTF-8 as it was before.
    String::from_utf8(out).map(Cow::Owned).map_err(|_| PathError::Overlong)
}

/// Whether `path` holds a `%` without two hex digits, or `%00`. Both are refused on the wire.
pub(crate) fn has_bad_escape(path: &[u8]) -> bool {
    if !path.contains(&b'%') {
        return false;
    }
    let mut rest = path;
    loop {
        match decode_first(rest) {
            Ok(None) => return false,
            Ok(Some((0, _))) | Err(_) => return true,
            Ok(Some((_, tail))) => rest = tail,
        }
    }
}

/// Whether [`normal`] would change nothing: the common case, found out without a branch per byte.
fn is_plain(raw: &[u8]) -> bool {
    let [b'/', behind @ ..] = raw else { return false };
    let mut odd = false;
    for (&byte, &next) in raw.iter().zip(behind) {
        odd |= byte == b'/' && matches!(next, b'/' | b'.') || is_odd(next);
    }
    !odd
}

/// NUL and bytes from 0x80 on (an overlong form may be there) have to be looked at as well.
fn is_odd(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b';' | 0 | 0x80..)
}

/// Room for the result, which is never longer than `raw` from its first slash on.
fn rooted(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + usize::from(raw.first() != Some(&b'/')));
    out.push(b'/');
    out
}

fn is_separator(byte: u8) -> bool {
    byte == b'/' || byte == b'\\'
}

/// Splits bytes off the start that no rule looks at: they stay as they are.
fn split_run(raw: &[u8]) -> (&[u8], &[u8]) {
    let ends = |&byte: &u8| is_odd(byte) || byte == b'/' || byte == b'.';
    let end = raw.iter().position(ends).unwrap_or(raw.len());
    raw.split_at_checked(end).unwrap_or((raw, b""))
}

/// The first byte of `raw` with its escape decoded, and what is behind it.
fn decode_first(raw: &[u8]) -> Result<Option<(u8, &[u8])>, PathError> {
    match raw {
        [] => Ok(None),
        [b'%', high, low, tail @ ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => Ok(Some((high << 4 | low, tail))),
            _ => Err(PathError::MalformedEscape),
        },
        [b'%', ..] => Err(PathError::MalformedEscape),
        [byte, tail @ ..] => Ok(Some((*byte, tail))),
    }
}

/// The first byte of `raw`, of whose escapes only that of the slash is decoded, and what is behind it.
fn slash_or_byte(raw: &[u8]) -> Option<(u8, &[u8])> {
    match raw {
        [b'%', b'2', b'F' | b'f', tail @ ..] => Some((b'/', tail)),
        [byte, tail @ ..] => Some((*byte, tail)),
        [] => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Removes the last segment of `out` if it is a dot segment, `..` together with the nearest segment before it that is
/// not empty. Says whether it was one. `out` begins with a slash, and ends with one if it says yes.
fn remove_dots(out: &mut Vec<u8>, encoded: bool) -> bool {
    let start = segment_start(out);
    let dots = match out.get(start..) {
        Some(b".") => 1,
        Some(b"..") => 2,
        Some(segment) if encoded => encoded_dots(segment),
        _ => 0,
    };
    if dots == 0 {
        return false;
    }
    out.truncate(start);
    if dots == 2 {
        // Empty segments at the root go as well, else a path of slashes and `..` would be scanned again and again.
        let end = out.iter().rposition(|&byte| byte != b'/').map_or(1, |last| last + 1);
        out.truncate(end);
        out.truncate(segment_start(out));
    }
    true
}

fn segment_start(out: &[u8]) -> usize {
    out.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1)
}

/// Number of dots if `segment` is a dot segment in any spelling, else 0.
fn encoded_dots(segment: &[u8]) -> usize {
    let (mut rest, mut dots) = (segment, 0);
    loop {
        rest = match rest {
            [] if dots <= 2 => return dots,
            [b'.', tail @ ..] | [b'%', b'2', b'E' | b'e', tail @ ..] if dots < 2 => tail,
            _ => return 0,
        };
        dots += 1;
    }
}

/// What was read of a path so far, byte by decoded byte; finds what has to be refused.
#[derive(Default)]
struct Reading {
    segment: Segment,
    has_dot_segment: bool,
    has_backslash: bool,
    /// The last four bytes, the newest lowest.
    last: u32,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Segment {
    #[default]
    Empty,
    Dot,
    DotDot,
    Other,
}

impl Reading {
    /// Bytes of [`split_run`].
    fn run(&mut self, run: &[u8]) {
        if !run.is_empty() {
            self.segment = Segment::Other;
            self.last = 0;
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), PathError> {
        self.last = self.last << 8 | u32::from(byte);
        if is_overlong(self.last) {
            return Err(PathError::Overlong);
        }
        self.segment = match (byte, self.segment) {
            (0, _) => return Err(PathError::Nul),
            (b'/' | b'\\', segment) => {
                self.has_dot_segment |= matches!(segment, Segment::Dot | Segment::DotDot);
                self.has_backslash |= byte == b'\\';
                Segment::Empty
            }
            (b';', Segment::Dot | Segment::DotDot) => return Err(PathError::HiddenDotSegment),
            (b'.', Segment::Empty) => Segment::Dot,
            (b'.', Segment::Dot) => Segment::DotDot,
            _ => Segment::Other,
        };
        Ok(())
    }

    /// Whether there is a dot segment.
    fn end(self) -> Result<bool, PathError> {
        let found = self.has_dot_segment || matches!(self.segment, Segment::Dot | Segment::DotDot);
        if found && self.has_backslash { Err(PathError::HiddenDotSegment) } else { Ok(found) }
    }
}

/// Whether these bytes end in an overlong form of `.`, `/`, `\` or NUL, in two, three or four bytes.
fn is_overlong(last: u32) -> bool {
    let two = last & 0xffff;
    let three = last & 0x00ff_ffff;
    matches!(two, 0xc0ae | 0xc0af | 0xc19c | 0xc080)
        || matches!(three, 0xe0_80ae | 0xe0_80af | 0xe0_819c | 0xe0_8080)
        || matches!(last, 0xf080_80ae | 0xf080_80af | 0xf080_819c | 0xf080_8080)
}

#[cfg(test)]
mod tests;
