use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use parapet_header::coding_quality;

/// A content coding in which files may lie beside the originals.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `name.zst` (RFC 8878; the window must not be above 8 MiB, RFC 9659).
    Zstd,
    /// `name.br` (RFC 7932).
    Br,
    /// `name.gz` (RFC 1952).
    Gzip,
}

impl Encoding {
    /// Those of `offered` that the client accepts, its favourite first, ties in the order offered.
    pub(crate) fn accepted(offered: &[Self], headers: &HeaderMap) -> Vec<Self> {
        if offered.is_empty() || !headers.contains_key(ACCEPT_ENCODING) {
            return Vec::new();
        }
        let quality = |encoding: &Self| {
            coding_quality(headers, encoding.token()).filter(|quality| quality.get() > 0)
        };
        let mut accepted: Vec<_> =
            offered.iter().filter_map(|encoding| Some((quality(encoding)?, *encoding))).collect();
        accepted.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        accepted.into_iter().map(|(_, encoding)| encoding).collect()
    }

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Zstd => ".zst",
            Self::Br => ".br",
            Self::Gzip => ".gz",
        }
    }

    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.token())
    }

    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }
}
