//! What hyper and h2 say went wrong, as an error of the attempt or of the response body.

use std::error::Error as StdError;
use std::io;

use parapet_core::BodyError;

use crate::{Error, TimeoutKind};

/// Why a request has no head.
#[derive(Debug)]
pub(super) enum Failure {
    /// The peer has not looked at it (RFC 9113 §8.7): it may be sent again whatever its method.
    Unprocessed(Error),
    Fatal(Error),
}

impl Failure {
    pub(super) fn of(error: hyper::Error, reused: bool) -> Self {
        let closed = Error::Closed { reused, bytes_sent: true };
        if let Some(h2) = cause::<h2::Error>(&error) {
            let remote = h2.is_remote();
            return match h2.reason() {
                Some(h2::Reason::REFUSED_STREAM) if remote => Self::Unprocessed(closed),
                // Only streams above the last one that it has looked at hear of a GOAWAY without an error.
                Some(h2::Reason::NO_ERROR) if remote && h2.is_go_away() => {
                    Self::Unprocessed(closed)
                }
                Some(_) if remote => Self::Fatal(closed),
                Some(_) if h2.is_library() => Self::Fatal(Error::Protocol("http/2")),
                _ => Self::Fatal(of_io(&error, closed)),
            };
        }
        if error.is_timeout() {
            return Self::Fatal(Error::Timeout(TimeoutKind::ResponseHeader));
        }
        if error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
            return Self::Fatal(closed);
        }
        let io = cause::<io::Error>(&error).is_some();
        Self::Fatal(if io { of_io(&error, closed) } else { Error::other(error) })
    }
}

fn of_io(error: &hyper::Error, closed: Error) -> Error {
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => Error::Timeout(TimeoutKind::ResponseHeader),
        _ => closed,
    }
}

/// A response body failed.
pub(super) fn of_body(error: hyper::Error) -> BodyError {
    if let Some(h2) = cause::<h2::Error>(&error)
        && let Some(reason) = h2.reason()
    {
        return if h2.is_remote() {
            BodyError::Reset(reason.into())
        } else {
            BodyError::Malformed("the stream breaks HTTP/2")
        };
    }
    if error.is_timeout() {
        return BodyError::Timeout;
    }
    let gone = error.is_closed() || error.is_canceled() || error.is_incomplete_message();
    match cause::<io::Error>(&error) {
        Some(io) => BodyError::Io(io.kind().into()),
        None if gone => BodyError::Io(io::ErrorKind::UnexpectedEof.into()),
        None => BodyError::Other(Box::new(error)),
    }
}

/// The first cause of type `E`.
fn cause<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}
