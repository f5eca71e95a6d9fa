use bytes::BytesMut;
use http::HeaderMap;

use crate::{EncodeError, Framing, Wrap};

/// The content of a message that is being written.
///
/// ```text
/// Between ─head→ Length(left) | Chunked | UntilClose ─end→ Between      any → Failed (repeats its error)
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Outbound {
    #[default]
    Between,
    Length(u64),
    Chunked,
    UntilClose,
    Failed(EncodeError),
}

impl From<Framing> for Outbound {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked,
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Outbound {
    /// Whether a head may be written now.
    pub(crate) fn ready(self) -> Result<(), EncodeError> {
        match self {
            Self::Between | Self::Length(0) => Ok(()),
            Self::Failed(error) => Err(error),
            _ => Err(EncodeError::OutOfTurn),
        }
    }

    pub(crate) fn is_complete(self) -> bool {
        matches!(self, Self::Between | Self::Length(0))
    }

    pub(crate) fn data(&mut self, bytes: usize) -> Result<Wrap, EncodeError> {
        let bytes = bytes as u64;
        match self {
            Self::Failed(error) => return Err(*error),
            _ if bytes == 0 => {}
            Self::Between => return Err(self.fail(EncodeError::OutOfTurn)),
            Self::Length(left) => match left.checked_sub(bytes) {
                Some(rest) => *left = rest,
                None => return Err(self.fail(EncodeError::Overrun)),
            },
            Self::Chunked => return Ok(Wrap::chunk(bytes)),
            Self::UntilClose => {}
        }
        Ok(Wrap::default())
    }

    pub(crate) fn end(
        &mut self,
        trailers: Option<&HeaderMap>,
        case: Case,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        match self {
            Self::Failed(error) => return Err(*error),
            Self::Length(left) if *left > 0 => return Err(self.fail(EncodeError::Short)),
            Self::Chunked => {
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.into_iter().flatten() {
                    field(out, case, name.as_str().as_bytes(), value.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
            }
            Self::Between | Self::Length(_) | Self::UntilClose => {}
        }
        *self = Self::Between;
        Ok(())
    }

    fn fail(&mut self, error: EncodeError) -> EncodeError {
        *self = Self::Failed(error);
        error
    }
}

/// How field names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Case {
    #[default]
    Lower,
    /// The first letter and each after `-` in upper case, for receivers that wrongly compare case.
    Title,
}

/// Writes one field line.
#[inline]
pub(crate) fn field(out: &mut BytesMut, case: Case, name: &[u8], value: &[u8]) {
    if case == Case::Title {
        title(out, name);
    } else {
        out.extend_from_slice(name);
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes `Content-Length`.
pub(crate) fn content_length(out: &mut BytesMut, case: Case, length: u64) {
    field(out, case, b"content-length", itoa::Buffer::new().format(length).as_bytes());
}

#[cold]
fn title(out: &mut BytesMut, name: &[u8]) {
    let mut upper = true;
    for byte in name {
        let written = if upper { byte.to_ascii_uppercase() } else { *byte };
        out.extend_from_slice(&[written]);
        upper = *byte == b'-';
    }
}

/// Room for a head of so many lines, so that it is written without growing the buffer in between.
pub(crate) fn reserve(out: &mut BytesMut, lines: usize) {
    out.reserve(256 + lines * 64);
}
