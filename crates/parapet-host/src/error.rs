/// Why a host pattern or a table of hosts is refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Empty, blank, over 253 bytes, with an empty label or one over 63 bytes, or with a character that no host name has.
    #[error(
        "{0:?} is no host name: write labels of A-Z a-z 0-9 - _, 1 to 63 bytes each, at most 253 bytes in all"
    )]
    InvalidName(String),
    /// A name that is not ASCII.
    #[error("{0:?} is not ASCII: write the A-label (xn--…), as browsers send it")]
    NotAscii(String),
    /// A `*` that is neither the whole pattern nor the whole first label.
    #[error("{0:?} has a misplaced wildcard: write * alone, or *. in front of a name")]
    Wildcard(String),
    /// A port: hosts are matched whatever the port.
    #[error("{0:?} has a port: leave it out, a host matches on every port")]
    Port(String),
    /// One host twice, in one list or in two routes.
    #[error("{pattern:?} is the same host as {other:?}: write it once")]
    Duplicate {
        /// The later one.
        pattern: String,
        /// The earlier one.
        other: String,
    },
    /// Not a network in CIDR form.
    #[error("{0:?} is no network: write 10.0.0.0/8 or fd00::/8, a single address as 10.0.0.1/32")]
    Cidr(String),
}
