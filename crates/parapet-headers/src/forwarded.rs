//! What an origin wants to know of the hop in front: `X-Forwarded-Host` and `Forwarded` (RFC 7239).

use std::net::IpAddr;

use http::HeaderValue;
use http::header::FORWARDED;
use parapet_core::{Request, RequestExt};
use parapet_header::X_FORWARDED_HOST;

use crate::RequestHeaders;

/// Sets `X-Forwarded-Host` to the authority that the client sent. One that a trusted proxy sent stays.
pub fn forwarded_host() -> RequestHeaders {
    RequestHeaders::default().change(|request| {
        if request.peer_trusted() && request.headers().contains_key(X_FORWARDED_HOST) {
            return;
        }
        let host = request.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        match host {
            Some(host) => drop(request.headers_mut().try_insert(X_FORWARDED_HOST, host)),
            None => drop(request.headers_mut().remove(X_FORWARDED_HOST)),
        }
    })
}

/// Adds one element to `Forwarded` (RFC 7239): client address, own address, authority and scheme. What a trusted proxy
/// sent stays in front of it, but for a line with an open quote, which would take our element in; what anybody else sent is
/// replaced.
pub fn forwarded() -> RequestHeaders {
    RequestHeaders::default().change(|request| {
        let mut list = String::new();
        if request.peer_trusted() {
            for line in request.headers().get_all(FORWARDED) {
                if let Ok(line) = line.to_str()
                    && closes_its_quotes(line)
                {
                    list.push_str(line);
                    list.push_str(", ");
                }
            }
        }
        list.push_str(&element(request));
        match HeaderValue::try_from(list) {
            Ok(value) => drop(request.headers_mut().try_insert(FORWARDED, value)),
            Err(_) => drop(request.headers_mut().remove(FORWARDED)),
        }
    })
}

/// Whether every quoted-string ends (RFC 9110 §5.6.4): a proxy may have put its element behind whatever its client sent.
fn closes_its_quotes(line: &str) -> bool {
    let mut open = false;
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => open = !open,
            b'\\' if open => drop(bytes.next()),
            _ => {}
        }
    }
    !open
}

fn element(request: &Request) -> String {
    let client = request.client_addr().map_or_else(|| "unknown".into(), node);
    let by = request.conn().local_addr().map(|local| format!(";by={}", node(local.ip())));
    let host = request.authority().map(|authority| format!(";host=\"{authority}\""));
    let (by, host) = (by.unwrap_or_default(), host.unwrap_or_default());
    format!("for={client}{by}{host};proto={}", request.scheme())
}

/// An address as RFC 7239 §6 writes it.
fn node(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    }
}
