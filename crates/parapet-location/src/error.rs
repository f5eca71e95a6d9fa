use parapet_core::path::PatternError;

/// Why a location or a table of locations is refused.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A path that does not begin with `/`: it would never match.
    #[error("{0:?} does not begin with a slash: write the whole path, /…")]
    LeadingSlash(String),
    /// A path with `%XX`.
    #[error("{0:?} is encoded: write it decoded, as in \"/a b\" for /a%20b")]
    Encoded(String),
    /// A path that no request has: not in normal form, or with `?` or `#`.
    #[error("{pattern:?} is not in normal form, no path is equal to it: write {normal:?}")]
    NotNormal {
        /// As it was given.
        pattern: String,
        /// What to write instead.
        normal: String,
    },
    /// A regular expression that does not parse, or compiles to more than 1 MiB.
    #[error("{pattern:?} is no regular expression, or compiles to more than 1 MiB")]
    Regexp {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: regex::Error,
    },
    /// The regular expressions of one table compile to more than 10 MiB.
    #[error("the {count} regular expressions of the table compile to more than 10 MiB together")]
    RegexpSet {
        /// How many there are.
        count: usize,
        /// What the compiler said.
        #[source]
        source: regex::Error,
    },
    /// One pattern of one kind twice in a table.
    #[error("{0:?} comes twice: write it once")]
    Duplicate(String),
}

impl Error {
    pub(crate) fn of_pattern(pattern: &str, error: PatternError) -> Self {
        let pattern = pattern.to_owned();
        match error {
            PatternError::LeadingSlash => Self::LeadingSlash(pattern),
            PatternError::NotNormal(normal) => Self::NotNormal { pattern, normal },
            _ => Self::Encoded(pattern),
        }
    }
}
