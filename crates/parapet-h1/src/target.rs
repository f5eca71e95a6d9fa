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
        check_bytes(text, limits)?;
        if *method == Method::CONNECT {
            return authority_form(text);
        }
        match text.as_ref() {
            [b'/', ..] => Ok(Self::Origin(path_and_query(text.clone())?)),
            b"*" if *method == Method::OPTIONS => Ok(Self::Asterisk),
            _ => absolute_form(text, method),
        }
    }
}

/// What holds for every form. A branch-free pass, because every request pays for it.
fn check_bytes(text: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let limit = if limits.allow_utf8_target { 0xff } else { 0x7e };
    let mut bad = false;
    for byte in text {
        bad |= *byte < 0x21 || *byte == 0x7f || *byte > limit;
    }
    if bad {
        return Err(DecodeError::TargetByte);
    }
    if memchr(b'#', text).is_some() {
        return Err(DecodeError::Fragment);
    }
    Ok(())
}

fn path_and_query(text: Bytes) -> Result<PathAndQuery, DecodeError> {
    let mut parts = text.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let query = parts.next().unwrap_or_default();
    let mut bad = false;
    for byte in path {
        bad |= matches!(byte, b'\\' | b'<' | b'>' | b'`');
    }
    for byte in query {
        bad |= matches!(byte, b'"' | b'<' | b'>');
    }
    if bad {
        return Err(DecodeError::TargetByte);
    }
    check_percents(path)?;
    PathAndQuery::from_maybe_shared(text).map_err(|_| DecodeError::TargetByte)
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

fn absolute_form(text: &Bytes, method: &Method) -> Result<Target, DecodeError> {
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
        [b'?', ..] => path_and_query([b"/", path.as_ref()].concat().into())?,
        _ => path_and_query(path)?,
    };
    Ok(Target::Absolute { scheme, authority, path })
}

/// Schemes are compared without case (RFC 3986 §3.1).
fn begins(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
