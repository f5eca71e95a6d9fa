use parapet_core::path::PatternError;

/// Why a health check is refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A path that does not begin with `/`.
    #[error("{0:?} does not begin with a slash: write the whole path, /…")]
    LeadingSlash(String),
    /// A path with `%XX`.
    #[error("{0:?} is encoded: write it decoded, as in \"/a b\" for /a%20b")]
    Encoded(String),
    /// A path that no request has: not in normal form, or with `?` or `#`.
    #[error("{path:?} is not in normal form, no path is equal to it: write {normal:?}")]
    NotNormal {
        /// As it was given.
        path: String,
        /// What to write instead.
        normal: String,
    },
    /// More conditions than a probe should wait for.
    #[error("there are 16 readiness checks already, which is the most: join some into one")]
    TooManyChecks,
}

impl Error {
    pub(crate) fn of_path(path: &str, error: PatternError) -> Self {
        let path = path.to_owned();
        match error {
            PatternError::LeadingSlash => Self::LeadingSlash(path),
            PatternError::NotNormal(normal) => Self::NotNormal { path, normal },
            _ => Self::Encoded(path),
        }
    }
}
