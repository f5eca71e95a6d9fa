use std::net::IpAddr;

use http::header::{REFERER, USER_AGENT};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use parapet_core::{Request, RequestExt, Scheme, ServerHandle};
use parapet_header::{X_FORWARDED_FOR, X_REAL_IP};
use tokio::time::Instant;

use crate::query::Query;

/// What a record says of the request, as it was when it came: clones that share the request's bytes.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) received_at: Instant,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Option<Authority>,
    pub(crate) target: PathAndQuery,
    /// `None`: the length is not known, its bytes are counted.
    pub(crate) body_length: Option<u64>,
    pub(crate) referer: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) remote: Option<IpAddr>,
    pub(crate) client: Option<IpAddr>,
    /// `X-Real-IP`, for want of a client address.
    pub(crate) real_ip: Option<HeaderValue>,
    pub(crate) forwarded_for: Option<HeaderValue>,
    pub(crate) server: Option<ServerHandle>,
}

impl Facts {
    pub(crate) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let client = request.client_addr();
        Self {
            received_at: request.received_at(),
            method: request.method().clone(),
            version: request.version(),
            scheme: request.scheme(),
            authority: request.authority().cloned(),
            target: request.original_target().clone(),
            body_length: request.body().known_length(),
            referer: headers.get(REFERER).cloned(),
            user_agent: headers.get(USER_AGENT).cloned(),
            remote: request.conn().peer_addr().map(|peer| peer.ip()),
            client,
            real_ip: if client.is_none() { headers.get(X_REAL_IP).cloned() } else { None },
            forwarded_for: joined(headers, &X_FORWARDED_FOR),
            server: request.server().cloned(),
        }
    }

    /// Own scheme, authority and target; a CONNECT has an authority only, `OPTIONS *` no more than the asterisk.
    pub(crate) fn write_url(&self, out: &mut Vec<u8>, query: &Query) {
        let authority = self.authority.as_ref().map_or("", Authority::as_str);
        if self.method == Method::CONNECT {
            out.extend_from_slice(authority.as_bytes());
        } else if self.target == "*" {
            out.push(b'*');
        } else {
            out.extend_from_slice(self.scheme.as_str().as_bytes());
            out.extend_from_slice(b"://");
            out.extend_from_slice(authority.as_bytes());
            query.write_target(out, self.target.as_str().as_bytes());
        }
    }

    /// The target as in the request line.
    pub(crate) fn write_target(&self, out: &mut Vec<u8>, query: &Query) {
        if self.method == Method::CONNECT {
            let authority = self.authority.as_ref().map_or("", Authority::as_str);
            out.extend_from_slice(authority.as_bytes());
        } else {
            query.write_target(out, self.target.as_str().as_bytes());
        }
    }

    pub(crate) fn protocol(&self) -> &'static str {
        match self.version {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
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
