//! Response fields that tell a client its limit.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Quota;

/// Which fields tell clients their limit.
///
/// `Ietf` is of the Internet-Draft draft-ietf-httpapi-ratelimit-headers-11, no RFC yet; a later form will be a variant of
/// its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// None: they disclose capacity.
    #[default]
    Off,
    /// `RateLimit-Policy` and `RateLimit`, lists of Structured Fields (RFC 9651).
    Ietf,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset` (in seconds from now).
    XRateLimit,
    /// All of them.
    Both,
}

/// Appends the fields of one limiter. `name` is of the safe set and needs no escape; `retry_after` is what the response
/// says in `Retry-After`, if it does.
pub(crate) fn append(
    headers: &mut HeaderMap,
    which: RateLimitHeaders,
    name: &str,
    quota: &Quota,
    retry_after: Option<u64>,
) {
    let name = if name.is_empty() { "default" } else { name };
    let reset = retry_after.unwrap_or_else(|| whole_seconds(quota.reset));
    if matches!(which, RateLimitHeaders::Ietf | RateLimitHeaders::Both) {
        let mut policy = format!("\"{name}\";q={}", quota.limit);
        let mut state = format!("\"{name}\";r={}", quota.remaining);
        // Writing to a String never fails.
        match quota.window {
            None => policy.push_str(";qu=\"concurrent-requests\""),
            Some(window) => {
                if window.subsec_nanos() == 0 && window.as_secs() >= 1 {
                    let _ = write!(policy, ";w={}", window.as_secs());
                }
                let _ = write!(state, ";t={reset}");
            }
        }
        put(headers, RATELIMIT_POLICY, policy);
        put(headers, RATELIMIT, state);
    }
    if matches!(which, RateLimitHeaders::XRateLimit | RateLimitHeaders::Both) {
        put(headers, X_RATELIMIT_LIMIT, quota.limit.to_string());
        put(headers, X_RATELIMIT_REMAINING, quota.remaining.to_string());
        put(headers, X_RATELIMIT_RESET, reset.to_string());
    }
}

/// Seconds, rounded up: an earlier time would invite a retry into the next denial.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn put(headers: &mut HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
        // A full map stays as it is.
        let _ = headers.try_append(name, value);
    }
}

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
