use std::time::{SystemTime, UNIX_EPOCH};

/// Writes `2026-11-24T10:31:05.123Z` (RFC 3339, UTC, milliseconds).
pub(crate) fn write_rfc3339(out: &mut Vec<u8>, time: SystemTime) {
    let Calendar { year, month, day, hour, minute, second, millis } = Calendar::of(time);
    let text = [
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
        b'T',
        digit(hour / 10),
        digit(hour),
        b':',
        digit(minute / 10),
        digit(minute),
        b':',
        digit(second / 10),
        digit(second),
        b'.',
        digit(millis / 100),
        digit(millis / 10),
        digit(millis),
        b'Z',
    ];
    out.extend_from_slice(&text);
}

/// Writes `24/Nov/2026:10:31:05 +0000` (the common log format).
pub(crate) fn write_common(out: &mut Vec<u8>, time: SystemTime) {
    let Calendar { year, month, day, hour, minute, second, .. } = Calendar::of(time);
    let name = MONTHS.get(month.saturating_sub(1) as usize).copied().unwrap_or("Jan");
    out.extend_from_slice(&[digit(day / 10), digit(day), b'/']);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&[
        b'/',
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b':',
        digit(hour / 10),
        digit(hour),
        b':',
        digit(minute / 10),
        digit(minute),
        b':',
        digit(second / 10),
        digit(second),
    ]);
    out.extend_from_slice(b" +0000");
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point in time in UTC. Times before 1970 read as 1970, which no request has seen.
struct Calendar {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    millis: u32,
}

impl Calendar {
    fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, in_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let in_day = u32::try_from(in_day).unwrap_or_default();
        let (year, month, day) = civil(u32::try_from(days).unwrap_or(u32::MAX / 4));
        Self {
            year,
            month,
            day,
            hour: in_day / 3_600,
            minute: in_day / 60 % 60,
            second: in_day % 60,
            millis: since.subsec_millis(),
        }
    }
}

/// Year, month and day of a number of days since 1970-01-01, counted in years that begin in March, so that the leap day is
/// the last one.
fn civil(days: u32) -> (u32, u32, u32) {
    let days = days.saturating_add(719_468); // since 0000-03-01
    let era = days / 146_097; // 400 years
    let in_era = days % 146_097;
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * in_year + 2) / 153; // 0 is March
    let day = in_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    (year, month, day)
}

fn digit(number: u32) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(write: fn(&mut Vec<u8>, SystemTime), secs: u64, millis: u64) -> String {
        let mut out = Vec::new();
        write(&mut out, UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(millis));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn points_in_time_are_written_in_utc() {
        for (secs, rfc3339, common) in [
            (0, "1970-01-01T00:00:00.007Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_400, "2000-02-29T00:00:00.007Z", "29/Feb/2000:00:00:00 +0000"),
            (951_868_800, "2000-03-01T00:00:00.007Z", "01/Mar/2000:00:00:00 +0000"),
            (1_704_067_199, "2023-12-31T23:59:59.007Z", "31/Dec/2023:23:59:59 +0000"),
            (1_795_516_265, "2026-11-24T10:31:05.007Z", "24/Nov/2026:10:31:05 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z", "01/Mar/2100:00:00:00 +0000"),
        ] {
            assert_eq!(text(write_rfc3339, secs, 7), rfc3339);
            assert_eq!(text(write_common, secs, 7), common);
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut before = (1969, 12, 31);
        for days in 0..182_622 {
            let today = civil(days);
            let (year, month, day) = before;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let next = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            assert_eq!(today, next, "day {days}");
            before = today;
        }
    }
}
