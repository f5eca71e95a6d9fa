//! What the client accepts (RFC 9110 §12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use parapet_header::{Quality, coding_quality, one_line, weighted};

use crate::Encoding;

/// What a layer makes of `Accept-Encoding`.
pub(crate) struct Accept {
    /// In the server's order of preference, each name once.
    offers: Vec<Encoding>,
    /// The answers to what nearly all clients send: to compare takes 10 ns, to negotiate up to 100.
    usual: [(&'static [u8], Option<Encoding>); USUAL.len()],
}

/// Browsers of today over TLS and without, curl, Go and Python.
const USUAL: [&str; 5] = [
    "gzip, deflate, br, zstd",
    "gzip, deflate, br",
    "gzip, deflate",
    "gzip",
    "deflate, gzip, br, zstd",
];

impl Accept {
    pub(crate) fn new(offers: &[Encoding]) -> Self {
        let usual = USUAL.map(|line| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(line))]);
            (line.as_bytes(), choose(&headers, offers))
        });
        Self { offers: offers.to_vec(), usual }
    }

    /// The encoding to use for a client that sent `headers`.
    pub(crate) fn choose(&self, headers: &HeaderMap) -> Option<Encoding> {
        let line = match one_line(headers, &ACCEPT_ENCODING) {
            Ok(None) => return None,
            Ok(Some(line)) => line.as_bytes(),
            Err(_) => &[],
        };
        let usual = self.usual.iter().find(|(usual, _)| *usual == line);
        usual.map_or_else(|| choose(headers, &self.offers), |(_, chosen)| *chosen)
    }
}

/// Most distinct encodings that there are to offer.
const MOST: usize = 4;

/// The encoding to use, out of `offers` in the server's order of preference.
///
/// A single offer is taken if it is accepted at all. Among several the client's weights decide, then the order, and
/// none is taken if the client names `identity` with a greater weight.
fn choose(headers: &HeaderMap, offers: &[Encoding]) -> Option<Encoding> {
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

#[cfg(test)]
#[cfg(all(feature = "br", feature = "gzip", feature = "zstd"))]
mod tests {
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
            let chosen = Accept::new(&offers).choose(&headers).map(|offer| offer.name());
            prop_assert_eq!(chosen, expected.map(|(name, _)| name), "{:?}", headers);
        }
    }

    #[test]
    fn the_usual_lines_are_answered_as_any_other() {
        let offers: Vec<_> = Encoding::all().collect();
        let accept = Accept::new(&offers);
        for lines in USUAL.map(|line| vec![line]).into_iter().chain([vec![], vec!["gzip", "br"]]) {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            let expected = choose(&headers, &offers).map(|offer| offer.name());
            assert_eq!(accept.choose(&headers).map(|offer| offer.name()), expected, "{lines:?}");
            assert_eq!(expected.is_some(), !lines.is_empty());
        }
    }
}
