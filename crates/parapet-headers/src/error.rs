use std::fmt;

/// Why a layer could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a header field name (RFC 9110 §5.1), or a prefix of fewer than two characters.
    #[error("{place}: {name:?} is not a header field name")]
    Name {
        /// Where.
        place: Place,
        /// As it was given.
        name: String,
    },
    /// Not a header field value (RFC 9110 §5.5): CR, LF, NUL or another control byte.
    #[error("{place}: {value:?} is not a value for header field {name}")]
    Value {
        /// Where.
        place: Place,
        /// The field.
        name: String,
        /// As it was given.
        value: String,
    },
    /// The field frames the message or belongs to one connection: the server writes it.
    #[error(
        "{place}: header field {name} frames the message or its connection, the server writes it"
    )]
    Reserved {
        /// Where.
        place: Place,
        /// The field.
        name: String,
    },
    /// Not an authority for `Host` (RFC 9110 §7.2).
    #[error("{place}: {value:?} is no host: write example.com or example.com:8080")]
    Host {
        /// Where.
        place: Place,
        /// As it was given.
        value: String,
    },
}

/// The operation that an error is about, and which of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) operation: &'static str,
    pub(crate) index: usize,
}

/// For instance `set_response, entry 2`, counted from 1.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, entry {}", self.operation, self.index + 1)
    }
}
