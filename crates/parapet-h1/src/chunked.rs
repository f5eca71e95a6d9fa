use bytes::{Buf, Bytes, BytesMut};

use crate::DecodeError;
use crate::framing::MAX_LENGTH;
use crate::limits::ChunkLines;

/// Takes the chunked coding off a body (RFC 9112 §7.1), up to the line of the last chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// Size of the chunk while its line is read, then what is left of its data.
    left: u64,
    digits: u8,
    /// Bytes after the size in this line.
    extension: usize,
    /// Bytes of chunk lines so far that count against [`ChunkLines::total`].
    total: u64,
}

/// ```text
/// Size → [Pad →] [Ext ⇄ Quoted ⇄ Escaped →] SizeLf → Data → DataCr → DataLf → Size
///                                             SizeLf (size 0) → last chunk
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Pad,
    Ext,
    Quoted,
    Escaped,
    SizeLf,
    Data,
    DataCr,
    DataLf,
}

/// What [`Chunked::next`] found.
#[derive(Debug)]
pub(crate) enum Chunk {
    Data(Bytes),
    Last,
    NeedMore,
}

impl Chunked {
    pub(crate) fn next(
        &mut self,
        input: &mut BytesMut,
        bounds: &ChunkLines,
    ) -> Result<Chunk, DecodeError> {
        if self.state != State::Data {
            let mut used = 0;
            let mut last = false;
            for byte in input.iter() {
                used += 1;
                last = self.framing(*byte, bounds)?;
                if last || self.state == State::Data {
                    break;
                }
            }
            input.advance(used);
            if last {
                return Ok(Chunk::Last);
            }
        }
        if self.state != State::Data || input.is_empty() {
            return Ok(Chunk::NeedMore);
        }
        let taken = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        self.left -= taken as u64;
        if self.left == 0 {
            self.state = State::DataCr;
        }
        Ok(Chunk::Data(input.split_to(taken).freeze()))
    }

    /// One byte outside of chunk data; true when it ended the line of the last chunk.
    fn framing(&mut self, byte: u8, bounds: &ChunkLines) -> Result<bool, DecodeError> {
        match (self.state, byte) {
            (State::Size, b'0'..=b'9') => self.digit(byte - b'0')?,
            (State::Size, b'a'..=b'f') => self.digit(byte - b'a' + 10)?,
            (State::Size, b'A'..=b'F') => self.digit(byte - b'A' + 10)?,
            (State::SizeLf, b'\n') => {
                self.account(bounds)?;
                self.state = State::Data;
                return Ok(self.left == 0);
            }
            (State::DataLf, b'\n') => {
                *self = Self { total: self.total, ..Self::default() };
            }
            (_, b'\n') => return Err(DecodeError::BareLf),
            (State::SizeLf, _) => return Err(DecodeError::ControlByte), // CR without LF
            (State::DataCr, b'\r') => self.state = State::DataLf,
            (State::DataCr | State::DataLf, _) => return Err(DecodeError::ChunkEnd),
            (State::Size, b'\r') if self.digits > 0 => self.state = State::SizeLf,
            // Origins are known that pad their sizes; a client's blank has to lead to an extension.
            (State::Pad, b'\r') if bounds.origin => self.state = State::SizeLf,
            (State::Ext, b'\r') => self.state = State::SizeLf,
            _ => self.after_size(byte, bounds)?,
        }
        Ok(false)
    }

    fn digit(&mut self, digit: u8) -> Result<(), DecodeError> {
        self.digits += 1;
        // Sixteen digits cannot overflow.
        self.left = (self.left << 4) | u64::from(digit);
        if self.digits > 16 || self.left > MAX_LENGTH {
            Err(DecodeError::ChunkSize)
        } else {
            Ok(())
        }
    }

    fn after_size(&mut self, byte: u8, bounds: &ChunkLines) -> Result<(), DecodeError> {
        self.state = match (self.state, byte) {
            (State::Size, b' ' | b'\t') if self.digits > 0 => State::Pad,
            (State::Size, b';') if self.digits > 0 => State::Ext,
            (State::Pad, b' ' | b'\t') => State::Pad,
            (State::Pad, b';') | (State::Quoted, b'"') => State::Ext,
            (State::Size | State::Pad, _) => return Err(DecodeError::ChunkSize),
            (_, 0..=8 | 10..=31 | 127) => return Err(DecodeError::ChunkExtension),
            (State::Ext, b'"') | (State::Escaped, _) => State::Quoted,
            (State::Quoted, b'\\') => State::Escaped,
            (state, _) => state,
        };
        self.extension += 1;
        if self.extension > bounds.extension { Err(DecodeError::ChunkExtension) } else { Ok(()) }
    }

    /// At the end of a chunk line, whose size is still whole in `left`.
    fn account(&mut self, bounds: &ChunkLines) -> Result<(), DecodeError> {
        self.total += self.extension as u64;
        if bounds.origin {
            let earned = self.left.saturating_mul(2).saturating_add(16);
            self.total = (self.total + u64::from(self.digits) + 2).saturating_sub(earned);
        }
        if self.total > bounds.total as u64 { Err(DecodeError::ChunkExtension) } else { Ok(()) }
    }
}
