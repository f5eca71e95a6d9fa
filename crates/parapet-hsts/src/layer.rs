use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderMap, HeaderValue};
use parapet_core::{Handler, Middleware, Request, RequestExt, ResponseFuture, Scheme, Serve};

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
        next.serve(request).map(|response| write(response.headers_mut(), value))
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
