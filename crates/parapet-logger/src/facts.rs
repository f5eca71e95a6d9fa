use std::net::IpAddr;
use std::time::SystemTime;

use http::header::{REFERER, USER_AGENT};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use parapet_core::{ConnInfo, Request, RequestFacts, Scheme, ServerHandle};
use parapet_header::{X_FORWARDED_FOR, X_REAL_IP};
use tokio::time::Instant;

use crate::query::Redaction;

/// What a record says of the request, as it was when it came: clones that share the request's bytes.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) received_at: Instant,
    /// `None`, as the next, for what was no request that a handler could see.
    pub(crate) line: Option<RequestLine>,
    pub(crate) authority: Option<Authority>,
    pub(crate) referer: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) remote: Option<IpAddr>,
    pub(crate) client: Client,
    pub(crate) forwarded_for: Option<HeaderValue>,
    pub(crate) server: Option<ServerHandle>,
}

/// Who is behind the peer.
#[derive(Debug)]
pub(crate) enum Client {
    /// The client address of the trust step.
    Address(IpAddr),
    /// For want of it, what `X-Real-IP` says.
    Claimed(HeaderValue),
    Unknown,
}

/// What the request line and the trust step say.
#[derive(Debug)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) scheme: Scheme,
    pub(crate) target: PathAndQuery,
}

impl Facts {
    /// Of something that the server answered itself.
    pub(crate) fn unknown(conn: &ConnInfo, received_at: Instant) -> Self {
        Self {
            received_at,
            line: None,
            authority: None,
            referer: None,
            user_agent: None,
            remote: conn.peer_addr().map(|peer| peer.ip()),
            client: Client::Unknown,
            forwarded_for: None,
            server: None,
        }
    }

    pub(crate) fn of(request: &Request, known: &RequestFacts<'_>) -> Self {
        let headers = request.headers();
        Self {
            received_at: known.received_at,
            line: Some(RequestLine {
                method: request.method().clone(),
                version: request.version(),
                scheme: known.scheme,
                target: known.original_target.clone(),
            }),
            authority: known.authority.cloned(),
            referer: headers.get(REFERER).cloned(),
            user_agent: headers.get(USER_AGENT).cloned(),
            remote: known.conn.peer_addr().map(|peer| peer.ip()),
            client: match known.client_addr {
                Some(address) => Client::Address(address),
                None => headers.get(X_REAL_IP).cloned().map_or(Client::Unknown, Client::Claimed),
            },
            forwarded_for: joined(headers, &X_FORWARDED_FOR),
            server: known.server.cloned(),
        }
    }

    /// Own scheme, authority and target; a CONNECT has an authority only, `OPTIONS *` no more than the asterisk.
    pub(crate) fn write_url(&self, out: &mut Vec<u8>, query: &Redaction) {
        let Some(line) = &self.line else { return };
        if line.method != Method::CONNECT && line.target != "*" {
            out.extend_from_slice(line.scheme.as_str().as_bytes());
            out.extend_from_slice(b"://");
            out.extend_from_slice(self.host().as_bytes());
        }
        self.write_target(out, query);
    }

    /// The target as in the request line.
    pub(crate) fn write_target(&self, out: &mut Vec<u8>, query: &Redaction) {
        let Some(line) = &self.line else { return };
        if line.method == Method::CONNECT {
            out.extend_from_slice(self.host().as_bytes());
        } else {
            query.write_target(out, line.target.as_str().as_bytes());
        }
    }

    pub(crate) fn host(&self) -> &str {
        self.authority.as_ref().map_or("", Authority::as_str)
    }

    pub(crate) fn method(&self) -> &str {
        self.line.as_ref().map_or("", |line| line.method.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.line.as_ref().map_or("", |line| line.target.path())
    }

    pub(crate) fn protocol(&self) -> &'static str {
        match self.line.as_ref().map(|line| line.version) {
            None => "",
            Some(Version::HTTP_09) => "HTTP/0.9",
            Some(Version::HTTP_10) => "HTTP/1.0",
            Some(Version::HTTP_2) => "HTTP/2.0",
            Some(Version::HTTP_3) => "HTTP/3.0",
            Some(_) => "HTTP/1.1",
        }
    }

    pub(crate) fn is_connect(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.method == Method::CONNECT)
    }

    /// Nanoseconds from the head of the request to `now`.
    pub(crate) fn since(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.received_at).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// When the request came, by the calendar.
    pub(crate) fn date(&self) -> SystemTime {
        parapet_core::time::date_of(self.received_at)
    }
}

/// The lines of a field as one value, joined by `, `; one line is shared, not copied.
pub(crate) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    let Some(second) = lines.next() else { return Some(first.clone()) };
    let mut all = first.as_bytes().to_vec();
    let mut sensitive = first.is_sensitive();
    for line in std::iter::once(second).chain(lines) {
        all.extend_from_slice(b", ");
        all.extend_from_slice(line.as_bytes());
        sensitive |= line.is_sensitive();
    }
    let mut value = HeaderValue::try_from(all).ok()?;
    value.set_sensitive(sensitive);
    Some(value)
}
