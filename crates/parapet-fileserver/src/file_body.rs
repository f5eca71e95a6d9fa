use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use parapet_core::BodyError;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::tree::Mode;

/// Bytes read at once, and read ahead of the client at most.
pub(crate) const CHUNK: usize = 64 * 1024;

/// A part of what is sent: text of ours, or bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Bytes),
    Span { offset: u64, length: u64 },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Span { length, .. } => *length,
        }
    }
}

/// Parts of an open file, between texts.
///
/// Reads on the worker what is in memory, else on a thread that may wait. Dropping it closes the file, at the latest when
/// the read in progress ends.
#[derive(Debug)]
pub(crate) struct FileBody {
    state: State,
    pieces: VecDeque<Piece>,
    /// Bytes still to come, as announced.
    left: u64,
}

#[derive(Debug)]
enum State {
    Idle(Reader),
    Reading(JoinHandle<(Reader, io::Result<BytesMut>)>),
    Ended,
}

#[derive(Debug)]
struct Reader {
    file: OwnedFd,
    offset: u64,
    /// Bytes of the current span that were not read.
    span: u64,
    /// The last chunk: its room is used again if the client has got it by then.
    last: Bytes,
}

impl FileBody {
    pub(crate) fn new(file: OwnedFd, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().collect();
        let left = pieces.iter().map(Piece::len).sum();
        let reader = Reader { file, offset: 0, span: 0, last: Bytes::new() };
        Self { state: State::Idle(reader), pieces, left }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (reader, buffer) = read.map_err(io::Error::from)?;
                    return Poll::Ready(Some(self.took(reader, buffer?)));
                }
                State::Idle(mut reader) if reader.span == 0 => match self.pieces.pop_front() {
                    None => return Poll::Ready(None),
                    Some(Piece::Text(text)) => {
                        self.state = State::Idle(reader);
                        return Poll::Ready(Some(Ok(text)));
                    }
                    Some(Piece::Span { offset, length }) => {
                        (reader.offset, reader.span) = (offset, length);
                        self.state = State::Idle(reader);
                    }
                },
                State::Idle(mut reader) => {
                    let buffer = reader.buffer();
                    match read(&reader.file, buffer, reader.offset, Mode::Cached)? {
                        Ok(buffer) => return Poll::Ready(Some(self.took(reader, buffer))),
                        Err(WouldBlock(buffer)) => {
                            let reading = spawn_blocking(move || {
                                let buffer =
                                    read(&reader.file, buffer, reader.offset, Mode::Blocking);
                                (
                                    reader,
                                    buffer.map(|read| read.unwrap_or_else(WouldBlock::into_buffer)),
                                )
                            });
                            self.state = State::Reading(reading?);
                        }
                    }
                }
            }
        }
    }

    fn took(&mut self, mut reader: Reader, buffer: BytesMut) -> Result<Bytes, BodyError> {
        let length = buffer.len() as u64;
        if length == 0 {
            let text = "the file became shorter while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text).into());
        }
        reader.offset += length;
        reader.span = reader.span.saturating_sub(length);
        let chunk = buffer.freeze();
        if reader.span > 0 || !self.pieces.is_empty() {
            reader.last = chunk.clone();
            self.state = State::Idle(reader); // else the file is closed here
        }
        Ok(chunk)
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = ready!(self.poll_piece(cx));
        Poll::Ready(piece.map(|piece| {
            let bytes = piece?;
            self.left = self.left.saturating_sub(bytes.len() as u64);
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Reader {
    /// Room for the next chunk: that of the last one if it is free.
    fn buffer(&mut self) -> BytesMut {
        let length = chunk_of(self.span);
        match std::mem::take(&mut self.last).try_into_mut() {
            Ok(mut buffer) if buffer.capacity() >= length => {
                buffer.resize(length, 0);
                buffer
            }
            _ => BytesMut::zeroed(length),
        }
    }
}

/// A read that would have to wait, with its buffer.
#[derive(Debug)]
pub(crate) struct WouldBlock(BytesMut);

impl WouldBlock {
    fn into_buffer(self) -> BytesMut {
        self.0
    }
}

/// Fills `buffer` from `offset` on and cuts it to what was read: less than its length at the end of the file, or where the
/// kernel's memory ends.
pub(crate) fn read(
    file: &OwnedFd,
    mut buffer: BytesMut,
    offset: u64,
    mode: Mode,
) -> io::Result<Result<BytesMut, WouldBlock>> {
    let read = rustix::io::retry_on_intr(|| match mode {
        Mode::Blocking => rustix::io::pread(file, &mut *buffer, offset).map(Some),
        Mode::Cached => read_cached(file, &mut buffer, offset),
    });
    Ok(match read? {
        Some(length) => {
            buffer.truncate(length);
            Ok(buffer)
        }
        None => Err(WouldBlock(buffer)),
    })
}

/// `None`: it would have to wait.
#[cfg(target_os = "linux")]
fn read_cached(
    file: &OwnedFd,
    buffer: &mut [u8],
    offset: u64,
) -> Result<Option<usize>, rustix::io::Errno> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut buffers = [io::IoSliceMut::new(buffer)];
    match preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(
    _file: &OwnedFd,
    _buffer: &mut [u8],
    _offset: u64,
) -> Result<Option<usize>, rustix::io::Errno> {
    Ok(None)
}

/// Runs `f` on a thread that may wait; an error where no runtime is entered, which has these threads.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Ok(Handle::try_current().map_err(io::Error::other)?.spawn_blocking(f))
}

/// Length of the next read of `left` bytes.
pub(crate) fn chunk_of(left: u64) -> usize {
    usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)
}
