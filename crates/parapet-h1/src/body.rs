use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::chunked::{Chunk, Chunked};
use crate::head::{self, Observe};
use crate::scan::{Bounds, Scan, StartLine};
use crate::{DecodeError, Framing, Limits};

/// Where a decoder is inside of a message's content.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Length(u64),
    Chunked(Chunked),
    Trailers,
    UntilClose,
    Done,
}

/// What [`Body::next`] found.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    NeedMore,
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::Done,
            Framing::Length(left) => Self::Length(left),
            Framing::Chunked => Self::Chunked(Chunked::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Body {
    /// Takes the next run of content, as it lies in the buffer: nothing is copied, nothing merged.
    pub(crate) fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
        scan: &mut Scan,
    ) -> Result<Piece, DecodeError> {
        match self {
            Self::Done => return Ok(Piece::End),
            Self::Length(_) | Self::UntilClose if input.is_empty() => return Ok(Piece::NeedMore),
            Self::UntilClose => return Ok(Piece::Data(input.split().freeze())),
            Self::Length(left) => {
                let taken =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                return Ok(Piece::Data(input.split_to(taken).freeze()));
            }
            Self::Chunked(chunked) => match chunked.next(input, &limits.chunk_lines)? {
                Chunk::Data(data) => return Ok(Piece::Data(data)),
                Chunk::NeedMore => return Ok(Piece::NeedMore),
                Chunk::Last => {
                    scan.reset();
                    *self = Self::Trailers;
                }
            },
            Self::Trailers => {}
        }
        let trailers = trailers(input, limits, scan)?;
        if !matches!(trailers, Piece::NeedMore) {
            *self = Self::Done;
        }
        Ok(trailers)
    }
}

/// Trailers have no start line.
struct NoStartLine;

impl StartLine for NoStartLine {
    const LINES: usize = 0;

    fn beginning(&mut self, _: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }

    fn whole(&mut self, _: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

fn trailers(input: &mut BytesMut, limits: &Limits, scan: &mut Scan) -> Result<Piece, DecodeError> {
    let bounds = Bounds {
        bytes: limits.trailer_bytes.unwrap_or(limits.head_bytes),
        lines: limits.field_lines,
        bare_lf: limits.allow_bare_lf && limits.chunk_lines.origin,
        too_large: DecodeError::TrailersTooLarge,
        too_many: DecodeError::TrailersTooLarge,
    };
    let Some(end) = scan.run(input, &bounds, &mut NoStartLine)? else {
        return Ok(Piece::NeedMore);
    };
    let section = input.split_to(end).freeze();
    if scan.lines().is_empty() {
        return Ok(Piece::End);
    }
    let mut map = HeaderMap::with_capacity(scan.lines().len());
    let mut observer = ForbiddenTrailers { refuse: !limits.chunk_lines.origin };
    head::parse(&section, scan, NoStartLine::LINES, &mut map, &mut observer)?;
    scan.reset();
    Ok(Piece::Trailers(map))
}

/// Of a client, a trailer that could change framing or routing is an attack; of an origin it is dropped above.
struct ForbiddenTrailers {
    refuse: bool,
}

impl Observe for ForbiddenTrailers {
    fn field(&mut self, _: usize, name: &HeaderName, _: &HeaderValue) -> Result<(), DecodeError> {
        let forbidden = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST];
        if self.refuse && forbidden.contains(name) {
            Err(DecodeError::TrailerField)
        } else {
            Ok(())
        }
    }
}
