//! What the client gets when there is no response.

use http::header::{ALLOW, CONNECTION};
use http::{HeaderValue, StatusCode};
use parapet_core::{Body, BodyError, Response, ResponseError, plain_error};

use crate::{ConnectErrorKind, Error, ShedReason, TimeoutKind};

/// The response of a final failure: a plain error with a fixed text, and the error as [`ResponseError`].
pub(crate) fn response(error: &Error) -> Response {
    let (status, text) = status(error);
    let mut response = plain_error(status, text);
    if status.is_client_error() {
        // The rest of the client's body was not read and will not be.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    note(&mut response, error);
    response
}

/// Notes the failure in a response, unless whoever made it noted one.
pub(crate) fn note(response: &mut Response, error: &Error) {
    if response.extensions().get::<ResponseError>().is_none() {
        let note = ResponseError::new("upstream", kind(error), error.clone());
        response.extensions_mut().insert(note);
    }
}

/// Whether the client caused it, by its body or by leaving.
pub(crate) fn is_clients(error: &Error) -> bool {
    matches!(error, Error::RequestBody(_) | Error::Canceled)
}

fn status(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Error::Timeout(_) | Error::Connect { kind: ConnectErrorKind::Timeout, .. } => {
            (StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout")
        }
        Error::RequestBody(error) => match **error {
            BodyError::LengthLimitExceeded => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            BodyError::Timeout => (StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
            // Nobody is there to read it.
            BodyError::Disconnected | BodyError::Reset(_) => BAD_GATEWAY,
            _ => (StatusCode::BAD_REQUEST, "Bad Request"),
        },
        Error::Connect { .. }
        | Error::Closed { .. }
        | Error::Protocol(_)
        | Error::Canceled
        | Error::Other(_) => BAD_GATEWAY,
    }
}

const BAD_GATEWAY: (StatusCode, &str) = (StatusCode::BAD_GATEWAY, "Bad Gateway");

/// The word of the failure, fit for a metric label.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Unavailable { reason } => match reason {
            ShedReason::Empty => "shed_empty",
            ShedReason::Saturated => "shed_saturated",
            ShedReason::AllDark => "shed_all_dark",
            ShedReason::AllOpen => "shed_all_open",
            ShedReason::Adaptive => "shed_adaptive",
            ShedReason::ConnLimit => "shed_conn_limit",
        },
        Error::Connect { kind, .. } => match kind {
            ConnectErrorKind::Refused => "connect_refused",
            ConnectErrorKind::Reset => "connect_reset",
            ConnectErrorKind::Timeout => "connect_timeout",
            ConnectErrorKind::Dns => "connect_dns",
            ConnectErrorKind::Tls => "connect_tls",
            ConnectErrorKind::Other => "connect",
        },
        Error::Timeout(TimeoutKind::ResponseHeader) => "header_timeout",
        Error::Timeout(TimeoutKind::PerTry) => "try_timeout",
        Error::Timeout(TimeoutKind::Deadline) => "deadline",
        Error::Closed { .. } => "closed",
        Error::Protocol(_) => "protocol",
        Error::RequestBody(error) => match **error {
            BodyError::Disconnected | BodyError::Reset(_) => "canceled",
            _ => "request_body",
        },
        Error::Canceled => "canceled",
        Error::Other(_) => "other",
    }
}

/// Why a request is answered here and never sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a CONNECT is not forwarded")]
    Connect,
    #[error("Max-Forwards of a TRACE is used up")]
    LastTrace,
    #[error("Max-Forwards of an OPTIONS is used up")]
    LastOptions,
    #[error("Upgrade is no list of protocols")]
    Upgrade,
    #[error(transparent)]
    Client(#[from] crate::client::BadRequest),
    #[error(transparent)]
    Target(#[from] crate::rewrite::BadTarget),
    #[error(transparent)]
    Fields(#[from] crate::request_fields::Unsendable),
}

impl Refusal {
    pub(crate) fn response(self) -> Response {
        match self {
            Self::Connect | Self::LastTrace => {
                let mut response =
                    plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                let allow = if self == Self::Connect { FORWARDED } else { FORWARDED_LESS_TRACE };
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Self::LastOptions => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(FORWARDED));
                response
            }
            Self::Upgrade | Self::Client(_) | Self::Target(_) | Self::Fields(_) => {
                let mut response = plain_error(StatusCode::BAD_REQUEST, "Bad Request");
                let note = ResponseError::new("upstream", "bad_request", self);
                response.extensions_mut().insert(note);
                response
            }
        }
    }
}

const FORWARDED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";
const FORWARDED_LESS_TRACE: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
