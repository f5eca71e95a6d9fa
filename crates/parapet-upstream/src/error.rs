use std::fmt;
use std::sync::Arc;

use parapet_core::BodyError;

/// Why an attempt has no response.
///
/// Cheap to clone. `Display` never holds a field value, a TLS key or the user info of a URI.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Error {
    /// The balancer refused before any round trip.
    Unavailable {
        /// Why.
        reason: ShedReason,
    },
    /// No connection: nothing of the request was sent.
    Connect {
        /// What failed.
        kind: ConnectErrorKind,
        /// What the dialer, the resolver or the TLS library said; a custom dialer's error can be downcast from it.
        source: Option<Source>,
    },
    /// Nothing came in time.
    Timeout(TimeoutKind),
    /// The connection ended before a complete final head.
    Closed {
        /// Whether the connection had served a request before.
        reused: bool,
        /// Whether bytes of the request were sent on it.
        bytes_sent: bool,
    },
    /// What the upstream sent breaks the protocol: an unparsable head, bad framing, an upgrade that nobody asked for.
    Protocol(&'static str),
    /// The client's body failed while it was sent.
    RequestBody(Arc<BodyError>),
    /// The request was dropped before the head. Only hooks see it.
    Canceled,
    /// What a custom [`RoundTrip`](crate::RoundTrip) failed with.
    Other(Source),
}

/// A shared cause.
type Source = Arc<dyn std::error::Error + Send + Sync>;

impl Error {
    /// An error of a custom [`RoundTrip`](crate::RoundTrip).
    pub fn other(error: impl Into<parapet_core::BoxError>) -> Self {
        Self::Other(Arc::from(error.into()))
    }

    /// A failed connection attempt with its cause.
    pub fn connect(kind: ConnectErrorKind, source: impl Into<parapet_core::BoxError>) -> Self {
        Self::Connect { kind, source: Some(Arc::from(source.into())) }
    }

    /// Whether it says nothing about the target: a shed, the client's own body, a departed client. No balancer counts
    /// these.
    pub fn is_neutral(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::RequestBody(_) | Self::Canceled)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { reason } => write!(f, "no target is available: {reason}"),
            Self::Connect { kind, .. } => write!(f, "cannot connect to the target: {kind}"),
            Self::Timeout(kind) => write!(f, "no response in time: {kind}"),
            Self::Closed { reused, bytes_sent } => write!(
                f,
                "the {} connection ended before a response, {} bytes of the request were sent",
                if *reused { "reused" } else { "fresh" },
                if *bytes_sent { "after" } else { "before" },
            ),
            Self::Protocol(what) => write!(f, "the response breaks the protocol: {what}"),
            Self::RequestBody(_) => f.write_str("the body of the request failed"),
            Self::Canceled => f.write_str("the request was given up before a response"),
            Self::Other(_) => f.write_str("the round trip failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { source, .. } => source.as_ref().map(|source| &**source as _),
            Self::RequestBody(error) => Some(&**error),
            Self::Other(error) => Some(&**error),
            _ => None,
        }
    }
}

/// Why a balancer refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShedReason {
    /// There are no targets.
    Empty,
    /// Every target that is up is at its limit of requests in progress.
    Saturated,
    /// Every target is down, and at its limit.
    AllDark,
    /// Every circuit is open.
    AllOpen,
    /// The adaptive limit is reached.
    Adaptive,
    /// No connection became free in time.
    ConnLimit,
}

impl ShedReason {
    /// The label: `empty`, `saturated`, `all_dark`, `all_open`, `adaptive`, `conn_limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Saturated => "saturated",
            Self::AllDark => "all_dark",
            Self::AllOpen => "all_open",
            Self::Adaptive => "adaptive",
            Self::ConnLimit => "conn_limit",
        }
    }
}

impl fmt::Display for ShedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What failed on the way to a connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectErrorKind {
    /// Nobody listens.
    Refused,
    /// The connection was reset while it was made.
    Reset,
    /// It took too long.
    Timeout,
    /// The name does not resolve.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// Anything else.
    Other,
}

impl fmt::Display for ConnectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection was refused",
            Self::Reset => "the connection was reset",
            Self::Timeout => "the connection took too long",
            Self::Dns => "the name does not resolve",
            Self::Tls => "the TLS handshake failed",
            Self::Other => "the dialer failed",
        })
    }
}

/// Which time ran out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutKind {
    /// From the end of the request to the head of the response.
    ResponseHeader,
    /// Of one attempt.
    PerTry,
    /// Of the whole request.
    Deadline,
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResponseHeader => "the head of the response was late",
            Self::PerTry => "the attempt took too long",
            Self::Deadline => "the deadline of the request passed",
        })
    }
}
