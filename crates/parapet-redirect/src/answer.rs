use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use parapet_core::{
    Body, Handler, Request, Response, ResponseError, ResponseFuture, Serve, plain_error,
};

use crate::RedirectStatus;
use crate::request_url::RequestUrl;

/// What a rule decides for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Pass,
    Redirect(HeaderValue),
    /// A redirect is due, to a host that nobody vouches for.
    UnknownHost,
    /// A redirect is due, and there is no host to go to.
    NoHost,
}

/// A kind of redirect: a pure decision on the URL that was asked for.
pub(crate) trait Rule: Clone + Send + Sync + fmt::Debug + 'static {
    /// A cheap look at the request: `false` for most of those that pass.
    fn may_be_due(&self, _request: &Request) -> bool {
        true
    }

    fn decide(&self, url: RequestUrl<'_>) -> Decision;
}

/// Which status a redirect has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: RedirectStatus,
    pub(crate) preserve_method: bool,
}

impl Answer {
    pub(crate) fn wrap(self, rule: impl Rule, next: Handler) -> Handler {
        Handler::new(Redirecting { rule, answer: self, next, warned: AtomicBool::new(false) })
    }

    fn redirect(self, url: RequestUrl<'_>, location: HeaderValue) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status.code(url.method, self.preserve_method);
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(LOCATION, location);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        *response.headers_mut() = headers;
        response
    }
}

struct Redirecting<R> {
    rule: R,
    answer: Answer,
    next: Handler,
    /// Set by the first request that was refused for its host: the log tells the operator once, not each client's doing.
    warned: AtomicBool,
}

impl<R: Rule> Serve for Redirecting<R> {
    fn serve(&self, request: Request) -> ResponseFuture {
        if !self.rule.may_be_due(&request) {
            return self.next.serve(request);
        }
        let url = RequestUrl::of(&request);
        let response = match self.rule.decide(url) {
            Decision::Pass => return self.next.serve(request),
            Decision::Redirect(location) => self.answer.redirect(url, location),
            Decision::UnknownHost => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        rule = ?self.rule,
                        "a redirect to the request's own host is not inside a host block that names the host, so \
                         requests get 421: put it into host::new([\"your.domain\"]), or set canonical_host or \
                         dangerous_any_host"
                    );
                }
                let text = "Misdirected Request";
                refused(StatusCode::MISDIRECTED_REQUEST, text, "unknown_host")
            }
            Decision::NoHost => refused(StatusCode::BAD_REQUEST, "Bad Request", "no_host"),
        };
        ResponseFuture::ready(response)
    }
}

fn refused(status: StatusCode, text: &'static str, kind: &'static str) -> Response {
    let mut response = plain_error(status, text);
    let error = match kind {
        "no_host" => "the request names no host to redirect to",
        _ => "no host block names the host to redirect to",
    };
    response.extensions_mut().insert(ResponseError::new("redirect", kind, error));
    response
}
