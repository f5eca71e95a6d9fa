//! Taking over a connection: protocol upgrades, CONNECT and extended CONNECT.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::request_ext::info_mut;
use crate::{Body, BoxFuture, BoxIo, Request, Response, ResponseError, ServerHandle, plain_error};

/// The right to take over the connection of a request.
///
/// Dropping it gives the right up: the request is then answered like any other.
#[derive(Debug)]
pub struct Upgrade {
    offer: Offer,
}

/// What the connection offers; in the request's info until it is taken.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) kind: OfferKind,
    /// `:protocol` of an extended CONNECT (RFC 8441).
    pub(crate) protocol: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfferKind {
    /// `Connection: upgrade` and `Upgrade` on HTTP/1.1: to be answered with 101.
    Upgrade,
    /// CONNECT or extended CONNECT: to be answered with 2xx.
    Connect,
}

impl Upgrade {
    /// Takes the right to take over the connection: there for HTTP/1.1 with `Connection: upgrade`, `Upgrade` and no
    /// body, for CONNECT, and for extended CONNECT on HTTP/2 (RFC 8441).
    pub fn take(request: &mut Request) -> Option<Self> {
        info_mut(request).upgrade.take().map(|offer| Self { offer })
    }

    /// `:protocol` of an extended CONNECT; `None` for the other kinds.
    pub fn protocol(&self) -> Option<&str> {
        self.offer.protocol.as_deref()
    }

    /// Whether the request is a CONNECT, extended or not: the answer must then be 2xx, else 101.
    pub fn is_connect(&self) -> bool {
        self.offer.kind == OfferKind::Connect
    }

    /// Turns `response` into the hand-over: after its head is flushed, `f` gets the bytes of the connection, those
    /// already read first, in the connection's own task. Guards and observers of the response live until `f` is done.
    ///
    /// A `response` with another status than 101 (2xx for CONNECT) becomes plain error(502).
    #[must_use]
    pub fn serve<F, Fut>(self, response: Response, f: F) -> Response
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let fits = match self.offer.kind {
            OfferKind::Upgrade => response.status() == StatusCode::SWITCHING_PROTOCOLS,
            OfferKind::Connect => response.status().is_success(),
        };
        if !fits {
            return bad_upgrade();
        }
        response.map(|body| body.into_tunnel(Box::new(move |io| Box::pin(f(io)))))
    }
}

/// The answer to a hand-over that does not fit its request.
pub(crate) fn bad_upgrade() -> Response {
    let mut response = plain_error(StatusCode::BAD_GATEWAY, "Bad Gateway");
    response.extensions_mut().insert(ResponseError::new(
        "core",
        "bad_upgrade",
        "the response does not fit the upgrade that the request asked for",
    ));
    response
}

pub(crate) type TunnelFn = Box<dyn FnOnce(Upgraded) -> BoxFuture<'static, ()> + Send>;

/// What the body of a hand-over holds: the function that runs the tunnel, and the body of the response it came with,
/// whose guards live as long as the tunnel.
pub(crate) struct Tunnel {
    f: sync_wrapper::SyncWrapper<TunnelFn>,
    response_body: Body,
}

impl Tunnel {
    pub(crate) fn new(f: TunnelFn, response_body: Body) -> Self {
        Self { f: sync_wrapper::SyncWrapper::new(f), response_body }
    }

    /// Closes the tunnel at `at` if it is still open.
    pub(crate) fn end_at(&mut self, at: Instant) {
        let unbounded: TunnelFn = Box::new(|_| Box::pin(std::future::ready(())));
        let f = std::mem::replace(&mut self.f, sync_wrapper::SyncWrapper::new(unbounded));
        let f = f.into_inner();
        let bounded: TunnelFn = Box::new(move |io| {
            Box::pin(async move {
                // Dropped unfinished, the future drops the connection.
                let _ = tokio::time::timeout_at(at, f(io)).await;
            })
        });
        self.f = sync_wrapper::SyncWrapper::new(bounded);
    }

    /// The tunnel's future over `io`, and what must be kept until it is done.
    pub(crate) fn start(self, io: Upgraded) -> (BoxFuture<'static, ()>, Body) {
        ((self.f.into_inner())(io), self.response_body)
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

/// The bytes of a connection that was taken over: those that were read already come first.
///
/// Dropping it closes the connection.
pub struct Upgraded {
    buffered: Bytes,
    io: BoxIo,
    server: Option<ServerHandle>,
}

impl Upgraded {
    pub(crate) fn new(buffered: Bytes, io: BoxIo, server: Option<ServerHandle>) -> Self {
        Self { buffered, io, server }
    }

    /// Ends when the server stops accepting (the grace phase of its drain begins): the moment to tell the peer to go.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let server = self.server.clone();
        async move {
            match server {
                Some(server) => server.grace_started().await,
                None => std::future::pending().await,
            }
        }
    }

    /// The bytes that were read already, and the stream without them.
    pub fn into_parts(self) -> (Bytes, BoxIo) {
        (self.buffered, self.io)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("buffered", &self.buffered.len()).finish_non_exhaustive()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buffered.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.buffered.len().min(buf.remaining());
        buf.put_slice(&self.buffered.copy_to_bytes(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
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
        bufs: &[io::IoSlice<'_>],
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
