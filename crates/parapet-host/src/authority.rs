use http::uri::Authority;
use parapet_core::{Handler, Middleware, Request, RequestExt, ResponseFuture, Serve};

/// A layer that cuts the port off the authority: from there on `authority()`, `Host` and what the upstream gets have
/// none. The brackets of an IPv6 address stay. Matching hosts never needs it.
///
/// Without a port nothing is written or allocated.
pub fn strip_port() -> StripPort {
    StripPort(())
}

/// A layer that lowers the ASCII letters of the authority, as [`strip_port`] cuts its port.
///
/// Without a capital letter nothing is written or allocated.
pub fn to_lower() -> ToLower {
    ToLower(())
}

/// Made by [`strip_port`].
#[derive(Clone, Debug)]
pub struct StripPort(());

/// Made by [`to_lower`].
#[derive(Clone, Debug)]
pub struct ToLower(());

impl Middleware for StripPort {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Rewritten { rewrite: without_port, next })
    }
}

impl Middleware for ToLower {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Rewritten { rewrite: lowered, next })
    }
}

struct Rewritten {
    /// `None`: the authority is as it should be.
    rewrite: fn(&Authority) -> Option<Authority>,
    next: Handler,
}

impl Serve for Rewritten {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        if let Some(authority) = request.authority().and_then(self.rewrite) {
            request.set_authority(authority);
        }
        self.next.serve(request)
    }
}

fn without_port(authority: &Authority) -> Option<Authority> {
    let host = authority.host();
    if host.len() == authority.as_str().len() {
        return None;
    }
    Authority::try_from(host).ok()
}

fn lowered(authority: &Authority) -> Option<Authority> {
    if !authority.as_str().bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Authority::try_from(authority.as_str().to_ascii_lowercase()).ok()
}
