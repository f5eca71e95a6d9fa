//! Opening listeners and accepting connections.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::layer::{ConnMeta, canonical};
use super::listen::{Address, Listen, ListenerContext, ListenerKind};
use super::registry::Registration;
use super::service::Service;
use super::settings::Settings;
use super::socket::Socket;
use crate::Error;

const BACKLOG: i32 = 4096;
/// Pause after the system ran out of something, doubled each time up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// An open listener, not yet tied to a runtime.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) kind: OpenKind,
    pub(crate) context: Arc<ListenerContext>,
    /// Removed at the end of the wait phase.
    pub(crate) unlink: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) enum OpenKind {
    Tcp(std::net::TcpListener),
    Unix(UnixListener),
}

/// A connection as the system gave it, registered with the runtime of the thread that accepted it.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

/// A connection between two runtimes.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(std::net::TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// A listener that is registered with a runtime.
enum Listening {
    Tcp(TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listening {
    fn new(kind: OpenKind) -> io::Result<Self> {
        match kind {
            OpenKind::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            OpenKind::Unix(listener) => {
                tokio::net::UnixListener::from_std(listener).map(Self::Unix)
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, peer)| Accepted::Tcp(stream, peer))
            }
            Self::Unix(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| Accepted::Unix(stream))
            }
        }
    }
}

impl Listening {
    /// Takes the listener off the runtime.
    fn into_kind(self) -> io::Result<OpenKind> {
        match self {
            Self::Tcp(listener) => listener.into_std().map(OpenKind::Tcp),
            Self::Unix(listener) => listener.into_std().map(OpenKind::Unix),
        }
    }
}

impl Open {
    pub(crate) fn from_listener(
        kind: ListenerKind,
        context: impl FnOnce(&str) -> Result<ListenerContext, Error>,
    ) -> Result<Self, Error> {
        let bind = |source| Error::Bind { address: "the given listener".into(), source };
        let kind = match kind {
            ListenerKind::Tcp(listener) => OpenKind::Tcp(listener.into_std().map_err(bind)?),
            ListenerKind::StdTcp(listener) => OpenKind::Tcp(listener),
            ListenerKind::Unix(listener) => OpenKind::Unix(listener.into_std().map_err(bind)?),
            ListenerKind::StdUnix(listener) => OpenKind::Unix(listener),
        };
        kind.set_nonblocking().map_err(bind)?;
        let name = match &kind {
            OpenKind::Tcp(listener) => {
                listener.local_addr().map(|address| address.to_string()).map_err(bind)?
            }
            OpenKind::Unix(_) => "unix".into(),
        };
        Ok(Self { kind, context: Arc::new(context(&name)?), unlink: None })
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.kind.local_addr()
    }

    /// A second descriptor of the same socket, for another process.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        match &self.kind {
            OpenKind::Tcp(listener) => listener.try_clone().map(Into::into),
            OpenKind::Unix(listener) => listener.try_clone().map(Into::into),
        }
    }

    /// A second handle to the same socket, for another worker.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let kind = match &self.kind {
            OpenKind::Tcp(listener) => OpenKind::Tcp(listener.try_clone()?),
            OpenKind::Unix(listener) => OpenKind::Unix(listener.try_clone()?),
        };
        Ok(Self { kind, context: Arc::clone(&self.context), unlink: None })
    }
}

impl OpenKind {
    /// A listening stream socket of either family; `None`: it is something else.
    fn from_descriptor(listener: OwnedFd) -> Option<Self> {
        let socket = RawSocket::from(listener);
        if !socket.is_listener().unwrap_or(false) {
            return None;
        }
        let unix = socket.local_addr().ok()?.is_unix();
        let kind = if unix { Self::Unix(socket.into()) } else { Self::Tcp(socket.into()) };
        kind.set_nonblocking().ok()?;
        Some(kind)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Accepts what waits already.
    fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream).map(|stream| Accepted::Tcp(stream, peer))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                tokio::net::UnixStream::from_std(stream).map(Accepted::Unix)
            }
        }
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }
}

