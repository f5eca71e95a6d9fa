//! The one authority of a request, out of its target, `:authority` and `Host`.

use std::cell::RefCell;
use std::net::Ipv6Addr;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};
use smallvec::SmallVec;

/// The request has no authority where it must have one, two that contradict each other, or one that is malformed:
/// answered with plain error(400).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadAuthority;

/// The authority of an HTTP/1 request; `target` is that of an absolute-form target or of CONNECT.
///
/// HTTP/1.1 has exactly one `Host` line whatever the target is (RFC 9112 §3.2). The target's authority wins, and `Host`
/// becomes the same (§3.2.2). `None`: HTTP/1.0 without either.
///
/// Costs no allocation while the client, or another one on this thread, keeps asking for the same few hosts.
pub(crate) fn http1(
    target: Option<Authority>,
    version: Version,
    headers: &mut HeaderMap,
) -> Result<Option<Authority>, BadAuthority> {
    let host = one_host(headers)?;
    if host.is_none() && version != Version::HTTP_10 {
        return Err(BadAuthority);
    }
    let from_host = host.map(|host| Known::find(host.as_bytes())).transpose()?;
    let Some(target) = target else { return Ok(from_host.map(|host| host.authority)) };
    let target = Known::find(target.as_str().as_bytes())?;
    write_host(headers, &target);
    Ok(Some(target.authority))
}

/// The authority of an HTTP/2 request: `:authority`, or `Host` when it is absent (RFC 9113 §8.3.1). The request has one
/// `Host` afterwards.
///
/// The cost is that of [`http1`].
pub(crate) fn http2(
    authority: Option<Authority>,
    headers: &mut HeaderMap,
) -> Result<Option<Authority>, BadAuthority> {
    let host = one_host(headers)?;
    let Some(authority) = authority else {
        return Known::find(host.ok_or(BadAuthority)?.as_bytes()).map(|host| Some(host.authority));
    };
    if host.is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()))
    {
        return Err(BadAuthority);
    }
    let authority = Known::find(authority.as_str().as_bytes())?;
    write_host(headers, &authority);
    Ok(Some(authority.authority))
}

/// Two `Host` lines are refused, equal or not: servers differ in which one they take.
fn one_host(headers: &HeaderMap) -> Result<Option<&HeaderValue>, BadAuthority> {
    let mut lines = headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (host, None) => Ok(host),
        _ => Err(BadAuthority),
    }
}

fn write_host(headers: &mut HeaderMap, authority: &Known) {
    if headers.get(HOST) != Some(&authority.host) {
        // Fails in a map of 32,768 fields only, which no head that was read can hold; `insert` would panic there.
        let _ = headers.try_insert(HOST, authority.host.clone());
    }
}

/// A valid authority, twice over one allocation.
#[derive(Clone)]
struct Known {
    authority: Authority,
    host: HeaderValue,
}

impl Known {
    /// From the thread's cache, else checked and kept there.
    fn find(text: &[u8]) -> Result<Self, BadAuthority> {
        thread_local! {
            static CACHE: RefCell<[Option<Known>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
        }
        CACHE.with_borrow_mut(|cache| {
            let Some(slot) = cache.get_mut(slot(text)) else { return Self::new(text) };
            match slot {
                Some(known) if known.host.as_bytes() == text => Ok(known.clone()),
                _ => Self::new(text).inspect(|known| *slot = Some(known.clone())),
            }
        })
    }

    /// Copies `text`, since it is a slice of a read buffer that must not live as long as the cache.
    fn new(text: &[u8]) -> Result<Self, BadAuthority> {
        if !is_valid(text) {
            return Err(BadAuthority);
        }
        // `Bytes` from a `Vec` would allocate once more when they are cloned.
        let text = Bytes::from_owner(SmallVec::<[u8; 64]>::from_slice(text));
        Ok(Self {
            authority: Authority::from_maybe_shared(text.clone()).map_err(|_| BadAuthority)?,
            host: HeaderValue::from_maybe_shared(text).map_err(|_| BadAuthority)?,
        })
    }
}

/// Authorities kept per thread, at most 261 bytes each. A client that asks for many pushes others out, which costs them
/// an allocation and nothing else.
const SLOTS: usize = 32;

fn slot(text: &[u8]) -> usize {
    let sum = text
        .iter()
        .take(24)
        .fold(text.len(), |sum, &byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum % SLOTS
}

/// Host and optional port, without userinfo (RFC 9110 §4.2.4): a registered name of letters, digits, `-`, `.` and `_`,
/// or a bracketed IPv6 address.
fn is_valid(text: &[u8]) -> bool {
    let (host, behind) = if text.starts_with(b"[") {
        let Some(end) = text.iter().position(|&byte| byte == b']') else { return false };
        text.split_at_checked(end + 1).unwrap_or_default()
    } else {
        let end = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
        text.split_at_checked(end).unwrap_or_default()
    };
    let fits = match host {
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        name => !name.is_empty() && name.iter().copied().all(is_name_byte),
    };
    fits && host.len() <= MAX_HOST && is_port(behind)
}

/// `:` and a number up to 65,535, or nothing.
fn is_port(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(b":") else { return text.is_empty() };
    let number = digits.iter().take(6).try_fold(0_u32, |number, &digit| {
        digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
    });
    matches!(digits.len(), 1..=5) && number.is_some_and(|number| number <= 65_535)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Longest host name of the DNS, and a little.
const MAX_HOST: usize = 255;

#[cfg(test)]
mod tests;
