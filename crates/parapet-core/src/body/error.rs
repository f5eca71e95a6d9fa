use std::convert::Infallible;
use std::io;

use crate::BoxError;

/// Why a body ended before its end.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or the body's owner stopped feeding it.
    #[error("the sender of the body went away")]
    Disconnected,
    /// The peer broke the framing (RFC 9112 §7, RFC 9113 §8.1): which rule.
    #[error("malformed body: {0}")]
    Malformed(&'static str),
    /// No progress for longer than the setting allows, or the request's deadline passed.
    #[error("the body made no progress in time")]
    Timeout,
    /// More bytes than a limit allows.
    #[error("the body is longer than the limit")]
    LengthLimitExceeded,
    /// The HTTP/2 stream was reset with this error code (RFC 9113 §7).
    #[error("the stream was reset with code {0}")]
    Reset(u32),
    /// The connection under the body failed.
    #[error("the connection of the body failed")]
    Io(#[from] io::Error),
    /// What the source of the body failed with.
    #[error("the source of the body failed")]
    Other(#[source] BoxError),
}

impl From<Infallible> for BodyError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<BoxError> for BodyError {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::Other(error),
        }
    }
}
