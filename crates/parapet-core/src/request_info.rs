use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, OnceLock};

use http::uri::{Authority, PathAndQuery};
use tokio::time::Instant;

use crate::notes::{Matched, Notes};
use crate::upgrade::Offer;
use crate::{ConnInfo, LogRecord, RequestId, ServerHandle};

/// Scheme of a request, as the trust step decided it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "HTTP has these two schemes")]
pub enum Scheme {
    /// `http`.
    #[default]
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Facts of the core about one request: one value, hence one insertion into the request's extensions.
///
/// Opaque: [`RequestExt`](crate::RequestExt) has the accessors. Made by the server's trust step; changed by the layers on
/// the way in; ends with the request.
#[derive(Debug)]
pub struct RequestInfo {
    pub(crate) conn: Option<Arc<ConnInfo>>,
    pub(crate) server: Option<ServerHandle>,
    pub(crate) received_at: Instant,
    pub(crate) client_addr: Option<IpAddr>,
    pub(crate) peer_trusted: bool,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Option<Authority>,
    pub(crate) original_target: Option<PathAndQuery>,
    pub(crate) log: Option<LogRecord>,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) matched: Matched,
    pub(crate) notes: OnceLock<Notes>,
    pub(crate) upgrade: Option<Offer>,
}

/// What the accessors of [`RequestExt`](crate::RequestExt) of the same names tell, together.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is the accessor of its name")]
pub struct RequestFacts<'a> {
    pub conn: &'a ConnInfo,
    pub server: Option<&'a ServerHandle>,
    pub received_at: Instant,
    pub client_addr: Option<IpAddr>,
    pub scheme: Scheme,
    pub authority: Option<&'a Authority>,
    pub original_target: &'a PathAndQuery,
    pub log: Option<&'a LogRecord>,
}

impl RequestInfo {
    pub(crate) fn new(received_at: Instant) -> Self {
        Self {
            conn: None,
            server: None,
            received_at,
            client_addr: None,
            peer_trusted: false,
            scheme: Scheme::Http,
            authority: None,
            original_target: None,
            log: None,
            request_id: None,
            matched: Matched::default(),
            notes: OnceLock::new(),
            upgrade: None,
        }
    }

    /// What a request made on behalf of this one keeps: connection, scheme, authority, client address, targets and
    /// server handle; received now; no log record, request id or notes.
    pub(crate) fn detached(&self) -> Self {
        Self {
            conn: self.conn.clone(),
            server: self.server.clone(),
            client_addr: self.client_addr,
            peer_trusted: self.peer_trusted,
            scheme: self.scheme,
            authority: self.authority.clone(),
            original_target: self.original_target.clone(),
            ..Self::new(Instant::now())
        }
    }

    pub(crate) fn update_matched(&mut self, f: impl Fn(&mut Matched)) {
        f(&mut self.matched);
        if let Some(notes) = self.notes.get() {
            notes.update(f);
        }
    }
}

/// A request cannot be cloned as far as the core's facts go: a copy is a request of its own.
impl Clone for RequestInfo {
    fn clone(&self) -> Self {
        self.detached()
    }
}

/// `/`, for requests without a target of their own.
pub(crate) fn root() -> &'static PathAndQuery {
    static ROOT: LazyLock<PathAndQuery> = LazyLock::new(|| PathAndQuery::from_static("/"));
    &ROOT
}
