//! The life of one connection: layers, TLS, protocol, then its loop.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
#[cfg(feature = "tls")]
use tokio::time::timeout;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::hooks::{ConnState, ConnectionError};
use super::http1::Http1;
#[cfg(feature = "tls")]
use super::http1::{LINGER_BYTES, LINGER_TIME};
use super::http2::serve_http2;
use super::layer::ConnMeta;
use super::listen::ListenerContext;
use super::registry::{Control, Registration};
use super::service::{ConnContext, Service};
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::socket::read_until;
#[cfg(feature = "tls")]
use super::stats::Count;
#[cfg(feature = "tls")]
use crate::tls::{AuthorityCheck, Session, TlsAcceptError};
use crate::{BoxFuture, ConnInfo, Io, Protocol, TlsInfo};

/// Serves connections that come from elsewhere: in-memory pipes, own transports.
#[derive(Clone, Debug)]
pub struct Connections {
    service: Arc<Service>,
}

impl Connections {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self { service }
    }

    /// Serves one connection until it ends; dropping the future closes it. Everything that the server's settings say of
    /// connections holds, the limit of their number excepted.
    pub fn serve(&self, io: impl Io, meta: ConnMeta) -> BoxFuture<'static, ()> {
        let service = Arc::clone(&self.service);
        let listener = Arc::clone(&service.default_listener);
        let registration = service.registry.register();
        Box::pin(serve_connection(
            service,
            listener,
            Socket::Boxed(Box::new(io)),
            meta,
            registration,
        ))
    }

    /// Handle of the server.
    pub fn handle(&self) -> crate::ServerHandle {
        self.service.handle.clone()
    }
}

/// How a connection's prelude went wrong.
enum Refused {
    Failed(ConnectionError),
    /// Without a word to anybody: the client left.
    Quiet,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(ConnectionError::Io(error.kind()))
    }
}

/// What the prelude found: who speaks, and how.
struct Ready {
    socket: Socket,
    buffered: BytesMut,
    conn: Arc<ConnInfo>,
    protocol: Protocol,
    #[cfg(feature = "tls")]
    authority_check: AuthorityCheck,
}

impl Ready {
    fn new(socket: Socket, buffered: BytesMut, conn: Arc<ConnInfo>, protocol: Protocol) -> Self {
        Self {
            socket,
            buffered,
            conn,
            protocol,
            #[cfg(feature = "tls")]
            authority_check: AuthorityCheck::Off,
        }
    }
}

/// Serves one accepted connection to its end. Panics of layers and resolvers end this connection alone.
pub(crate) async fn serve_connection(
    service: Arc<Service>,
    listener: Arc<ListenerContext>,
    socket: Socket,
    meta: ConnMeta,
    mut registration: Registration,
) {
    // Boxed: the prelude's state is larger than the loop's, and over after the first bytes.
    let prelude = Box::pin(prelude(&service, &listener, socket, meta, &mut registration));
    let (mut closed, outcome) = Caught(prelude).await.unwrap_or_else(|| {
        tracing::error!(target: "parapet_core", "a connection layer or certificate resolver panicked");
        let counted = Arc::clone(&registration.control);
        let listener = Arc::clone(&listener);
        (Closed { service: Arc::clone(&service), listener, counted, conn: None }, Err(Refused::Quiet))
    });
    let ready = match outcome {
        Ok(ready) => ready,
        Err(Refused::Quiet) => return,
        Err(Refused::Failed(error)) => {
            listener.counters.failed(&error);
            if let Some(conn) = &closed.conn {
                service.hooks.failed(conn, &error);
            }
            return;
        }
    };
    ready.conn.set_protocol(ready.protocol);
    closed.conn = Some(Arc::clone(&ready.conn));
    let context = ConnContext {
        service,
        listener,
        conn: ready.conn,
        registration,
        #[cfg(feature = "tls")]
        authority_check: ready.authority_check,
    };
    match ready.protocol {
        Protocol::Http1 => Http1::new(context, ready.socket, ready.buffered).await,
        // Boxed: hyper's connection is larger than ours, and every connection's task has the size of the largest.
        Protocol::Http2 => Box::pin(serve_http2(context, ready.socket, ready.buffered)).await,
    }
    drop(closed);
}

