use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName};

use crate::list::list;
use crate::params::pair;
use crate::pieces::{cut, trim};

/// A weight in thousandths, 0 (refused) to 1000 (RFC 9110 §12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u16);

impl Quality {
    /// 1000: the weight of an element that states none.
    pub const MAX: Self = Self(1000);

    /// Thousandths, 0 to 1000.
    pub fn get(self) -> u16 {
        self.0
    }

    /// `0[.ddd]` or `1[.000]`, with three decimals at most.
    fn parse(text: &[u8]) -> Option<Self> {
        let (whole, decimals) = match text {
            [whole] => (whole, &[][..]),
            [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
            _ => return None,
        };
        if !decimals.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = decimals.iter().chain([b'0'; 3].iter()).take(3);
        let thousandths = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match (whole, thousandths) {
            (b'0', thousandths) => Some(Self(thousandths)),
            (b'1', 0) => Some(Self::MAX),
            _ => None,
        }
    }
}

/// Elements of a list with their weights, over all lines in order (RFC 9110 §12.4.2).
///
/// The element is what stands before the weight, so `text/html;level=1;q=0.5` gives
/// `text/html;level=1`. Without a weight it is [`Quality::MAX`]. An element with a malformed weight
/// (`gzip;q=2`, `gzip;q=`, `gzip;q=0.1234`) is left out.
pub fn weighted<'a>(
    map: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a [u8], Quality)> + use<'a> {
    list(map, name).filter_map(weigh)
}

/// What `Accept-Encoding` says of one content coding; `None`: not accepted (RFC 9110 §12.5.3).
///
/// An explicit member counts, else `*`; of several, the last. `x-gzip` is `gzip` and `x-compress`
/// is `compress` (RFC 9110 §8.4.1). Without the field, and with an empty one, only `identity` is
/// accepted: an older client that says nothing may not know the coding. `identity` is
/// [`Quality::MAX`] unless it has a weight of its own, or `*;q=0` without one refuses it.
pub fn coding_quality(map: &HeaderMap, coding: &str) -> Option<Quality> {
    let coding = without_alias(coding.as_bytes());
    let (mut named, mut any) = (None, None);
    // Most members name another coding, which their first byte tells: 45 in place of 57 ns on a
    // line of five.
    let first = |bytes: &[u8]| bytes.first().map(u8::to_ascii_lowercase);
    let may_name = |element: &[u8]| {
        let found = first(element);
        found == first(coding) || matches!(found, Some(b'*' | b'x'))
    };
    for element in list(map, &ACCEPT_ENCODING).filter(|element| may_name(element)) {
        let member = trim(cut(element, b';').0);
        let slot = match member {
            b"*" => &mut any,
            _ if without_alias(member).eq_ignore_ascii_case(coding) => &mut named,
            _ => continue,
        };
        if let Some((_, quality)) = weigh(element) {
            *slot = Some(quality);
        }
    }
    if coding.eq_ignore_ascii_case(b"identity") && any != Some(Quality(0)) {
        any = Some(Quality::MAX);
    }
    named.or(any).filter(|quality| quality.0 > 0)
}

fn without_alias(coding: &[u8]) -> &[u8] {
    match coding {
        [b'x' | b'X', b'-', name @ ..]
            if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"compress") =>
        {
            name
        }
        _ => coding,
    }
}

fn weigh(element: &[u8]) -> Option<(&[u8], Quality)> {
    let (head, mut rest) = cut(element, b';');
    let mut before_weight = head.len();
    let mut quality = Quality::MAX;
    while let Some(parameters) = rest {
        let (parameter, after) = cut(parameters, b';');
        let (name, value) = pair(trim(parameter));
        // `q =0` is a weight, if a malformed one: to take it for something else would turn a
        // refusal into a consent.
        if trim(name).eq_ignore_ascii_case(b"q") {
            quality = Quality::parse(value.filter(|_| name.len() == 1)?)?;
            break;
        }
        before_weight += 1 + parameter.len();
        rest = after;
    }
    let value = trim(element.get(..before_weight)?);
    (!value.is_empty()).then_some((value, quality))
}
