use http::HeaderMap;
use http::header::CONTENT_TYPE;
use parapet_header::{MediaType, one_line};

/// What content without a readable type counts as.
const UNKNOWN: &[u8] = b"application/octet-stream";

/// Types that are text, or that compress as well.
const DEFAULT: &[&str] = &[
    "text/html",
    "application/json",
    "text/css",
    "text/javascript",
    "application/javascript",
    "text/plain",
    "image/svg+xml",
    "application/atom+xml",
    "application/ld+json",
    "application/manifest+json",
    "application/problem+json",
    "application/rss+xml",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-font-ttf",
    "application/x-javascript",
    "application/x-web-app-manifest+json",
    "application/xhtml+xml",
    "application/xml",
    "application/xml+rss",
    "font/opentype",
    "font/otf",
    "font/ttf",
    "image/x-icon",
    "text/markdown",
    "text/x-component",
    "text/xml",
];

/// The media types that are compressed.
#[derive(Clone, Debug)]
pub(crate) enum MediaTypes {
    All,
    /// `type/subtype`, compared without regard to case.
    These(Vec<Box<str>>),
}

impl MediaTypes {
    pub(crate) fn parse(types: &str) -> Self {
        let types = || types.split_ascii_whitespace();
        if types().any(|name| name == "*") {
            return Self::All;
        }
        // What is no `type/subtype` is the type of nothing.
        Self::These(
            types()
                .filter(|name| name.contains('/'))
                .map(|name| name.to_ascii_lowercase().into())
                .collect(),
        )
    }

    pub(crate) fn contains_that_of(&self, headers: &HeaderMap) -> bool {
        let Self::These(types) = self else { return true };
        let has = |essence: &[u8]| {
            // Nearly all origins write lower case, and to compare so costs a fourth.
            types.iter().any(|name| name.as_bytes() == essence)
                || (essence.iter().any(u8::is_ascii_uppercase)
                    && types.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(essence)))
        };
        let line = one_line(headers, &CONTENT_TYPE).ok().flatten();
        let essence = line.and_then(|line| line.as_bytes().split(|byte| *byte == b';').next());
        // Only what is not found has to be parsed, and that only for those who compress what has no type.
        essence.is_some_and(|essence| has(essence.trim_ascii()))
            || (has(UNKNOWN) && MediaType::of(headers).is_none())
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::These(types) if types.is_empty())
    }
}

impl Default for MediaTypes {
    fn default() -> Self {
        Self::These(DEFAULT.iter().copied().map(Box::from).collect())
    }
}
