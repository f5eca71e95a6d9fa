//! The calendar clock: one reading of it, and the `Date` field made from it.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::time::Instant;

/// The calendar time. The one place where it is read; spans are measured with [`tokio::time::Instant`].
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one reading that the lint points everybody to"
)]
pub fn date() -> SystemTime {
    SystemTime::now()
}

/// The value of a `Date` field (RFC 9110 §6.6.1), made once a second and thread.
pub fn http_date() -> HeaderValue {
    http_date_at(Instant::now())
}

/// [`http_date`] for a caller that knows what time it is.
pub(crate) fn http_date_at(now: Instant) -> HeaderValue {
    thread_local! {
        static CACHED: RefCell<Option<(Instant, HeaderValue)>> = const { RefCell::new(None) };
    }
    CACHED.with_borrow_mut(|cached| match cached {
        Some((until, value)) if now < *until => value.clone(),
        _ => {
            let date = date();
            // Until the next full second of the calendar, so that the value is never a second late.
            let into_second =
                date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
            let left =
                Duration::from_secs(1).saturating_sub(Duration::from_nanos(into_second.into()));
            let text = httpdate::fmt_http_date(date);
            let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(text))
                .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
            *cached = Some((now + left, value.clone()));
            value
        }
    })
}
