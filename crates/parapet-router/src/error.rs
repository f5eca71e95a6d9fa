/// Why a table of routes is refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A pattern without path.
    #[error("{0:?} has no path: write /… behind method and host")]
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
    /// A host that no request has. Wildcards are none: parapet-host has them.
    #[error(
        "{0:?} does not begin with a host name: write labels of A-Z a-z 0-9 - _, an international name as its A-label \
         (xn--…), or an address"
    )]
    InvalidName(String),
    /// A port behind the host: hosts are matched whatever the port.
    #[error("{0:?} has a port: leave it out, a host matches on every port")]
    Port(String),
    /// What stands before the space is no method (RFC 9110 §9.1).
    #[error("{0:?} is no method: write a token like GET, one space, then the pattern")]
    Method(String),
    /// Braces inside a segment, a name that is none or comes twice, `{name...}` or `{$}` before the end, or more than
    /// 16 names.
    #[error(
        "{0:?} has a misplaced wildcard: write {{name}} as a whole segment, {{name...}} or {{$}} as the last, each name \
         once, at most 16"
    )]
    Wildcard(String),
    /// One pattern twice.
    #[error("{0:?} comes twice: write it once")]
    Duplicate(String),
    /// Both match some request, and neither is more specific.
    #[error(
        "{a:?} and {b:?} match the same requests and neither is more specific: change or drop one"
    )]
    Conflict {
        /// The earlier one.
        a: String,
        /// The later one.
        b: String,
    },
}
