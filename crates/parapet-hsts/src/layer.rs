use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use parapet_core::{
    Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Scheme, Serve,
};
use pin_project_lite::pin_project;

use crate::Hsts;

impl Middleware for Hsts {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Secured { policy: self.clone(), next })
    }
}

struct Secured {
    policy: Hsts,
    next: Handler,
}

impl Serve for Secured {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self { policy, next } = self;
        let sent = policy.over_http || request.scheme() == Scheme::Https;
        let value = sent.then(|| policy.value.clone());
        match next.serve(request).into_ready() {
            Ok(response) => ResponseFuture::ready(write(response, value)),
            Err(answer) => ResponseFuture::new(Answer { answer, value }),
        }
    }
}

pin_project! {
    /// Dropping it drops the work below; nothing is written then.
    struct Answer {
        #[pin]
        answer: ResponseFuture,
        value: Option<HeaderValue>,
    }
}

impl Future for Answer {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx));
        Poll::Ready(write(response, this.value.take()))
    }
}

/// On the way out, so that exactly one line is left (RFC 6797 §7.1), and none over clear text (§7.2).
fn write(mut response: Response, value: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    match value {
        // A full map is left as it is: `insert` would panic there.
        Some(value) => drop(headers.try_insert(STRICT_TRANSPORT_SECURITY, value)),
        None => drop(headers.remove(STRICT_TRANSPORT_SECURITY)),
    }
    response
}
