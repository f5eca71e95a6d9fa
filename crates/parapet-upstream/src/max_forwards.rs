//! `Max-Forwards` (RFC 9110 §7.6.2): pure.

use http::header::MAX_FORWARDS;
use http::{HeaderMap, HeaderValue, Method};
use parapet_header::one_line;

/// What a request with `Max-Forwards` is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// It goes on as it is: no TRACE or OPTIONS, no such field, or none that can be read.
    Unchanged,
    /// It goes on with this value.
    Counted(HeaderValue),
    /// It ends here.
    Ends,
}

/// Reads the field where it has a meaning.
pub(crate) fn forwarding(method: &Method, headers: &HeaderMap) -> Forwarding {
    if *method != Method::TRACE && *method != Method::OPTIONS {
        return Forwarding::Unchanged;
    }
    let Ok(Some(value)) = one_line(headers, &MAX_FORWARDS) else {
        return Forwarding::Unchanged;
    };
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Forwarding::Unchanged;
    }
    // More than we can count is cut to the most that we can, as the RFC allows.
    let hops = digits
        .iter()
        .fold(0_u32, |hops, digit| hops.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    match hops.checked_sub(1) {
        Some(left) => Forwarding::Counted(left.into()),
        None => Forwarding::Ends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_counted_for_trace_and_options_only() {
        let counted = |hops: u32| Forwarding::Counted(hops.into());
        for (method, lines, expected) in [
            (Method::TRACE, &["0"][..], Forwarding::Ends),
            (Method::OPTIONS, &["00"], Forwarding::Ends),
            (Method::OPTIONS, &["1"], counted(0)),
            (Method::TRACE, &["10"], counted(9)),
            (Method::TRACE, &["99999999999999999999"], counted(u32::MAX - 1)),
            (Method::TRACE, &[], Forwarding::Unchanged),
            (Method::TRACE, &[""], Forwarding::Unchanged),
            (Method::TRACE, &["-1"], Forwarding::Unchanged),
            (Method::TRACE, &["+1"], Forwarding::Unchanged),
            (Method::TRACE, &["1", "1"], Forwarding::Unchanged),
            (Method::GET, &["0"], Forwarding::Unchanged),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(MAX_FORWARDS, HeaderValue::from_static(line));
            }
            assert_eq!(forwarding(&method, &headers), expected, "{method} {lines:?}");
        }
    }
}
