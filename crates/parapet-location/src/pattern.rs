use parapet_core::path::check_pattern;
use regex::bytes::{Regex, RegexBuilder};

use crate::Error;

/// What a location matches.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Everything, a request without path too.
    Any,
    Exact(Box<str>),
    /// A prefix at a segment boundary.
    Prefix(Box<str>),
    Regexp(Regex),
}

impl Pattern {
    pub(crate) fn exact(text: &str) -> Result<Self, Error> {
        check_pattern(text).map_err(|error| Error::of_pattern(text, error))?;
        Ok(Self::Exact(text.into()))
    }

    pub(crate) fn prefix(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        check_pattern(text).map_err(|error| Error::of_pattern(text, error))?;
        Ok(Self::Prefix(text.into()))
    }

    pub(crate) fn regexp(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        let regexp = RegexBuilder::new(text).unicode(false).size_limit(1 << 20).build();
        regexp
            .map(Self::Regexp)
            .map_err(|source| Error::Regexp { pattern: text.to_owned(), source })
    }

    /// Whether the normal path `path` matches.
    pub(crate) fn is_match(&self, path: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => *path == *exact.as_bytes(),
            Self::Prefix(prefix) => path
                .strip_prefix(prefix.as_bytes())
                .is_some_and(|rest| is_boundary(prefix.as_bytes(), rest)),
            Self::Regexp(regexp) => regexp.is_match(path),
        }
    }
}

/// Whether a segment ends between `front` and `rest`.
pub(crate) fn is_boundary(front: &[u8], rest: &[u8]) -> bool {
    rest.is_empty() || rest.first() == Some(&b'/') || front.last() == Some(&b'/')
}
