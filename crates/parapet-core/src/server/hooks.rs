//! What programs can listen to.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::{ConnInfo, ResponseError};

/// State of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnState {
    /// Accepted; only the socket's facts are known.
    New,
    /// The first byte of a head came (HTTP/2: the first stream is open).
    Active,
    /// The response is flushed (HTTP/2: no stream is open).
    Idle,
    /// Taken over by an upgrade; `Closed` still follows.
    Upgraded,
    /// Ended. Exactly once for every connection that was `New`, last of all.
    Closed,
}

/// Why a connection failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// A connection layer refused it.
    Layer(Arc<dyn Error + Send + Sync>),
    /// The TLS handshake failed.
    TlsHandshake(Arc<dyn Error + Send + Sync>),
    /// A timeout expired: the setting's name.
    Timeout(&'static str),
    /// What came is not HTTP, or another version of it: a short reason.
    Protocol(&'static str),
    /// A message broke the framing rules: which.
    Framing(&'static str),
    /// A limit was exceeded: the setting's name.
    Limit(&'static str),
    /// The socket failed.
    Io(io::ErrorKind),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(error) => write!(f, "a connection layer refused: {error}"),
            Self::TlsHandshake(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Timeout(which) => write!(f, "{which} expired"),
            Self::Protocol(reason) | Self::Framing(reason) => f.write_str(reason),
            Self::Limit(which) => write!(f, "{which} was exceeded"),
            Self::Io(kind) => write!(f, "the socket failed: {kind}"),
        }
    }
}

/// An answer that the server gave before any handler ran.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LocalReply {
    /// Its status.
    pub status: StatusCode,
    /// Why, as a word of a closed set.
    pub kind: &'static str,
    /// When what it answers came.
    pub received_at: Instant,
}

type Hook<T> = Guarded<dyn Fn(&ConnInfo, T) + Send + Sync>;
type ReadyHook = Guarded<dyn Fn(&[SocketAddr]) + Send + Sync>;
type RefHook<T> = Guarded<dyn Fn(&ConnInfo, &T) + Send + Sync>;

/// The hooks of a server. A panic in one is caught and logged; it changes nothing else.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) conn_state: Vec<Hook<ConnState>>,
    pub(crate) connection_error: Vec<RefHook<ConnectionError>>,
    pub(crate) local_reply: Vec<RefHook<LocalReply>>,
    pub(crate) error: Vec<RefHook<ResponseError>>,
    pub(crate) ready: Vec<ReadyHook>,
}

impl Hooks {
    pub(crate) fn state(&self, conn: &ConnInfo, state: ConnState) {
        for hook in &self.conn_state {
            hook.call("on_conn_state", |hook| hook(conn, state));
        }
    }

    pub(crate) fn failed(&self, conn: &ConnInfo, error: &ConnectionError) {
        tracing::debug!(target: "parapet_core", connection = conn.id(), peer = ?conn.peer_addr(), %error, "connection");
        for hook in &self.connection_error {
            hook.call("on_connection_error", |hook| hook(conn, error));
        }
    }

    pub(crate) fn local_reply(&self, conn: &ConnInfo, reply: &LocalReply) {
        for hook in &self.local_reply {
            hook.call("on_local_reply", |hook| hook(conn, reply));
        }
    }

    pub(crate) fn response_error(&self, conn: &ConnInfo, error: &ResponseError) {
        for hook in &self.error {
            hook.call("on_error", |hook| hook(conn, error));
        }
    }

    pub(crate) fn ready(&self, addrs: &[SocketAddr]) {
        for hook in &self.ready {
            hook.call("on_ready", |hook| hook(addrs));
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// A hook whose panics are logged once a minute: a client that provokes them must not fill the disk.
pub(crate) struct Guarded<F: ?Sized> {
    hook: Box<F>,
    logged: Mutex<Option<Instant>>,
}

impl<F: ?Sized> Guarded<F> {
    pub(crate) fn new(hook: Box<F>) -> Self {
        Self { hook, logged: Mutex::new(None) }
    }

    fn call(&self, name: &'static str, call: impl FnOnce(&F)) {
        if catch_unwind(AssertUnwindSafe(|| call(&self.hook))).is_err()
            && self.is_to_be_logged(Instant::now())
        {
            tracing::error!(target: "parapet_core", hook = name, "a hook of the server panicked");
        }
    }

    fn is_to_be_logged(&self, now: Instant) -> bool {
        const MINUTE: Duration = Duration::from_secs(60);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let due = logged.is_none_or(|at| now.saturating_duration_since(at) >= MINUTE);
        if due {
            *logged = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_a_hook_are_logged_once_a_minute() {
        let hook: Guarded<dyn Fn()> = Guarded::new(Box::new(|| {}));
        let begin = Instant::now();
        let at = |seconds| hook.is_to_be_logged(begin + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 59, 60, 61, 119, 120].map(at),
            [true, false, false, true, false, false, true]
        );
    }
}
