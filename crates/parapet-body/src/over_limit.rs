use http::StatusCode;
use parapet_core::{
    Body, BodyError, Handler, Request, RequestExt, RequestHead, Response, ResponseError,
    ResponseFuture, plain_error,
};

/// Who answers a request whose body is over a limit.
#[derive(Clone, Debug, Default)]
pub(crate) enum OverLimit {
    /// A plain error.
    #[default]
    Plain,
    /// A handler of the user's.
    Handler(Handler),
}

impl OverLimit {
    /// Answers `request`, whose body is dropped.
    pub(crate) fn answer(&self, request: Request) -> ResponseFuture {
        match self {
            Self::Plain => ResponseFuture::ready(too_large()),
            Self::Handler(handler) => {
                let (head, body) = request.into_parts();
                drop(body);
                handler.serve(Request::from_parts(head, Body::empty()))
            }
        }
    }

    /// Prepares for the case that the limit is crossed while next has the request. Copies the head only if somebody will
    /// look at it.
    pub(crate) fn prepare(&self, request: &Request) -> Prepared {
        match self {
            Self::Plain => Prepared::Plain,
            Self::Handler(handler) => {
                Prepared::Handler { handler: handler.clone(), head: Box::new(copy(request)) }
            }
        }
    }
}

/// An answer that may be wanted.
pub(crate) enum Prepared {
    Plain,
    Handler { handler: Handler, head: Box<RequestHead> },
}

impl Prepared {
    pub(crate) fn answer(self) -> ResponseFuture {
        match self {
            Self::Plain => ResponseFuture::ready(too_large()),
            Self::Handler { handler, head } => {
                handler.serve(Request::from_parts(*head, Body::empty()))
            }
        }
    }
}

/// 413, with a note for the log.
pub(crate) fn too_large() -> Response {
    let mut response = plain_error(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    let note = ResponseError::new("body", "limit", BodyError::LengthLimitExceeded);
    response.extensions_mut().insert(note);
    response
}

/// The head as it is now. A copy of the core's facts leaves record and id out, which are this request's still.
fn copy(request: &Request) -> RequestHead {
    let mut bare = http::Request::new(());
    *bare.method_mut() = request.method().clone();
    *bare.uri_mut() = request.uri().clone();
    *bare.version_mut() = request.version();
    *bare.headers_mut() = request.headers().clone();
    *bare.extensions_mut() = request.extensions().clone();
    if let Some(log) = request.log() {
        bare.set_log(log.clone());
    }
    if let Some(id) = request.request_id() {
        bare.set_request_id(id.clone());
    }
    bare.into_parts().0
}
