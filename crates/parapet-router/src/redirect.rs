use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderValue, Method, StatusCode, Uri};
use parapet_core::path::resolve;
use parapet_core::{Body, Response, percent};

/// The answer that sends a client from a path to the same path with a slash behind it: 301 for GET and HEAD, 308 for
/// others, which keep method and body (RFC 9110 §15.4.9).
pub(crate) fn to_slash(method: &Method, uri: &Uri) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = match *method {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::PERMANENT_REDIRECT,
    };
    let headers = response.headers_mut();
    headers.insert(LOCATION, location(uri));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// The last segment, a slash and the query: relative, so that it is right where a layer in front took a prefix off.
fn location(uri: &Uri) -> HeaderValue {
    // Never refused here: the path was matched.
    let path = resolve(uri.path()).unwrap_or_default();
    let segment = path.rsplit('/').next().unwrap_or_default();
    let mut text = Vec::with_capacity(path.len() + 3 + uri.query().map_or(0, str::len));
    if segment.contains(':') {
        text.extend_from_slice(b"./"); // else it reads as a scheme (RFC 3986 §4.2)
    }
    percent::encode_into(segment, &mut text);
    text.push(b'/');
    if let Some(query) = uri.query() {
        text.push(b'?');
        percent::encode_into(query, &mut text);
    }
    // Always valid: nothing but URI characters.
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("./"))
}
