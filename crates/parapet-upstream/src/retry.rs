//! When a failed attempt is tried again: pure.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method};

use crate::{Error, TimeoutKind};

/// The numbers of the retry policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) retries: u32,
    pub(crate) factor: Duration,
    pub(crate) max: Duration,
    /// Part of a wait that chance may take off: 0 to 1.
    pub(crate) jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            retries: 3,
            factor: Duration::from_millis(50),
            max: Duration::from_secs(10),
            jitter: 0.0,
        }
    }
}

impl Backoff {
    /// Wait behind failed attempt `index` (from 0); `chance` is uniform in 0 to 1.
    pub(crate) fn wait(&self, index: u32, chance: f64) -> Duration {
        let doubled = 1_u32.checked_shl(index).and_then(|times| self.factor.checked_mul(times));
        let wait = doubled.unwrap_or(self.max).min(self.max);
        if self.jitter > 0.0 {
            wait.mul_f64((1.0 - self.jitter * chance).clamp(0.0, 1.0))
        } else {
            wait
        }
    }
}

/// Methods of which a second request does no harm (RFC 9110 §9.2.2), less those that change something.
pub(crate) fn is_retried(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether another attempt could end better.
pub(crate) fn is_worth_a_retry(error: &Error, upgrade: bool) -> bool {
    match error {
        Error::Unavailable { .. }
        | Error::RequestBody(_)
        | Error::Canceled
        | Error::Timeout(TimeoutKind::Deadline) => false,
        Error::Connect { .. } | Error::Closed { bytes_sent: false, .. } => true,
        // What was sent of an upgrade may have opened a session.
        _ => !upgrade,
    }
}

/// What a response says of the time until a retry (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// Nothing: the backoff decides.
    Unsaid,
    /// Wait this long instead of the backoff.
    Wait(Duration),
    /// Longer than a client should be kept: no retry.
    TooLong,
}

/// Reads `Retry-After`: seconds, or a date against `date`.
pub(crate) fn retry_after(headers: &HeaderMap, date: SystemTime) -> RetryAfter {
    let Some(text) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return RetryAfter::Unsaid;
    };
    let wait = if let Some(seconds) = parapet_header::delta_seconds(text.as_bytes()) {
        Duration::from_secs(seconds.into())
    } else if let Ok(at) = httpdate::parse_http_date(text) {
        at.duration_since(date).unwrap_or_default()
    } else {
        return RetryAfter::Unsaid;
    };
    if wait <= LONGEST_RETRY_AFTER { RetryAfter::Wait(wait) } else { RetryAfter::TooLong }
}

const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;
    use parapet_core::BodyError;
    use proptest::prelude::*;

    use super::*;
    use crate::{ConnectErrorKind, ShedReason};

    #[test]
    fn waits_double_up_to_the_maximum() {
        let backoff = Backoff { max: Duration::from_millis(500), ..Backoff::default() };
        let waits: Vec<_> = (0..6).map(|k| backoff.wait(k, 0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 500, 500]);
        assert_eq!(backoff.wait(u32::MAX, 0.0), backoff.max);
    }

    proptest! {
        #[test]
        fn jitter_takes_off_at_most_its_part(
            index in 0_u32..80, jitter in 0.0..=1.0_f64, chance in 0.0..1.0_f64, ms in 0_u64..5_000,
        ) {
            let plain = Backoff { factor: Duration::from_millis(ms), ..Backoff::default() };
            let backoff = Backoff { jitter, ..plain };
            let (full, wait) = (plain.wait(index, 0.0), backoff.wait(index, chance));
            prop_assert!(wait <= full && full <= plain.max);
            prop_assert!(wait.as_secs_f64() >= full.as_secs_f64() * (1.0 - jitter) - 1e-6);
        }
    }

    #[test]
    fn only_what_another_attempt_may_mend_is_retried() {
        let connect = Error::Connect { kind: ConnectErrorKind::Refused, source: None };
        let closed = |bytes_sent| Error::Closed { reused: true, bytes_sent };
        for (error, plain, upgrade) in [
            (connect, true, true),
            (closed(false), true, true),
            (closed(true), true, false),
            (Error::Protocol("x"), true, false),
            (Error::other("x"), true, false),
            (Error::Timeout(TimeoutKind::ResponseHeader), true, false),
            (Error::Timeout(TimeoutKind::PerTry), true, false),
            (Error::Timeout(TimeoutKind::Deadline), false, false),
            (Error::Unavailable { reason: ShedReason::Empty }, false, false),
            (Error::RequestBody(Arc::new(BodyError::Disconnected)), false, false),
            (Error::Canceled, false, false),
        ] {
            assert_eq!(is_worth_a_retry(&error, false), plain, "{error:?}");
            assert_eq!(is_worth_a_retry(&error, true), upgrade, "{error:?} of an upgrade");
        }
    }

    #[test]
    fn retry_after_up_to_a_second_is_waited_for() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let second = Duration::from_secs(1);
        for (value, expected) in [
            (None, RetryAfter::Unsaid),
            (Some("soon"), RetryAfter::Unsaid),
            (Some("0"), RetryAfter::Wait(Duration::ZERO)),
            (Some("1"), RetryAfter::Wait(second)),
            (Some("2"), RetryAfter::TooLong),
            (Some("60"), RetryAfter::TooLong),
            (Some("Sun, 06 Nov 1994 08:49:38 GMT"), RetryAfter::Wait(second)),
            (Some("Sun, 06 Nov 1994 08:49:36 GMT"), RetryAfter::Wait(Duration::ZERO)),
            (Some("Sun, 06 Nov 1994 08:50:38 GMT"), RetryAfter::TooLong),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            }
            assert_eq!(retry_after(&headers, date), expected, "{value:?}");
        }
    }
}
