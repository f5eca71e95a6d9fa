//! Fields of the response that goes to the client.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, VIA};
use http_body::Frame;
use parapet_core::{Body, Response};
use parapet_header::{forbidden_in_trailers, strip_hop_by_hop};

use crate::via::Via;

/// Removes what was meant for us alone (RFC 9110 §7.6.1). `Trailer` stays: announced trailers go through.
pub(crate) fn rewrite(response: &mut Response, via: Option<&Via>) {
    let version = response.version();
    let headers = response.headers_mut();
    if headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112 §6.3: the coding rules, the length may be an attack.
        headers.remove(CONTENT_LENGTH);
    }
    strip_hop_by_hop(headers);
    if let Some(via) = via {
        // A full map is left as it is: this field is for diagnosis only.
        let _ = headers.try_append(VIA, via.value(version).clone());
    }
}

/// Takes blanks away from the ends of values. HTTP/1.1 has them around a value and does not count them to it; an HTTP/2
/// origin must not send any (RFC 9113 §8.2.1), yet some do, and an HTTP/2 client would refuse them.
#[cfg(feature = "http2")]
pub(crate) fn trim_values(headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        // Other white space cannot be in a value.
        let trimmed = value.as_bytes().trim_ascii();
        if trimmed.len() < value.len()
            && let Ok(mut trimmed) = http::HeaderValue::from_bytes(trimmed)
        {
            trimmed.set_sensitive(value.is_sensitive());
            *value = trimmed;
        }
    }
}

/// Drops the trailer fields that must be known before the content (RFC 9110 §6.5.1).
pub(crate) fn drop_forbidden_trailers(trailers: &mut HeaderMap) {
    while let Some(name) = trailers.keys().find(|name| forbidden_in_trailers(name)).cloned() {
        trailers.remove(name);
    }
}

/// [`drop_forbidden_trailers`] on the frames of a body. Bodies in memory have none and cost nothing.
pub(crate) fn without_forbidden_trailers(body: Body) -> Body {
    if body.is_end_stream() || body.replay().is_some() {
        return body;
    }
    body.map_frames(|frame| match frame.into_trailers() {
        Ok(mut trailers) => {
            drop_forbidden_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    })
    .keep_length()
}
