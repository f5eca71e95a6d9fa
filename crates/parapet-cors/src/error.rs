/// Why a middleware could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not an origin, nor a pattern of origins.
    #[error("{value:?} is no origin: {reason}")]
    Origin {
        /// As it was given.
        value: String,
        /// What is wrong with it.
        reason: OriginReason,
    },
}

/// What is wrong with an entry of a list of origins, and what to write.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OriginReason {
    /// `*`.
    #[error("for every origin take cors::new(), which sends no credentials")]
    Everybody,
    /// `null`.
    #[error("any site can send it; if it must be, set dangerous_allow_null(true)")]
    Null,
    /// No `scheme://`, or one that is none (RFC 3986 §3.1).
    #[error("write it with its scheme, as in https://example.com")]
    Scheme,
    /// Something behind host and port, a trailing `/` among it.
    #[error("an origin is scheme, host and port: drop the path, query and trailing /")]
    Path,
    /// `user@`.
    #[error("an origin has no user")]
    User,
    /// No host, or one with characters that no host has.
    #[error("the host is none")]
    Host,
    /// A port that is no number up to 65535.
    #[error("the port is no number from 0 to 65535, nor *")]
    Port,
    /// Letters beyond ASCII.
    #[error("write an international name in punycode, as browsers do: xn--...")]
    NotAscii,
    /// A `*` elsewhere than in place of the leftmost labels or the port, or with fewer than two labels behind it.
    #[error(
        "a * stands for the first labels, with two or more behind it, or for the port: https://*.example.com, http://localhost:*"
    )]
    Wildcard,
}
