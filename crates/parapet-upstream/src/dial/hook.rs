use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Route;
use crate::Error;
use crate::io::Io;

/// What an [`on_connect`](crate::HttpTransport::on_connect) hook hears of one dial.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectInfo<'a> {
    /// `host:port`, or the path of the socket.
    pub host: &'a str,
    /// The other end, if there is a TCP socket.
    pub peer: Option<SocketAddr>,
    /// Resolution, connection and TLS handshake together.
    pub duration: Duration,
    /// Why there is no connection.
    pub error: Option<&'a Error>,
}

/// A user's function that hears of dials.
#[derive(Clone)]
pub(crate) struct ConnectHook {
    hook: Arc<dyn Fn(&ConnectInfo<'_>) + Send + Sync>,
    /// A panic of it was logged.
    panicked: Arc<AtomicBool>,
}

impl ConnectHook {
    pub(crate) fn new(hook: impl Fn(&ConnectInfo<'_>) + Send + Sync + 'static) -> Self {
        Self { hook: Arc::new(hook), panicked: Arc::default() }
    }

    pub(super) fn call(&self, route: &Route, duration: Duration, result: &Result<Io, Error>) {
        let (peer, error) = match result {
            Ok(io) => (io.peer(), None),
            Err(error) => (None, Some(error)),
        };
        let host = route.to_string();
        let info = ConnectInfo { host: &host, peer, duration, error };
        let called = std::panic::catch_unwind(AssertUnwindSafe(|| (self.hook)(&info)));
        if called.is_err() && !self.panicked.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "an on_connect hook panicked; it is called on, and its panics are ignored"
            );
        }
    }
}

impl fmt::Debug for ConnectHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectHook")
    }
}
