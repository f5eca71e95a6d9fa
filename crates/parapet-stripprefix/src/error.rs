use parapet_core::path::PatternError;

/// Why a prefix is refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A prefix that does not begin with `/`: it would never match.
    #[error("{0:?} does not begin with a slash: write the whole path, /…")]
    LeadingSlash(String),
    /// A prefix with `%XX`.
    #[error("{0:?} is encoded: write it decoded, as in \"/a b\" for /a%20b")]
    Encoded(String),
    /// A prefix that no request has: not in normal form, or with `?` or `#`.
    #[error("{pattern:?} is not in normal form, no path begins with it: write {normal:?}")]
    NotNormal {
        /// As it was given.
        pattern: String,
        /// What to write instead.
        normal: String,
    },
}

impl Error {
    pub(crate) fn of_prefix(prefix: &str, error: PatternError) -> Self {
        let pattern = prefix.to_owned();
        match error {
            PatternError::LeadingSlash => Self::LeadingSlash(pattern),
            PatternError::NotNormal(normal) => Self::NotNormal { pattern, normal },
            _ => Self::Encoded(pattern),
        }
    }
}
