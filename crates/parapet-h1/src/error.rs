/// Why bytes of the peer are no message. Nothing after them may be read as one.
///
/// Complete on purpose: who answers a refusal decides for each kind. [`TargetTooLong`](Self::TargetTooLong) is
/// 414, [`HeadTooLarge`](Self::HeadTooLarge) and [`TooManyFields`](Self::TooManyFields) are 431,
/// [`Version`](Self::Version) is 505, the rest is 400 towards a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// LF without CR before it ends a line (RFC 9112 §2.2).
    #[error("line ends without carriage return")]
    BareLf,
    /// CR without LF after it, NUL or another control byte but HTAB (RFC 9110 §5.5).
    #[error("control byte in the head")]
    ControlByte,
    /// More than one empty line, or a bare LF, before the request line (RFC 9112 §2.2).
    #[error("empty lines before the request line")]
    EmptyLine,
    /// Not `method SP target SP HTTP/x.y` (RFC 9112 §3).
    #[error("malformed request line")]
    RequestLine,
    /// Method of more than 32 bytes.
    #[error("method too long")]
    MethodTooLong,
    /// Target form that is unknown or not the method's (RFC 9112 §3.2).
    #[error("target form does not fit the method")]
    TargetForm,
    /// `#` in the target (RFC 9112 §3.2: a fragment is never sent).
    #[error("fragment in the target")]
    Fragment,
    /// Target over [`Limits::target_bytes`](crate::Limits::target_bytes): 414.
    #[error("target too long")]
    TargetTooLong,
    /// Byte that no target may have (RFC 3986 §2).
    #[error("byte in the target that must be encoded")]
    TargetByte,
    /// `%` without two hex digits, or `%00`, in the path.
    #[error("malformed percent-encoding in the path")]
    PercentEncoding,
    /// Request line without a version.
    #[error("HTTP/0.9 request")]
    Http09,
    /// HTTP, but neither 1.0 nor 1.1: 505.
    #[error("HTTP version not supported")]
    Version,
    /// Head over [`Limits::head_bytes`](crate::Limits::head_bytes): 431.
    #[error("head too large")]
    HeadTooLarge,
    /// More lines than [`Limits::field_lines`](crate::Limits::field_lines): 431.
    #[error("too many field lines")]
    TooManyFields,
    /// Field line without colon, with a blank before it, or with an empty or non-token name (RFC 9112 §5.1).
    #[error("malformed field line")]
    FieldLine,
    /// Line that begins with a blank (obs-fold, RFC 9112 §5.2).
    #[error("folded field line")]
    Fold,
    /// `Content-Length` that is no number, too large, or (in a request) repeated (RFC 9112 §6.3).
    #[error("invalid Content-Length")]
    ContentLength,
    /// `Content-Length` beside `Transfer-Encoding` in a request (RFC 9112 §6.1).
    #[error("Content-Length beside Transfer-Encoding")]
    LengthAndCoding,
    /// `Transfer-Encoding` other than one `chunked`, or in HTTP/1.0 (RFC 9112 §6.1).
    #[error("unsupported Transfer-Encoding")]
    TransferEncoding,
    /// Chunk size that is none: empty, not hex, over 16 digits or 2⁶³ − 1 (RFC 9112 §7.1).
    #[error("malformed chunk size")]
    ChunkSize,
    /// Chunk extension over its bounds, with a control byte, or with an open quote (RFC 9112 §7.1.1).
    #[error("malformed chunk extension")]
    ChunkExtension,
    /// Chunk data not followed by CRLF (RFC 9112 §7.1).
    #[error("malformed end of chunk")]
    ChunkEnd,
    /// Trailer section over its bounds, in bytes or lines.
    #[error("trailers too large")]
    TrailersTooLarge,
    /// `Content-Length`, `Transfer-Encoding` or `Host` in the trailers of a request (RFC 9110 §6.5.1).
    #[error("framing or routing field in the trailers")]
    TrailerField,
    /// Not `HTTP/1.x SP status`, or bytes before it (RFC 9112 §4).
    #[error("malformed status line")]
    StatusLine,
    /// More 1xx heads than [`Limits::informational`](crate::Limits::informational).
    #[error("too many informational responses")]
    TooManyInformational,
    /// 101 to a request that asked for no upgrade (RFC 9110 §15.2.2).
    #[error("unrequested protocol switch")]
    UnexpectedUpgrade,
    /// Bytes, or a new exchange, while no message may begin.
    #[error("message out of turn")]
    OutOfTurn,
    /// The input ended inside a message (RFC 9112 §8).
    #[error("message ends early")]
    EarlyEnd,
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
