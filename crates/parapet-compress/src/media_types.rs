use http::HeaderMap;
use parapet_header::MediaType;

/// What content without a readable type counts as.
const UNKNOWN: &str = "application/octet-stream";

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
        Self::These(types().map(Box::from).collect())
    }

    pub(crate) fn contains_that_of(&self, headers: &HeaderMap) -> bool {
        let Self::These(types) = self else { return true };
        let found = MediaType::of(headers);
        let essence = found.as_ref().map_or(UNKNOWN, MediaType::essence);
        types.iter().any(|name| name.eq_ignore_ascii_case(essence))
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