/// What the process before this one had open for `address`.
pub(crate) fn take_over(
    listener: OwnedFd,
    address: &Address,
    context: impl Fn(&str) -> Result<ListenerContext, Error>,
) -> Result<Open, Error> {
    let Some(kind) = OpenKind::from_descriptor(listener) else {
        return Err(Error::NotAListener(address.to_string()));
    };
    let unlink = match address {
        Address::Unix(path) if !is_abstract(path) => Some(path.clone()),
        _ => None,
    };
    let bound = kind.local_addr().map_or_else(|| address.to_string(), |bound| bound.to_string());
    Ok(Open { kind, context: Arc::new(context(&bound)?), unlink })
}

/// Opens what `listen` names; several sockets for a name with several addresses.
pub(crate) fn open(
    listen: &Listen,
    address: &Address,
    settings: &Settings,
    context: impl Fn(&str) -> Result<ListenerContext, Error>,
) -> Result<Vec<Open>, Error> {
    let tcp = |at: SocketAddr| {
        let listener = bind_tcp(at, settings.reuse_port, false)
            .map_err(|source| Error::Bind { address: at.to_string(), source })?;
        let name = listener.local_addr().map_or_else(|_| at.to_string(), |bound| bound.to_string());
        Ok(Open { kind: OpenKind::Tcp(listener), context: Arc::new(context(&name)?), unlink: None })
    };
    match address {
        Address::Tcp(at) => Ok(vec![tcp(*at)?]),
        Address::Any(port) => {
            let listener = bind_any(*port, settings.reuse_port)
                .map_err(|source| Error::Bind { address: format!(":{port}"), source })?;
            let name = listener
                .local_addr()
                .map_or_else(|_| format!(":{port}"), |bound| bound.to_string());
            Ok(vec![Open {
                kind: OpenKind::Tcp(listener),
                context: Arc::new(context(&name)?),
                unlink: None,
            }])
        }
        Address::Name(name) => {
            let resolved = name
                .to_socket_addrs()
                .map_err(|source| Error::Resolve { address: name.clone(), source })?
                .collect::<Vec<_>>();
            resolved.into_iter().map(tcp).collect()
        }
        Address::Unix(path) => {
            let listener = bind_unix(path, listen.unix_mode).map_err(|source| Error::Bind {
                address: format!("unix:{}", path.display()),
                source,
            })?;
            let unlink = (!is_abstract(path)).then(|| path.clone());
            let context = Arc::new(context(&format!("unix:{}", path.display()))?);
            Ok(vec![Open { kind: OpenKind::Unix(listener), context, unlink }])
        }
        Address::Fd(_) | Address::Systemd(_) => super::inherited::open(address, context),
        Address::Text(text) => open(listen, &Address::parse(text)?, settings, context),
    }
}

/// One more socket on the same address, for another worker (`SO_REUSEPORT`).
pub(crate) fn reopen(open: &Open) -> io::Result<Open> {
    let (OpenKind::Tcp(listener), Some(address)) = (&open.kind, open.local_addr()) else {
        return open.try_clone();
    };
    let dual_stack = address.is_ipv6() && !SockRef::from(listener).only_v6().unwrap_or(true);
    let listener = bind_tcp(address, true, dual_stack)?;
    Ok(Open { kind: OpenKind::Tcp(listener), context: Arc::clone(&open.context), unlink: None })
}

fn bind_tcp(
    address: SocketAddr,
    reuse_port: bool,
    dual_stack: bool,
) -> io::Result<std::net::TcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// `[::]` for both families, or `0.0.0.0` where IPv6 is off.
fn bind_any(port: u16, reuse_port: bool) -> io::Result<std::net::TcpListener> {
    match bind_tcp(SocketAddr::from(([0u16; 8], port)), reuse_port, true) {
        Err(error)
            if error.kind() == io::ErrorKind::Unsupported
                || error.raw_os_error() == Some(EAFNOSUPPORT) =>
        {
            bind_tcp(SocketAddr::from(([0u8; 4], port)), reuse_port, false)
        }
        result => result,
    }
}

const EAFNOSUPPORT: i32 = 97;
const EADDRNOTAVAIL: i32 = 99;

fn is_abstract(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with('@'))
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let listener = if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        UnixListener::bind_addr(&address)?
    } else {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        listener
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Removes a socket file that nobody answers on; any other file is in the way.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) => Err(error),
        },
    }
}

