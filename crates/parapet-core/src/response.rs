use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use crate::{Body, BodyError, Failure, Response};

/// A plain error: status; body = `text` and a newline; `Content-Type: text/plain; charset=utf-8`;
/// `X-Content-Type-Options: nosniff`; known length.
///
/// Every error that parapet answers by itself has this form. A HEAD request gets the head alone (the server sees to it).
pub fn plain_error(status: StatusCode, text: &'static str) -> Response {
    // The newline is part of the body; a static text without one is copied once, an allocation of a few bytes.
    let body = match known_line(text) {
        Some(line) => Bytes::from_static(line.as_bytes()),
        None => Bytes::from([text, "\n"].concat()),
    };
    plain(status, body)
}

/// [`plain_error`] with a text made at run time.
pub fn plain_error_owned(status: StatusCode, mut text: String) -> Response {
    text.push('\n');
    plain(status, text.into())
}

fn plain(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The texts that parapet's own crates answer with, newline included, so that an error costs no body allocation.
fn known_line(text: &str) -> Option<&'static str> {
    const LINES: &[&str] = &[
        "404 page not found\n",
        "Bad Gateway\n",
        "Bad Request\n",
        "Content Too Large\n",
        "Forbidden\n",
        "Gateway Timeout\n",
        "HTTP Version Not Supported\n",
        "Internal Server Error\n",
        "Method Not Allowed\n",
        "Misdirected Request\n",
        "Not Found\n",
        "Request Entity Too Large\n",
        "Request Header Fields Too Large\n",
        "Request Timeout\n",
        "Service Unavailable\n",
        "Too Many Requests\n",
        "URI Too Long\n",
        "Unauthorized\n",
    ];
    let at = LINES.binary_search_by(|line| line.trim_end().cmp(text)).ok()?;
    LINES.get(at).copied()
}

/// Note in the extensions of a response that a layer made because something failed: for the log, metrics and retries.
#[derive(Clone, Debug)]
pub struct ResponseError {
    source: &'static str,
    kind: &'static str,
    error: Arc<dyn Error + Send + Sync>,
}

impl ResponseError {
    /// `source` is the crate without `parapet-`, `kind` one of a closed set of words of that crate.
    pub fn new(
        source: &'static str,
        kind: &'static str,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { source, kind, error: Arc::from(error.into()) }
    }

    /// The crate that failed, without `parapet-`.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// What kind of failure it was: a word of a closed set, fit for a metric label.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The error itself.
    pub fn error(&self) -> &Arc<dyn Error + Send + Sync> {
        &self.error
    }
}

/// Note in the extensions of a response whose body ends with its connection (RFC 9112 §6.3): an early end cannot be told
/// from the right one, so a cache must not store it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseDelimited;

/// Note in the extensions of a response that must not be sent at all: see [`abort`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abort;

/// No answer at all: HTTP/1 closes the connection without a byte, HTTP/2 resets the stream with `CANCEL` (nginx calls
/// it 444).
pub fn abort() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Abort);
    response
}

/// What handlers and middleware functions may return.
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

/// An empty response with this status.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

/// Text with this status: a plain error from 400 on, else like a text alone.
impl IntoResponse for (StatusCode, &'static str) {
    fn into_response(self) -> Response {
        let (status, text) = self;
        if status.is_client_error() || status.is_server_error() {
            return plain_error(status, text);
        }
        let mut response = text.into_response();
        *response.status_mut() = status;
        response
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        text(Bytes::from_static(self.as_bytes()))
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        text(Bytes::from(self))
    }
}

/// `application/octet-stream`.
impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::full(self));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        response
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

/// 413 for a body over a limit, 408 for one that stalled, 400 for anything else that is wrong with the client's body.
impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let (status, text, kind) = match self {
            Self::LengthLimitExceeded => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large", "body_limit")
            }
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "Request Timeout", "body_timeout"),
            _ => (StatusCode::BAD_REQUEST, "Bad Request", "body"),
        };
        let mut response = plain_error(status, text);
        response.extensions_mut().insert(ResponseError::new("core", kind, self));
        response
    }
}

/// 500, with the failure as [`ResponseError`] for the log; the client learns nothing of it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = plain_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        response.extensions_mut().insert(ResponseError::new("core", "handler", self));
        response
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

fn text(data: Bytes) -> Response {
    let mut response = Response::new(Body::full(data));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
