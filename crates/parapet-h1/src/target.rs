use bytes::Bytes;
use http::Method;
use http::uri::{Authority, PathAndQuery, Scheme};
use memchr::memchr;

use crate::{DecodeError, Limits};

/// The target of a request, in the four forms of RFC 9112 §3.2. Complete: there is no fifth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/path?query`, what origins and reverse proxies are sent.
    Origin(PathAndQuery),
    /// `http://authority/path?query`, what forward proxies are sent and every server must take.
    Absolute {
        /// `http` or `https`.
        scheme: Scheme,
        /// As received; may hold userinfo.
        authority: Authority,
        /// `/` if the target had none; `*` if the method is OPTIONS and it had neither path nor query
        /// (RFC 9112 §3.2.4).
        path: PathAndQuery,
    },
    /// `host:port`, the target of CONNECT.
    Authority(Authority),
    /// `*`, with OPTIONS.
    Asterisk,
}

impl Target {
    pub(crate) fn parse(
        text: &Bytes,
        method: &Method,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let classes = check_bytes(text, limits)?;
        if *method == Method::CONNECT {
            return authority_form(text);
        }
        match text.as_ref() {
            [b'/', ..] => Ok(Self::Origin(path_and_query(text.clone(), classes)?)),
            b"*" if *method == Method::OPTIONS => Ok(Self::Asterisk),
            _ => absolute_form(text, method, classes),
        }
    }
}

/// What holds for every form. One pass without a branch, because every request pays for it; returns the classes of
/// bytes that were there, so that the rules for rare ones are applied only then.
fn check_bytes(text: &[u8], limits: &Limits) -> Result<u8, DecodeError> {
    let classes = classes(text);
    if classes & NEVER != 0 || (classes & HIGH != 0 && !limits.allow_utf8_target) {
        return Err(DecodeError::TargetByte);
    }
    if classes & FRAGMENT != 0 {
        return Err(DecodeError::Fragment);
    }
    Ok(classes)
}

fn path_and_query(text: Bytes, found: u8) -> Result<PathAndQuery, DecodeError> {
    if found & (NOT_IN_PATH | NOT_IN_QUERY | PERCENT) != 0 {
        let (path, query) =
            text.split_at_checked(memchr(b'?', &text).unwrap_or(text.len())).unwrap_or_default();
        if classes(path) & NOT_IN_PATH != 0 || classes(query) & NOT_IN_QUERY != 0 {
            return Err(DecodeError::TargetByte);
        }
        check_percents(path)?;
    }
    PathAndQuery::from_maybe_shared(text).map_err(|_| DecodeError::TargetByte)
}

/// The union of the classes of the bytes of `text`.
fn classes(text: &[u8]) -> u8 {
    text.iter()
        .fold(0, |found, byte| found | CLASSES.get(usize::from(*byte)).copied().unwrap_or(NEVER))
}

/// A `%` that encodes nothing is read as itself by one hop and refused by the next; `%00` ends a C string.
fn check_percents(mut path: &[u8]) -> Result<(), DecodeError> {
    while let Some(at) = memchr(b'%', path) {
        let digits = path.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) || digits == b"00" {
            return Err(DecodeError::PercentEncoding);
        }
        path = path.get(at + 3..).unwrap_or_default();
    }
    Ok(())
}

/// `uri-host ":" port`: no userinfo, and the port is required (RFC 9110 §9.3.6).
fn authority_form(text: &Bytes) -> Result<Target, DecodeError> {
    if text.iter().any(|byte| matches!(byte, b'/' | b'?' | b'@')) {
        return Err(DecodeError::TargetForm);
    }
    let authority =
        Authority::from_maybe_shared(text.clone()).map_err(|_| DecodeError::TargetForm)?;
    if authority.port_u16().is_none() || authority.host().is_empty() {
        return Err(DecodeError::TargetForm);
    }
    Ok(Target::Authority(authority))
}

fn absolute_form(text: &Bytes, method: &Method, classes: u8) -> Result<Target, DecodeError> {
    let (scheme, start) = match text.as_ref() {
        text if begins(text, b"http://") => (Scheme::HTTP, 7),
        text if begins(text, b"https://") => (Scheme::HTTPS, 8),
        _ => return Err(DecodeError::TargetForm),
    };
    let rest = text.slice(start..);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let authority =
        Authority::from_maybe_shared(rest.slice(..end)).map_err(|_| DecodeError::TargetForm)?;
    if authority.host().is_empty() {
        return Err(DecodeError::TargetForm); // RFC 9110 §4.2.1
    }
    let path = rest.slice(end..);
    let path = match path.as_ref() {
        [] if *method == Method::OPTIONS => PathAndQuery::from_static("*"),
        [] => PathAndQuery::from_static("/"),
        [b'?', ..] => path_and_query([b"/", path.as_ref()].concat().into(), classes)?,
        _ => path_and_query(path, classes)?,
    };
    Ok(Target::Absolute { scheme, authority, path })
}

/// Schemes are compared without case (RFC 3986 §3.1).
fn begins(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Control bytes, blanks, DEL.
const NEVER: u8 = 1;
/// Above ASCII.
const HIGH: u8 = 2;
const FRAGMENT: u8 = 4;
const PERCENT: u8 = 8;
const NOT_IN_PATH: u8 = 16;
const NOT_IN_QUERY: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut rest: &mut [u8] = &mut classes;
    let mut byte = 0u8;
    while let [class, tail @ ..] = rest {
        *class = match byte {
            0..=0x20 | 0x7f => NEVER,
            0x80.. => HIGH,
            b'#' => FRAGMENT,
            b'%' => PERCENT,
            b'<' | b'>' => NOT_IN_PATH | NOT_IN_QUERY,
            b'\\' | b'`' => NOT_IN_PATH,
            b'"' => NOT_IN_QUERY,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    classes
};
