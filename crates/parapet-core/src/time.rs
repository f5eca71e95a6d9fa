//! The calendar clock: one reading of it, and the `Date` field made from it.

use std::cell::{Cell, RefCell};
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

/// The calendar time of an instant that is not long past, such as a request's arrival: correct to the clock's last step
/// within one second. Reads the clocks once a second and thread.
pub fn date_of(instant: Instant) -> SystemTime {
    thread_local! {
        static CACHED: Cell<Option<(Instant, SystemTime)>> = const { Cell::new(None) };
    }
    let read = || {
        let now = (Instant::now(), date());
        CACHED.set(Some(now));
        now
    };
    let (then, date) =
        CACHED.get().filter(|(then, _)| instant < *then + REREAD).unwrap_or_else(read);
    match instant.checked_duration_since(then) {
        Some(since) => date.checked_add(since),
        None => date.checked_sub(then.saturating_duration_since(instant)),
    }
    .unwrap_or(date)
}

/// How long one reading of the calendar counts.
const REREAD: Duration = Duration::from_secs(1);

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
