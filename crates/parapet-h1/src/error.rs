/// Why bytes of the peer are no message. Nothing after them may be read as one.
///
/// Complete on purpose: who answers a refusal decides for each kind. [`TargetTooLong`](Self::TargetTooLong) is
/// 414, [`HeadTooLarge`](Self::HeadTooLarge) and [`TooManyFields`](Self::TooManyFields) are 431,
/// [`Version`](Self::Version) is 505, the rest is 400 towards a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum DecodeError {
    /// LF without CR before it ends a line (RFC 9112 §2.2).
    BareLf,
    /// CR without LF after it, NUL or another control byte but HTAB (RFC 9110 §5.5).
    ControlByte,
    /// More than one empty line, or a bare LF, before the request line (RFC 9112 §2.2).
    EmptyLine,
    /// Not `method SP target SP HTTP/x.y` (RFC 9112 §3).
    RequestLine,
    /// Method of more than 32 bytes.
    MethodTooLong,
    /// Target form that is unknown or not the method's (RFC 9112 §3.2).
    TargetForm,
    /// `#` in the target (RFC 9112 §3.2: a fragment is never sent).
    Fragment,
    /// Target over [`Limits::target_bytes`](crate::Limits::target_bytes): 414.
    TargetTooLong,
    /// Byte that no target may have (RFC 3986 §2).
    TargetByte,
    /// `%` without two hex digits, or `%00`, in the path.
    PercentEncoding,
    /// Request line without a version.
    Http09,
    /// HTTP, but neither 1.0 nor 1.1: 505.
    Version,
    /// Head over [`Limits::head_bytes`](crate::Limits::head_bytes): 431.
    HeadTooLarge,
    /// More lines than [`Limits::field_lines`](crate::Limits::field_lines): 431.
    TooManyFields,
    /// Field line without colon, with a blank before it, or with an empty or non-token name (RFC 9112 §5.1).
    FieldLine,
    /// Line that begins with a blank (obs-fold, RFC 9112 §5.2).
    Fold,
    /// `Content-Length` that is no number or too large (RFC 9112 §6.3); in a request also one that is repeated, and
    /// one above zero with CONNECT (RFC 9110 §9.3.6).
    ContentLength,
    /// `Content-Length` beside `Transfer-Encoding` in a request (RFC 9112 §6.1).
    LengthAndCoding,
    /// `Transfer-Encoding` other than one `chunked`, in HTTP/1.0 (RFC 9112 §6.1), or with CONNECT
    /// (RFC 9110 §9.3.6).
    TransferEncoding,
    /// Chunk size that is none: empty, not hex, over 16 digits or 2⁶³ − 1 (RFC 9112 §7.1).
    ChunkSize,
    /// Chunk extension over its bounds, with a control byte, or with an open quote (RFC 9112 §7.1.1).
    ChunkExtension,
    /// Chunk data not followed by CRLF (RFC 9112 §7.1).
    ChunkEnd,
    /// Trailer section over its bounds, in bytes or lines.
    TrailersTooLarge,
    /// `Content-Length`, `Transfer-Encoding` or `Host` in the trailers of a request (RFC 9110 §6.5.1).
    TrailerField,
    /// Not `HTTP/1.x SP status`, or bytes before it (RFC 9112 §4).
    StatusLine,
    /// More 1xx heads than [`Limits::informational`](crate::Limits::informational).
    TooManyInformational,
    /// 101 to a request that asked for no upgrade (RFC 9110 §15.2.2).
    UnexpectedUpgrade,
    /// Bytes, or a new exchange, while no message may begin.
    OutOfTurn,
    /// The input ended inside a message (RFC 9112 §8).
    EarlyEnd,
}

impl DecodeError {
    /// What [`Display`](std::fmt::Display) prints, for who needs it without a formatter. Never bytes of the peer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BareLf => "line ends without carriage return",
            Self::ControlByte => "control byte",
            Self::EmptyLine => "empty lines before the request line",
            Self::RequestLine => "malformed request line",
            Self::MethodTooLong => "method too long",
            Self::TargetForm => "target form does not fit the method",
            Self::Fragment => "fragment in the target",
            Self::TargetTooLong => "target too long",
            Self::TargetByte => "byte in the target that must be encoded",
            Self::PercentEncoding => "malformed percent-encoding in the path",
            Self::Http09 => "HTTP/0.9 request",
            Self::Version => "HTTP version not supported",
            Self::HeadTooLarge => "head too large",
            Self::TooManyFields => "too many field lines",
            Self::FieldLine => "malformed field line",
            Self::Fold => "folded field line",
            Self::ContentLength => "invalid Content-Length",
            Self::LengthAndCoding => "Content-Length beside Transfer-Encoding",
            Self::TransferEncoding => "unsupported Transfer-Encoding",
            Self::ChunkSize => "malformed chunk size",
            Self::ChunkExtension => "malformed chunk extension",
            Self::ChunkEnd => "malformed end of chunk",
            Self::TrailersTooLarge => "trailers too large",
            Self::TrailerField => "framing or routing field in the trailers",
            Self::StatusLine => "malformed status line",
            Self::TooManyInformational => "too many informational responses",
            Self::UnexpectedUpgrade => "unrequested protocol switch",
            Self::OutOfTurn => "message out of turn",
            Self::EarlyEnd => "message ends early",
        }
    }
}

/// Why a message cannot be written. What was written of it must not be completed: close the connection.
///
/// Complete on purpose, as [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodeError {
    /// More content than the announced length.
    #[error("content is longer than announced")]
    Overrun,
    /// Less content than the announced length.
    #[error("content is shorter than announced")]
    Short,
    /// Request target with a blank or control byte, of a form the method cannot have, or none for CONNECT.
    #[error("request target cannot be sent")]
    Target,
    /// No `Host` and no authority, or more than one `Host` line (RFC 9112 §3.2).
    #[error("request without exactly one Host")]
    Host,
    /// A final head with a 1xx status but 101, an informational one with another, or 101 to an HTTP/1.0 client.
    #[error("status cannot be sent here")]
    Status,
    /// A request body until close, or one with CONNECT.
    #[error("framing cannot be sent here")]
    Framing,
    /// A head while a body is unfinished, or content without a head.
    #[error("encoder called out of turn")]
    OutOfTurn,
}
