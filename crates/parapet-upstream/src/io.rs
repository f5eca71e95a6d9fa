use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parapet_core::BoxIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf};
use tokio::net::{TcpStream, UnixStream};

/// The byte stream under a connection to a target.
///
/// An enum, so that the usual kinds cost no dynamic call per read, and so that the socket below can be asked whether
/// its peer has gone.
pub(crate) enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// What a `dial` function gave: no socket that could be asked.
    Custom(BoxIo),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Io>>),
    /// The read side alone: a task of its own writes the rest of an upload.
    Half(ReadHalf<Box<Io>>),
}

/// What the kernel says of an idle socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peek {
    /// Nothing to read, not closed; or no socket to ask.
    Alive,
    /// Bytes are there that nobody asked for. Under TLS they may be the announcement of an end, or a session ticket.
    Readable,
    /// Closed by the peer, or failed.
    Dead,
}

impl Io {
    /// Asks the kernel, in one system call that does not block, whether the peer has closed: sees a FIN that the I/O
    /// driver has not told of yet.
    pub(crate) fn peek(&self) -> Peek {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => return stream.get_ref().0.peek(),
            Self::Custom(_) | Self::Half(_) => return Peek::Alive,
        };
        match socket.peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Peek::Dead,
            Ok(_) => Peek::Readable,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Peek::Alive,
            Err(_) => Peek::Dead,
        }
    }

    /// Address of the other end of a TCP socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0.peer(),
            Self::Unix(_) | Self::Custom(_) | Self::Half(_) => None,
        }
    }

    /// Whether a connection that was dialed for HTTP/2 may carry it: over TLS the peer had a say.
    #[cfg(feature = "http2")]
    pub(crate) fn speaks_h2(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(stream) => crate::dial::tls::is_h2(stream.get_ref().1),
            Self::Tcp(_) | Self::Unix(_) | Self::Custom(_) | Self::Half(_) => true,
        }
    }

    /// Whether the bytes on the wire are not the bytes of the message.
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
            Self::Tcp(_) | Self::Unix(_) | Self::Custom(_) | Self::Half(_) => false,
        }
    }

    /// Makes the drop of the socket a reset, so that the peer cannot take the end for a clean one.
    pub(crate) fn reset_on_drop(&self) {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => return stream.get_ref().0.reset_on_drop(),
            Self::Unix(_) | Self::Custom(_) | Self::Half(_) => return,
        };
        // A socket that takes no option is about to be closed anyway.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    /// One read whose bytes nobody wants: `Pending` is the only good answer of an idle connection.
    ///
    /// Under a waker that does nothing, or the connection's own; never bound by the task's budget, since an exhausted
    /// budget would read as "alive".
    pub(crate) fn poll_idle(&mut self, waker: &Waker) -> Poll<()> {
        let mut byte = [0; 1];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_read(cx, &mut buffer));
        let read = std::pin::pin!(tokio::task::coop::unconstrained(read));
        read.poll(&mut Context::from_waker(waker)).map(|_| ())
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Self::Unix(io) => Pin::new(io).poll_read(cx, buf),
            Self::Custom(io) => Pin::new(io).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(io) => Pin::new(&mut **io).poll_read(cx, buf),
            Self::Half(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            Self::Unix(io) => Pin::new(io).poll_write(cx, buf),
            Self::Custom(io) => Pin::new(io).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(io) => Pin::new(&mut **io).poll_write(cx, buf),
            Self::Half(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Unix(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Custom(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(io) => Pin::new(&mut **io).poll_write_vectored(cx, bufs),
            Self::Half(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            Self::Unix(io) => io.is_write_vectored(),
            Self::Custom(io) => io.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Tls(io) => io.is_write_vectored(),
            Self::Half(_) => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The kernel has it: nothing to flush.
            Self::Tcp(_) | Self::Unix(_) | Self::Half(_) => Poll::Ready(Ok(())),
            Self::Custom(io) => Pin::new(io).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(io) => Pin::new(&mut **io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Self::Unix(io) => Pin::new(io).poll_shutdown(cx),
            Self::Custom(io) => Pin::new(io).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(io) => Pin::new(&mut **io).poll_shutdown(cx),
            Self::Half(_) => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Unix(_) => "Unix",
            Self::Custom(_) => "Custom",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "Tls",
            Self::Half(_) => "Half",
        })
    }
}