/// Accepts until `stop` ends, then what is in the backlog, and hands every connection to `serve`.
///
/// No byte of a connection is read here, and nothing of it is awaited. Where all places are taken, one connection waits
/// here and the others in the backlog: idle ones are closed for a client that is there, never for one that may come.
///
/// # Errors
/// The listener failed for good.
pub(crate) async fn accept_loop(
    service: &Arc<Service>,
    open: Open,
    limit: usize,
    stop: impl Future<Output = ()>,
    mut serve: impl FnMut(Accepted, Registration, &Arc<ListenerContext>),
) -> io::Result<()> {
    let Open { kind, context, unlink } = open;
    let listener = Listening::new(kind)?;
    let mut pause = FIRST_PAUSE;
    let mut next_log = Instant::now();
    tokio::pin!(stop);
    let result = loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break Ok(()),
            accepted = poll_fn(|cx| listener.poll_accept(cx)) => accepted,
        };
        match accepted {
            Ok(accepted) => {
                pause = FIRST_PAUSE;
                let stops = tokio::select! {
                    biased;
                    () = service.registry.room(limit) => false,
                    () = &mut stop => true,
                };
                serve(accepted, service.registry.register(), &context);
                if stops {
                    break Ok(());
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) if is_shortage(&error) => {
                if Instant::now() >= next_log {
                    next_log = Instant::now() + Duration::from_secs(60);
                    tracing::error!(target: "parapet_core", %error, "cannot accept: idle connections are closed to make room");
                }
                // A connection that ends gives its descriptor back: no pause outlasts that.
                let freed = service.registry.freed();
                tokio::pin!(freed);
                freed.as_mut().enable();
                let tenth = service.registry.open() / 10;
                service.registry.evict_idle(tenth.max(1));
                tokio::select! {
                    biased;
                    () = &mut stop => break Ok(()),
                    () = freed => {}
                    () = sleep(pause) => {}
                }
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            Err(error) => break Err(error),
        }
    };
    if service.handed_over.load(Ordering::Acquire) {
        return result;
    }
    // Whoever connected before the end is served: their handshake was completed by the system. The system is asked, not
    // the runtime, which has not heard of the last ones yet.
    let backlog = listener.into_kind()?;
    while service.registry.open() < limit {
        match backlog.accept() {
            Ok(accepted) => serve(accepted, service.registry.register(), &context),
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => break,
        }
    }
    if let Some(path) = unlink {
        let _ = fs::remove_file(path);
    }
    result
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, TimedOut,
    };
    // Linux reports pending network errors of the new socket through accept (accept(2)).
    const NETWORK: [i32; 7] = [EADDRNOTAVAIL, 64, 71, 92, 95, 100, 101];
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | TimedOut
    ) || error
        .raw_os_error()
        .is_some_and(|code| NETWORK.contains(&code) || code == 113 || code == 112)
}

/// Out of descriptors or memory: EMFILE, ENFILE, ENOBUFS, ENOMEM.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}

impl Accepted {
    /// Sets the connection up.
    pub(crate) fn prepare(self, settings: &Settings) -> io::Result<(Socket, ConnMeta)> {
        match self {
            Self::Tcp(stream, peer) => {
                stream.set_nodelay(true)?;
                if let Some(period) = settings.tcp_keep_alive_period {
                    let keep_alive = TcpKeepalive::new()
                        .with_time(period)
                        .with_interval(Duration::from_secs(15))
                        .with_retries(4);
                    SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
                }
                let mut meta = ConnMeta::new(Some(peer));
                meta.local = stream.local_addr().ok().map(canonical);
                Ok((Socket::Tcp(stream), meta))
            }
            Self::Unix(stream) => {
                let mut meta = ConnMeta::new(None);
                meta.unix = true;
                Ok((Socket::Unix(stream), meta))
            }
        }
    }

    /// Takes the connection off this thread's runtime, to be attached to another.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(stream, peer) => stream.into_std().map(|stream| Detached::Tcp(stream, peer)),
            Self::Unix(stream) => stream.into_std().map(Detached::Unix),
        }
    }
}

impl Detached {
    pub(crate) fn attach(self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(stream, peer) => {
                TcpStream::from_std(stream).map(|stream| Accepted::Tcp(stream, peer))
            }
            Self::Unix(stream) => tokio::net::UnixStream::from_std(stream).map(Accepted::Unix),
        }
    }
}
