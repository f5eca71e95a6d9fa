use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::certificate::Certificate;

/// When a certificate that has this much left is worth a warning.
const SOON: Duration = Duration::from_secs(7 * 86_400);
const DAY: u64 = 86_400;

/// Remembers when the last round of warnings was: there is one a day.
#[derive(Debug, Default)]
pub(crate) struct ExpiryNotice {
    /// Seconds of the calendar; 0: never.
    last: AtomicU64,
}

impl ExpiryNotice {
    /// Whether a round is due at `now`; only one of several callers at once is told so. A clock that steps back by more
    /// than a day makes one due.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().max(1);
        let last = self.last.load(Ordering::Relaxed);
        (last == 0 || now.abs_diff(last) >= DAY)
            && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Tells the log of each that expires soon.
pub(crate) fn warn(certificates: &[Certificate], now: SystemTime) {
    for certificate in expiring(certificates, now) {
        tracing::warn!(
            ?certificate,
            days_left = days_left(certificate.not_after(), now),
            "the certificate expires soon: renew it"
        );
    }
}

/// Those that have less than a week left, or none.
fn expiring(certificates: &[Certificate], now: SystemTime) -> impl Iterator<Item = &Certificate> {
    certificates.iter().filter(move |certificate| is_soon(certificate.not_after(), now))
}

fn is_soon(not_after: SystemTime, now: SystemTime) -> bool {
    not_after.duration_since(now).is_ok_and(|left| left < SOON) || not_after <= now
}

fn days_left(not_after: SystemTime, now: SystemTime) -> u64 {
    not_after.duration_since(now).unwrap_or_default().as_secs() / DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_due_at_first_and_then_once_a_day() {
        let notice = ExpiryNotice::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (hours, due) in
            [(0, true), (0, false), (23, false), (24, true), (30, false), (48, true)]
        {
            let now = start + Duration::from_secs(hours * 3_600);
            assert_eq!(notice.is_due(now), due, "{hours}");
        }
        assert!(notice.is_due(SystemTime::UNIX_EPOCH), "the clock stepped back");
    }

    #[test]
    fn less_than_seven_days_is_soon() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (not_after, soon) in
            [(now + SOON, false), (now + SOON - Duration::from_secs(1), true), (now, true)]
        {
            assert_eq!(is_soon(not_after, now), soon, "{not_after:?}");
        }
        assert!(is_soon(now - SOON, now));
    }
}
