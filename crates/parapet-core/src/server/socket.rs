//! The byte stream of a connection, in two halves that need no lock where the system gives them.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use crate::BoxIo;

/// An accepted stream.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Behind connection layers or TLS, or not a socket at all.
    Boxed(BoxIo),
}

impl Socket {
    /// Two halves for one task: reading and writing have a waker each.
    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Boxed(io) => {
                let io = Arc::new(Mutex::new(io));
                (ReadHalf::Shared(Arc::clone(&io)), WriteHalf::Shared(io))
            }
        }
    }

    /// Reads into `buffer` until `enough` says so, or the stream ends (`false`). The stream stays what it is.
    pub(crate) async fn read_until(
        &mut self,
        buffer: &mut BytesMut,
        enough: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => read_until(stream, buffer, enough).await,
            Self::Unix(stream) => read_until(stream, buffer, enough).await,
            Self::Boxed(io) => read_until(io, buffer, enough).await,
        }
    }

    pub(crate) fn into_boxed(self) -> BoxIo {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
            Self::Boxed(io) => io,
        }
    }
}

/// What a connection reads from.
pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    /// The lock is held during one poll of the stream and never across one of a handler or a body.
    Shared(SharedIo),
}

/// What a connection writes to.
pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Shared(SharedIo),
    /// Given away to a tunnel.
    Gone,
}

type SharedIo = Arc<Mutex<BoxIo>>;

fn lock(io: &SharedIo) -> MutexGuard<'_, BoxIo> {
    io.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadHalf")
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteHalf")
    }
}

impl ReadHalf {
    /// Reads once into the spare room of `buffer`, which must not be empty. 0: end of file.
    pub(crate) fn poll_read(
        &mut self,
        buffer: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => poll_read_buf(Pin::new(half), buffer, cx),
            Self::Unix(half) => poll_read_buf(Pin::new(half), buffer, cx),
            Self::Shared(io) => poll_read_buf(Pin::new(&mut *lock(io)), buffer, cx),
        }
    }
}

impl ReadHalf {
    /// Reads once into `buffer`, which must have room. Nothing filled: end of file.
    pub(crate) fn poll_read_into(
        &mut self,
        buffer: &mut ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Shared(io) => Pin::new(&mut *lock(io)).poll_read(cx, buffer),
        }
    }
}

fn poll_read_buf(
    io: Pin<&mut impl AsyncRead>,
    buffer: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    tokio_util::io::poll_read_buf(io, cx, buffer)
}

impl WriteHalf {
    pub(crate) fn poll_write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => write(Pin::new(half), slices, cx),
            Self::Unix(half) => write(Pin::new(half), slices, cx),
            Self::Shared(io) => write(Pin::new(&mut *lock(io)), slices, cx),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Sends what TLS or a layer holds back. Sockets hold nothing.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Gone => Poll::Ready(Ok(())),
            Self::Shared(io) => Pin::new(&mut *lock(io)).poll_flush(cx),
        }
    }

    /// Ends the stream toward the client (TLS: with `close_notify`).
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Self::Unix(half) => Pin::new(half).poll_shutdown(cx),
            Self::Shared(io) => Pin::new(&mut *lock(io)).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Before a close between messages: `close_notify`, as far as it goes out at once. A socket says it by being closed.
    pub(crate) fn farewell(&mut self, cx: &mut Context<'_>) {
        if let Self::Shared(io) = self {
            let _ = Pin::new(&mut *lock(io)).poll_shutdown(cx);
        }
    }

    /// Makes the close that follows a reset, so that a cut message cannot look whole. Nothing can be written any more.
    pub(crate) fn reset_on_close(&mut self) {
        if let Self::Tcp(half) = std::mem::replace(self, Self::Gone) {
            // Without effect on a socket that failed already.
            let _ =
                socket2::SockRef::from(half.as_ref()).set_linger(Some(std::time::Duration::ZERO));
            // Dropped, the half would end the stream well before the socket is closed.
            half.forget();
        }
    }
}

fn write(
    io: Pin<&mut impl AsyncWrite>,
    slices: &[IoSlice<'_>],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if io.is_write_vectored() {
        return io.poll_write_vectored(cx, slices);
    }
    let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
    io.poll_write(cx, first)
}

/// Both halves as one stream again, for a tunnel.
pub(crate) struct Joined {
    read: ReadHalf,
    write: WriteHalf,
}

impl Joined {
    /// The stream itself where the halves allow it.
    pub(crate) fn boxed(read: ReadHalf, write: WriteHalf) -> BoxIo {
        match (read, write) {
            (ReadHalf::Tcp(read), WriteHalf::Tcp(write)) => match read.reunite(write) {
                Ok(stream) => Box::new(stream),
                Err(tcp::ReuniteError(read, write)) => {
                    Box::new(Self { read: ReadHalf::Tcp(read), write: WriteHalf::Tcp(write) })
                }
            },
            (ReadHalf::Unix(read), WriteHalf::Unix(write)) => match read.reunite(write) {
                Ok(stream) => Box::new(stream),
                Err(unix::ReuniteError(read, write)) => {
                    Box::new(Self { read: ReadHalf::Unix(read), write: WriteHalf::Unix(write) })
                }
            },
            (read, write) => Box::new(Self { read, write }),
        }
    }
}

impl AsyncRead for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read.poll_read_into(buf, cx)
    }
}

impl AsyncWrite for Joined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write.poll_write_vectored(&[IoSlice::new(buf)], cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_shutdown(cx)
    }
}

/// A stream with bytes in front that were read already: protocol detection.
pub(crate) struct Rewound<T> {
    front: BytesMut,
    io: T,
}

impl<T> Rewound<T> {
    pub(crate) fn new(front: BytesMut, io: T) -> Self {
        Self { front, io }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.front.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.front.len().min(buf.remaining());
        buf.put_slice(&self.front.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Reads into `buffer` until `enough` says so, or the stream ends (`false`).
pub(crate) async fn read_until<T: AsyncRead + Unpin>(
    io: &mut T,
    buffer: &mut BytesMut,
    mut enough: impl FnMut(&[u8]) -> bool,
) -> io::Result<bool> {
    while !enough(buffer) {
        if poll_fn(|cx| tokio_util::io::poll_read_buf(Pin::new(&mut *io), cx, buffer)).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
