//! Fields of the request that goes to the upstream.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRAILER, UPGRADE, VIA};
use http::{HeaderMap, HeaderValue, Method};
use parapet_core::{Body, Request, RequestExt};
use parapet_header::{one_line, strip_hop_by_hop, te_trailers};

use crate::via::Via;

/// The request cannot be sent on: it has no host, or no room for the fields that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has no Host that could be forwarded")]
pub(crate) struct Unsendable;

/// Makes the fields those of a message of our own to the next hop: hop-by-hop fields go, framing comes from the body.
/// `upgrade` is the protocol to ask for, if the client asked. Written as for HTTP/1.1; an HTTP/2 transport leaves
/// out what belongs to a connection.
pub(crate) fn rewrite(
    request: &mut Request,
    via: Option<&Via>,
    upgrade: Option<HeaderValue>,
) -> Result<(), Unsendable> {
    let trailers = te_trailers(request.headers());
    strip_hop_by_hop(request.headers_mut());
    connection(request.headers_mut(), trailers, upgrade)?;
    framing(request)?;
    join_cookies(request.headers_mut());
    if let Some(via) = via {
        let value = via.value(request.version()).clone();
        // A full map is left as it is: this field is for diagnosis only.
        let _ = request.headers_mut().try_append(VIA, value);
    }
    Ok(())
}

/// Puts back what stays meaningful on the next connection (RFC 9110 §7.8, §10.1.4).
fn connection(
    headers: &mut HeaderMap,
    trailers: bool,
    upgrade: Option<HeaderValue>,
) -> Result<(), Unsendable> {
    let options = match (trailers, upgrade.is_some()) {
        (false, false) => return Ok(()),
        (true, false) => "TE",
        (false, true) => "Upgrade",
        (true, true) => "TE, Upgrade",
    };
    set(headers, CONNECTION, HeaderValue::from_static(options))?;
    if trailers {
        set(headers, TE, HeaderValue::from_static("trailers"))?;
    }
    if let Some(protocol) = upgrade {
        set(headers, UPGRADE, protocol)?;
    }
    Ok(())
}

/// `Content-Length` is what the body says, never what was received (RFC 9110 §8.6): layers in between may have changed
/// the body.
fn framing(request: &mut Request) -> Result<(), Unsendable> {
    let length = length(request.method(), request.body());
    let ends = request.body().is_end_stream();
    let headers = request.headers_mut();
    if ends {
        headers.remove(TRAILER);
    }
    match length {
        Some(length) if !is_length(headers, length) => set(headers, CONTENT_LENGTH, length.into()),
        Some(_) => Ok(()),
        None => {
            headers.remove(CONTENT_LENGTH);
            Ok(())
        }
    }
}

/// An empty body is told only where the method calls for one.
fn length(method: &Method, body: &Body) -> Option<u64> {
    if body.is_end_stream() {
        matches!(*method, Method::POST | Method::PUT | Method::PATCH).then_some(0)
    } else {
        body.known_length()
    }
}

fn is_length(headers: &HeaderMap, length: u64) -> bool {
    let Ok(Some(value)) = one_line(headers, &CONTENT_LENGTH) else { return false };
    let digits = value.as_bytes();
    digits.iter().all(u8::is_ascii_digit)
        && value.to_str().is_ok_and(|digits| digits.parse() == Ok(length))
}

/// Sees to the one `Host`: the configured one, or the client's. Before the target is rewritten, which may hold it.
pub(crate) fn host(
    request: &mut Request,
    configured: Option<&HeaderValue>,
) -> Result<(), Unsendable> {
    // The authority-form of a plain CONNECT says the host already; the two must not differ (RFC 9112 §3.2).
    let plain_connect = *request.method() == Method::CONNECT && request.uri().path().is_empty();
    if let Some(host) = configured.filter(|_| !plain_connect) {
        return set(request.headers_mut(), HOST, host.clone());
    }
    if request.headers().contains_key(HOST) {
        return Ok(());
    }
    let authority = request.authority().ok_or(Unsendable)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Unsendable)?;
    set(request.headers_mut(), HOST, host)
}

/// HTTP/2 clients may split the field (RFC 9113 §8.2.3); HTTP/1.1 knows one line only (RFC 6265 §5.4).
fn join_cookies(headers: &mut HeaderMap) {
    let lines = headers.get_all(COOKIE);
    if lines.iter().nth(1).is_none() {
        return;
    }
    let sensitive = lines.iter().any(HeaderValue::is_sensitive);
    let mut joined = Vec::with_capacity(lines.iter().map(|line| line.len() + 2).sum());
    for line in lines {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(line.as_bytes());
    }
    if let Ok(mut joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
        joined.set_sensitive(sensitive);
        headers.insert(COOKIE, joined);
    }
}

/// `insert` would panic in a full map.
pub(crate) fn set(
    headers: &mut HeaderMap,
    name: http::HeaderName,
    value: HeaderValue,
) -> Result<(), Unsendable> {
    headers.try_insert(name, value).map(drop).map_err(|_| Unsendable)
}
