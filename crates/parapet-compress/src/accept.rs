//! What the client accepts (RFC 9110 §12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use parapet_header::{Quality, coding_quality, weighted};

use crate::Encoding;

/// Most distinct encodings that there are to offer.
const MOST: usize = 4;

/// The encoding to use, out of `offers` in the server's order of preference.
///
/// A single offer is taken if it is accepted at all. Among several the client's weights decide, then the order, and
/// none is taken if the client names `identity` with a greater weight.
pub(crate) fn choose(headers: &HeaderMap, offers: &[Encoding]) -> Option<Encoding> {
    match offers {
        [offer] => coding_quality(headers, offer.name()).map(|_| *offer),
        offers => negotiate(headers, offers),
    }
}

/// By the rules of [`coding_quality`], for all offers in one pass over the field.
fn negotiate(headers: &HeaderMap, offers: &[Encoding]) -> Option<Encoding> {
    let mut named = [None::<Quality>; MOST];
    let (mut any, mut identity) = (None, None);
    for (element, quality) in weighted(headers, &ACCEPT_ENCODING) {
        let name = element.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if name == b"*" {
            any = Some(quality);
        } else if is("identity") {
            identity = Some(quality);
        } else {
            for (offer, slot) in offers.iter().zip(&mut named) {
                if is(offer.name()) || (offer.name() == "gzip" && is("x-gzip")) {
                    *slot = Some(quality);
                }
            }
        }
    }
    let mut best = None;
    for (offer, named) in offers.iter().zip(named) {
        let quality = named.or(any).map_or(0, Quality::get);
        if quality > best.map_or(0, |(_, best)| best) {
            best = Some((*offer, quality));
        }
    }
    let (offer, quality) = best?;
    (identity.map_or(0, Quality::get) <= quality).then_some(offer)
}

#[cfg(all(test, feature = "br", feature = "gzip", feature = "zstd"))]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn element() -> impl Strategy<Value = String> {
        let name = proptest::sample::select(vec![
            "gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "*", "compress", "x-br", "", "gzi",
        ]);
        let weight = proptest::sample::select(vec![
            "",
            ";q=0",
            ";q=1",
            ";q=0.5",
            ";q=0.501",
            "; Q=0.9",
            ";q=2",
            ";q=",
            ";a=b;q=0.3",
            ";q =0",
            ";level=1",
        ]);
        (name, weight).prop_map(|(name, weight)| format!("{name}{weight}"))
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_asking_for_each_encoding_would(
            lines in proptest::collection::vec(proptest::collection::vec(element(), 0..5), 0..3),
        ) {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_str(&line.join(", ")).unwrap();
                headers.append(ACCEPT_ENCODING, line);
            }
            let offers: Vec<_> = Encoding::all().collect();
            let mut expected = None;
            for offer in &offers {
                let quality = coding_quality(&headers, offer.name()).map(Quality::get);
                if quality > expected.map(|(_, quality)| quality) {
                    expected = quality.map(|quality| (offer.name(), quality));
                }
                let single = choose(&headers, &[*offer]).map(|offer| offer.name());
                prop_assert_eq!(single, quality.map(|_| offer.name()));
            }
            let chosen = choose(&headers, &offers).map(|offer| offer.name());
            prop_assert_eq!(chosen, expected.map(|(name, _)| name), "{:?}", headers);
        }
    }
}
