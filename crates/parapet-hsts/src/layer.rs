use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderMap, HeaderValue};
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
            Ok(mut response) => {
                write(response.headers_mut(), value);
                ResponseFuture::ready(response)
            }
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
        let mut response = ready!(this.answer.poll(cx));
        write(response.headers_mut(), this.value.take());
        Poll::Ready(response)
    }
}

/// On the way out, so that exactly one line is left (RFC 6797 §7.1), and none over clear text (§7.2).
fn write(headers: &mut HeaderMap, value: Option<HeaderValue>) {
    match value {
        // A full map is left as it is: `insert` would panic there.
        Some(value) => drop(headers.try_insert(STRICT_TRANSPORT_SECURITY, value)),
        None => drop(headers.remove(STRICT_TRANSPORT_SECURITY)),
    }
}
