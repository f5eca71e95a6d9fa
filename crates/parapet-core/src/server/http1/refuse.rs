//! What cannot be a request, and what it is answered.

use http::StatusCode;
use parapet_h1::DecodeError;

/// Status, text of the answer, and the word for logs and metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
    pub(super) kind: &'static str,
}

impl Refusal {
    pub(super) const TIMEOUT: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        text: "Request Timeout",
        kind: "read_header_timeout",
    };
    pub(super) const AUTHORITY: Self =
        Self { status: StatusCode::BAD_REQUEST, text: "Bad Request", kind: "authority" };
    pub(super) const MISDIRECTED: Self = Self {
        status: StatusCode::MISDIRECTED_REQUEST,
        text: "Misdirected Request",
        kind: "server_name",
    };
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let (status, reason) = match error {
            DecodeError::TargetTooLong => (StatusCode::URI_TOO_LONG, "URI Too Long"),
            DecodeError::HeadTooLarge | DecodeError::TooManyFields => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
            }
            DecodeError::Version => {
                (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTP Version Not Supported")
            }
            _ => (StatusCode::BAD_REQUEST, "Bad Request"),
        };
        Self { status, text: reason, kind: text(error) }
    }
}

/// A fixed text for each kind, for `BodyError::Malformed` and for metrics.
pub(super) fn text(error: DecodeError) -> &'static str {
    match error {
        DecodeError::BareLf => "line ends without carriage return",
        DecodeError::ControlByte => "control byte",
        DecodeError::EmptyLine => "empty lines before the request line",
        DecodeError::RequestLine => "malformed request line",
        DecodeError::MethodTooLong => "method too long",
        DecodeError::TargetForm => "target form does not fit the method",
        DecodeError::Fragment => "fragment in the target",
        DecodeError::TargetTooLong => "target too long",
        DecodeError::TargetByte => "byte in the target that must be encoded",
        DecodeError::PercentEncoding => "malformed percent-encoding in the path",
        DecodeError::Http09 => "HTTP/0.9 request",
        DecodeError::Version => "HTTP version not supported",
        DecodeError::HeadTooLarge => "head too large",
        DecodeError::TooManyFields => "too many field lines",
        DecodeError::FieldLine => "malformed field line",
        DecodeError::Fold => "folded field line",
        DecodeError::ContentLength => "invalid Content-Length",
        DecodeError::LengthAndCoding => "Content-Length beside Transfer-Encoding",
        DecodeError::TransferEncoding => "unsupported Transfer-Encoding",
        DecodeError::ChunkSize => "malformed chunk size",
        DecodeError::ChunkExtension => "malformed chunk extension",
        DecodeError::ChunkEnd => "malformed end of chunk",
        DecodeError::TrailersTooLarge => "trailers too large",
        DecodeError::TrailerField => "framing or routing field in the trailers",
        DecodeError::EarlyEnd => "message ends early",
        _ => "malformed message",
    }
}