/// Tells the hooks of the end, once, for every connection that they heard of.
struct Closed {
    service: Arc<Service>,
    listener: Arc<ListenerContext>,
    counted: Arc<Control>,
    conn: Option<Arc<ConnInfo>>,
}

impl Drop for Closed {
    fn drop(&mut self) {
        if let Some(conn) = &self.conn {
            self.listener.counters.moved(&self.counted.counted, ConnState::Closed);
            self.service.hooks.state(conn, ConnState::Closed);
        }
    }
}

/// Layers, limits, TLS and protocol detection, under the deadline of the first request.
async fn prelude(
    service: &Arc<Service>,
    listener: &Arc<ListenerContext>,
    socket: Socket,
    mut meta: ConnMeta,
    registration: &mut Registration,
) -> (Closed, Result<Ready, Refused>) {
    meta.values = listener.values.clone();
    let early = Arc::new(conn_info(registration.id, listener, &meta, None));
    listener.counters.moved(&registration.control.counted, ConnState::New);
    service.hooks.state(&early, ConnState::New);
    let closed = Closed {
        service: Arc::clone(service),
        listener: Arc::clone(listener),
        counted: Arc::clone(&registration.control),
        conn: Some(Arc::clone(&early)),
    };
    let end = service
        .settings
        .first_request_timeout
        .and_then(|timeout| meta.accepted_at.checked_add(timeout));
    let forced = service.handle.forced();
    let grace_started = service.handle.grace_started();
    // Once nothing is accepted any more, a connection without a request has a moment for one on its way.
    let leave = async {
        grace_started.await;
        sleep(service.handle.leave_time()).await;
    };
    let stages = stages(service, listener, socket, meta, registration, early);
    let late = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        biased;
        result = stages => result,
        () = late => Err(Refused::Failed(ConnectionError::Timeout("first_request_timeout"))),
        () = forced => Err(Refused::Quiet),
        () = leave => Err(Refused::Quiet),
    };
    (closed, result)
}

async fn stages(
    service: &Arc<Service>,
    listener: &Arc<ListenerContext>,
    mut socket: Socket,
    mut meta: ConnMeta,
    registration: &mut Registration,
    early: Arc<ConnInfo>,
) -> Result<Ready, Refused> {
    let layered = !service.layers.0.is_empty();
    for layer in &service.layers.0 {
        match layer.call(socket.into_boxed(), &mut meta).await {
            Ok(io) => socket = Socket::Boxed(io),
            Err(error) => {
                return Err(Refused::Failed(ConnectionError::Layer(error.into_cause())));
            }
        }
    }
    let conn =
        if layered { Arc::new(conn_info(registration.id, listener, &meta, None)) } else { early };
    limit_client(service, listener, &conn, registration)?;
    #[cfg(feature = "tls")]
    if let Some(acceptor) = &listener.tls {
        let (socket, tls, authority_check) =
            Box::pin(accept_tls(service, acceptor, socket, &meta)).await?;
        let resumed = tls.is_resumed();
        let handshake = if resumed { Count::HandshakeResumed } else { Count::HandshakeFull };
        listener.counters.add(handshake);
        meta.secure = true;
        let protocol = match tls.alpn() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        let conn = Arc::new(conn_info(registration.id, listener, &meta, Some(tls)));
        let ready = Ready::new(socket, BytesMut::new(), conn, protocol);
        return Ok(Ready { authority_check, ..ready });
    }
    if !listener.h2c {
        return Ok(Ready::new(socket, BytesMut::new(), conn, Protocol::Http1));
    }
    let (socket, buffered, protocol) = detect(service, socket).await?;
    Ok(Ready::new(socket, buffered, conn, protocol))
}

/// Too many connections of one client are closed without a byte, before TLS costs anything.
fn limit_client(
    service: &Service,
    listener: &ListenerContext,
    conn: &ConnInfo,
    registration: &mut Registration,
) -> Result<(), Refused> {
    let (Some(limit), Some(peer)) = (service.settings.max_connections_per_client, conn.peer_addr())
    else {
        return Ok(());
    };
    if peer.ip().is_loopback()
        || listener.trust.trusts(conn)
        || registration.count_client(peer.ip(), limit)
    {
        return Ok(());
    }
    Err(Refused::Failed(ConnectionError::Limit("max_connections_per_client")))
}

