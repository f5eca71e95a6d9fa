//! What went wrong on the wire, as an error of the attempt or of the response body.

use std::io;
use std::sync::Arc;

use parapet_core::BodyError;
use parapet_h1::DecodeError;

use super::{Unit, UploadError};
use crate::{ConnectErrorKind, Error, TimeoutKind};

/// Why an exchange has no head.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection ended; the request may be sent again on another one.
    Closed,
    Fatal(Error),
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Fatal(Error::Protocol(text(error)))
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        let error = match error {
            UploadError::Body(error) => error,
            UploadError::Length => LENGTH,
        };
        Self::Fatal(Error::RequestBody(Arc::new(error)))
    }
}

impl Failure {
    /// A read failed before the head.
    pub(super) fn of_read(error: io::Error, unit: &Unit, reused: bool) -> Self {
        if is_end(&error) {
            return Self::Closed;
        }
        if error.kind() == io::ErrorKind::TimedOut {
            return Self::Fatal(Error::Timeout(TimeoutKind::ResponseHeader));
        }
        if unit.io.is_tls() && error.kind() == io::ErrorKind::InvalidData {
            // TLS 1.3 reports a refused client certificate only here.
            let fresh = !reused && !unit.received;
            return Self::Fatal(if fresh && is_certificate_alert(&error) {
                Error::connect(ConnectErrorKind::Tls, error)
            } else {
                Error::Protocol("tls")
            });
        }
        Self::Fatal(Error::other(error))
    }
}

/// The failure of an upload, told to the reader of the response.
pub(crate) fn body_error(error: UploadError) -> BodyError {
    let error = match error {
        UploadError::Body(error) => error,
        UploadError::Length => LENGTH,
    };
    BodyError::Other(Box::new(error))
}

const LENGTH: BodyError = BodyError::Malformed("content does not have its announced length");

/// The peer is gone; which of these one sees is a matter of timing.
pub(crate) fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(
        error.kind(),
        ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof
    )
}

fn is_certificate_alert(error: &io::Error) -> bool {
    #[cfg(feature = "tls")]
    {
        crate::dial::tls::is_certificate_alert(error)
    }
    #[cfg(not(feature = "tls"))]
    {
        let _ = error;
        false
    }
}

/// The text of a fault, without a formatter's allocation.
pub(crate) fn text(error: DecodeError) -> &'static str {
    match error {
        DecodeError::BareLf => "line ends without carriage return",
        DecodeError::ControlByte => "control byte in the head",
        DecodeError::Version => "HTTP version not supported",
        DecodeError::HeadTooLarge => "head too large",
        DecodeError::TooManyFields => "too many field lines",
        DecodeError::FieldLine => "malformed field line",
        DecodeError::Fold => "folded field line",
        DecodeError::ContentLength => "invalid Content-Length",
        DecodeError::TransferEncoding => "unsupported Transfer-Encoding",
        DecodeError::ChunkSize => "malformed chunk size",
        DecodeError::ChunkExtension => "malformed chunk extension",
        DecodeError::ChunkEnd => "malformed end of chunk",
        DecodeError::TrailersTooLarge => "trailers too large",
        DecodeError::StatusLine => "malformed status line",
        DecodeError::TooManyInformational => "too many informational responses",
        DecodeError::UnexpectedUpgrade => "unrequested protocol switch",
        DecodeError::OutOfTurn => "message out of turn",
        DecodeError::EarlyEnd => "message ends early",
        // Kinds that only requests can have.
        _ => "malformed message",
    }
}
