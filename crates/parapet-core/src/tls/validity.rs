use std::time::{Duration, SystemTime};

/// When a certificate's validity ends, from its DER (RFC 5280 §4.1.2.5). `None` if it is not built as the RFC says.
///
/// Written out because webpki tells names but no dates, and an X.509 library for one date would bring twelve crates.
pub(crate) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_version, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    let (_serial, fields) = element(fields, INTEGER)?;
    let (_signature, fields) = element(fields, SEQUENCE)?;
    let (_issuer, fields) = element(fields, SEQUENCE)?;
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_not_before, rest) = time(validity)?;
    time(rest).map(|(time, _)| time)
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Content of the first element, if it has `tag`, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[first, length], rest) = der.split_first_chunk()?;
    if first != tag {
        return None;
    }
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, &byte| (length << 8) | usize::from(byte)), rest)
    };
    rest.split_at_checked(length)
}

fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    if let Some((text, rest)) = element(der, UTC_TIME) {
        let (&[tens, ones], text) = text.split_first_chunk()?;
        let short = two_digits(tens, ones)?;
        // RFC 5280 §4.1.2.5.1: two digits below 50 are of this century.
        let year = if short < 50 { 2000 + short } else { 1900 + short };
        return Some((date(year, text)?, rest));
    }
    let (text, rest) = element(der, GENERALIZED_TIME)?;
    let (&[a, b, c, d], text) = text.split_first_chunk()?;
    let year = two_digits(a, b)? * 100 + two_digits(c, d)?;
    Some((date(year, text)?, rest))
}

/// Rest of a date after the year: `MMDDHHMMSSZ`.
fn date(year: u64, text: &[u8]) -> Option<SystemTime> {
    let &[m0, m1, d0, d1, h0, h1, min0, min1, s0, s1, b'Z'] = text else { return None };
    let (month, day) = (two_digits(m0, m1)?, two_digits(d0, d1)?);
    let (hour, minute, second) =
        (two_digits(h0, h1)?, two_digits(min0, min1)?, two_digits(s0, s1)?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60; // a leap second counts as the one before it
    if !in_range {
        return None;
    }
    let seconds =
        days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second.min(59);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days from 1970-01-01 in the Gregorian calendar; the year is taken to begin in March, so that the leap day is its last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719,468 days from 0000-03-01 to 1970-01-01; the months before it only occur in 1970 and then cancel out.
    (year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1) - 719_468
}

fn two_digits(tens: u8, ones: u8) -> Option<u64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_forms_are_read_and_other_text_is_not() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229120000Z", Some(951_825_600)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", None), // 1950
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (GENERALIZED_TIME, "2050010100000+Z", None),
            (GENERALIZED_TIME, "20500101000000", None),
            (INTEGER, "700101000000Z", None),
        ] {
            let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
            der.extend(text.bytes());
            let got = time(&der)
                .map(|(time, _)| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
            assert_eq!(got, seconds, "{text}");
        }
    }

    #[test]
    fn a_certificate_cut_at_any_byte_has_no_date_or_the_right_one() {
        let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = generated.cert.der();
        let whole = not_after(der).unwrap();
        for end in 0..der.len() {
            assert!(not_after(&der[..end]).is_none_or(|date| date == whole), "{end}");
        }
    }
}
