//! How a connection to a target comes about.

mod happy_eyeballs;
#[cfg(feature = "tls")]
pub(crate) mod reload;
mod resolve;
#[cfg(feature = "tls")]
pub(crate) mod tls;

mod hook;
mod route;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parapet_core::{BoxFuture, BoxIo, Io as IoStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

pub(crate) use self::hook::ConnectHook;
pub use self::hook::ConnectInfo;
pub(crate) use self::route::Route;
use crate::io::Io;
use crate::transport::Settings;
use crate::{ConnectErrorKind, Error};

/// Where a connection is wanted, as a [`dial`](crate::HttpTransport::dial) function gets it: not resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialTarget {
    /// Name or IP literal, without brackets.
    pub host: Arc<str>,
    /// Port; the transport's default if the target names none.
    pub port: u16,
    /// `host:port`, with brackets around an IPv6 literal.
    pub addr: Arc<str>,
}

/// A user's way to open connections.
#[derive(Clone)]
pub(crate) struct Dialer(Arc<DialFn>);

type DialFn = dyn Fn(DialTarget) -> BoxFuture<'static, io::Result<BoxIo>> + Send + Sync;

impl Dialer {
    pub(crate) fn new<F, Fut, I>(dial: F) -> Self
    where
        F: Fn(DialTarget) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<I>> + Send + 'static,
        I: IoStream,
    {
        Self(Arc::new(move |target| {
            let dialed = dial(target);
            Box::pin(async move { Ok(Box::new(dialed.await?) as BoxIo) })
        }))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer")
    }
}

/// Which protocol a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Http1,
    /// HTTP/2; over TLS perhaps HTTP/1.1 beside it.
    #[cfg(feature = "http2")]
    Http2,
}

/// Opens the connection that `route` describes.
///
/// # Errors
/// [`Error::Connect`]: nothing was sent but, perhaps, a TLS handshake.
pub(crate) async fn connect(route: &Route, settings: &Settings, offer: Offer) -> Result<Io, Error> {
    #[cfg(not(feature = "tls"))]
    let _ = offer;
    // Sockets and timers would panic.
    tokio::runtime::Handle::try_current().map_err(Error::other)?;
    let start = Instant::now();
    let result = match route {
        Route::Tcp(target) => tcp(target, settings).await,
        Route::Unix(path) => unix(path, settings).await,
        #[cfg(feature = "tls")]
        Route::Tls { target, name, connector } => match tcp(target, settings).await {
            Ok(io) => connector.connect(name.clone(), io, offer).await,
            Err(error) => Err(error),
        },
    };
    if let Some(hook) = &settings.on_connect {
        hook.call(route, start.elapsed(), &result);
    }
    result
}

/// Opens a TCP connection, or what the user's `dial` function takes for one.
async fn tcp(target: &DialTarget, settings: &Settings) -> Result<Io, Error> {
    if let Some(dialer) = &settings.dial {
        return match (dialer.0)(target.clone()).await {
            Ok(io) => Ok(Io::Custom(io)),
            Err(error) => Err(connect_error(kind_of(&error), error)),
        };
    }
    let start = Instant::now();
    let addrs = within(settings.dial_timeout, ConnectErrorKind::Dns, async {
        resolve::resolve(&target.host, target.port)
            .await
            .map_err(|error| connect_error(ConnectErrorKind::Dns, error))
    })
    .await?;
    let left = settings.dial_timeout.saturating_sub(start.elapsed());
    within(left, ConnectErrorKind::Timeout, async {
        let stream = happy_eyeballs::race(addrs, TcpStream::connect)
            .await
            .map_err(|error| connect_error(kind_of(&error), error))?;
        prepare(&stream, settings.tcp_keep_alive)
            .map_err(|error| connect_error(ConnectErrorKind::Other, error))?;
        Ok(Io::Tcp(stream))
    })
    .await
}

/// Connects to a Unix stream socket; a path that begins with `@` is a name in Linux's abstract space.
async fn unix(path: &str, settings: &Settings) -> Result<Io, Error> {
    within(settings.dial_timeout, ConnectErrorKind::Timeout, async {
        let stream = match path.strip_prefix('@') {
            Some(name) => UnixStream::connect(format!("\0{name}")).await,
            None => UnixStream::connect(path).await,
        };
        stream.map(Io::Unix).map_err(|error| connect_error(kind_of(&error), error))
    })
    .await
}

/// Ends `dial` with an error of `kind` after `limit`.
async fn within<T>(
    limit: Duration,
    kind: ConnectErrorKind,
    dial: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, dial).await {
        Ok(result) => result,
        Err(elapsed) => {
            let error = io::Error::new(io::ErrorKind::TimedOut, elapsed);
            Err(connect_error(kind, error))
        }
    }
}

fn connect_error(kind: ConnectErrorKind, error: io::Error) -> Error {
    // What a custom dialer returned is found by downcasting, hence without a layer around it.
    Error::connect(kind, error)
}

fn kind_of(error: &io::Error) -> ConnectErrorKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectErrorKind::Refused,
        io::ErrorKind::ConnectionReset => ConnectErrorKind::Reset,
        io::ErrorKind::TimedOut => ConnectErrorKind::Timeout,
        _ => ConnectErrorKind::Other,
    }
}

fn prepare(stream: &TcpStream, keep_alive: Option<Duration>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(time) = keep_alive {
        let time = time.clamp(LEAST_KEEP_ALIVE, MOST_KEEP_ALIVE);
        let params = TcpKeepalive::new().with_time(time).with_interval(time).with_retries(9);
        SockRef::from(stream).set_tcp_keepalive(&params)?;
    }
    Ok(())
}

/// The kernel takes whole seconds in this range, and refuses others: no connection would come about.
const LEAST_KEEP_ALIVE: Duration = Duration::from_secs(1);
const MOST_KEEP_ALIVE: Duration = Duration::from_secs(32_767);

/// Whether no socket could be had because the process or the system has too many open files.
pub(crate) fn is_out_of_descriptors(error: &Error) -> bool {
    let Error::Connect { source: Some(source), .. } = error else { return false };
    let code = source.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    matches!(code, Some(EMFILE | ENFILE))
}

/// The same numbers on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_of_a_dial_that_takes_too_long_is_told_by_its_kind() {
        for kind in [ConnectErrorKind::Dns, ConnectErrorKind::Timeout] {
            let limit = Duration::from_secs(5);
            let start = Instant::now();
            let ended = within(limit, kind, std::future::pending::<Result<(), Error>>()).await;
            assert!(matches!(ended, Err(Error::Connect { kind: told, .. }) if told == kind));
            assert_eq!(start.elapsed(), limit);
        }
    }
}