/// First bytes of HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a cleartext client speaks HTTP/2 from the start: decided at the first byte that differs.
async fn detect(
    service: &Service,
    mut socket: Socket,
) -> Result<(Socket, BytesMut, Protocol), Refused> {
    let mut buffered = BytesMut::with_capacity(1024);
    let differs = |bytes: &[u8]| bytes.iter().zip(PREFACE).any(|(a, b)| a != b);
    let decided = |bytes: &[u8]| bytes.len() >= PREFACE.len() || differs(bytes);
    let reading = socket.read_until(&mut buffered, decided);
    within(service.settings.first_byte_timeout, "first_byte_timeout", reading).await??;
    if buffered.is_empty() {
        return Err(Refused::Quiet);
    }
    let http2 = buffered.starts_with(PREFACE);
    let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
    Ok((socket, buffered, protocol))
}

#[cfg(feature = "tls")]
async fn accept_tls(
    service: &Service,
    acceptor: &crate::tls::Acceptor,
    socket: Socket,
    meta: &ConnMeta,
) -> Result<(Socket, TlsInfo, AuthorityCheck), Refused> {
    let handshake = acceptor.accept(socket.into_boxed(), meta.peer());
    let timeout = service.settings.tls_handshake_timeout;
    match within(timeout, "tls_handshake_timeout", handshake).await? {
        Ok(Session { stream, info, check }) => Ok((Socket::Boxed(Box::new(stream)), info, check)),
        Err(TlsAcceptError::NotTls { io, read }) => {
            let answer = answer_plain(io, &read);
            within(timeout, "tls_handshake_timeout", answer).await?;
            Err(Refused::Failed(ConnectionError::Protocol("not TLS")))
        }
        Err(TlsAcceptError::ChallengeAnswered) => Err(Refused::Quiet),
        Err(error) => {
            Err(Refused::Failed(ConnectionError::TlsHandshake(Arc::new(error.without_io()))))
        }
    }
}

/// A client that speaks plain HTTP on the TLS port is told so, in the version that every client reads.
#[cfg(feature = "tls")]
async fn answer_plain(mut io: crate::BoxIo, read: &[u8]) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const ANSWER: &[u8] =
        b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Connection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let mut front = BytesMut::from(read);
    let word = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let looks_like_http =
        |bytes: &[u8]| (3..=16).contains(&word(bytes)) && bytes.get(word(bytes)) == Some(&b' ');
    let decided = |bytes: &[u8]| bytes.len() >= 17 || word(bytes) < bytes.len();
    // Errors end the connection, which is what follows anyway.
    if read_until(&mut io, &mut front, decided).await.is_ok_and(|whole| whole)
        && looks_like_http(&front)
    {
        let _ = io.write_all(ANSWER).await;
        let _ = io.shutdown().await;
        // Closed with bytes unread, the socket would send a reset, which may take the answer away (RFC 9112 §9.6).
        let mut rest = io.take(LINGER_BYTES as u64);
        let _ = timeout(LINGER_TIME, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    }
}

async fn within<T>(
    timeout: Option<Duration>,
    which: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, Refused> {
    match timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
        Some(end) => timeout_at(end, work)
            .await
            .map_err(|_| Refused::Failed(ConnectionError::Timeout(which))),
        None => Ok(work.await),
    }
}

fn conn_info(
    id: u64,
    listener: &ListenerContext,
    meta: &ConnMeta,
    tls: Option<TlsInfo>,
) -> ConnInfo {
    ConnInfo {
        id,
        listener: Arc::clone(&listener.name),
        local_addr: meta.local,
        peer_addr: meta.peer,
        socket_peer: meta.socket_peer,
        unix_peer: meta.unix,
        accepted_at: meta.accepted_at,
        secure: meta.secure,
        tls,
        values: meta.values.clone(),
        peer_text: OnceLock::new(),
        protocol: AtomicU8::new(0),
        requests_served: AtomicU64::new(0),
    }
}

/// A future whose panic is its end: `None`.
struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut();
        match std::panic::catch_unwind(AssertUnwindSafe(|| pin!(future).poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}
