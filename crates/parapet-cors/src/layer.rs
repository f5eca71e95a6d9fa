use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parapet_core::{Handler, Request, Response, ResponseError, ResponseFuture, Serve, plain_error};
use parapet_header::has_token;

use crate::decision::{Decision, Mark};
use crate::policy::Policy;
use crate::preflight::{TRUE, Vary};

pub(crate) fn wrap(policy: Policy, next: Handler) -> Handler {
    Handler::new(Guarded { vary: Vary::of(&policy), policy: Arc::new(policy), next })
}

struct Guarded {
    policy: Arc<Policy>,
    vary: Vary,
    next: Handler,
}

impl Serve for Guarded {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self { policy, vary, next } = self;
        let mark = match policy.decide(&request) {
            Decision::Next(mark) => mark,
            Decision::Preflight(origin) => {
                return ResponseFuture::ready(policy.preflight(origin, vary, &request));
            }
            Decision::Refuse => return ResponseFuture::ready(refusal()),
        };
        let policy = Arc::clone(policy);
        next.serve(request).map(move |response| policy.mark(response.headers_mut(), mark))
    }
}

impl Policy {
    /// On the way out, so that there is one answer and it is ours: browsers refuse two.
    fn mark(&self, headers: &mut HeaderMap, mark: Mark) {
        let kept = self.keep_upstream && headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
        if !kept {
            remove_answers(headers);
        }
        if mark != Mark::Every {
            vary_by_origin(headers);
        }
        let origin = match mark {
            Mark::Every => HeaderValue::from_static("*"),
            Mark::Origin(origin) => origin,
            Mark::Vary => return,
        };
        if !kept {
            // A full map is left as it is: `insert` would panic there.
            let _full = headers.try_insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if self.credentials {
                let _full = headers.try_insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE.clone());
            }
            if let Some(names) = &self.expose {
                let _full = headers.try_insert(ACCESS_CONTROL_EXPOSE_HEADERS, names.clone());
            }
        }
    }
}

fn remove_answers(headers: &mut HeaderMap) {
    if !headers.keys().any(is_answer) {
        return;
    }
    let names: Vec<_> = headers.keys().filter(|name| is_answer(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn is_answer(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-allow-")
        || *name == ACCESS_CONTROL_EXPOSE_HEADERS
        || *name == ACCESS_CONTROL_MAX_AGE
}

fn vary_by_origin(headers: &mut HeaderMap) {
    if !has_token(headers, &VARY, "origin") && !has_token(headers, &VARY, "*") {
        // A full map is left as it is.
        let _full = headers.try_append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// Another origin may get another answer, of a cache too.
fn refusal() -> Response {
    let mut response = plain_error(StatusCode::FORBIDDEN, "Forbidden");
    vary_by_origin(response.headers_mut());
    response.extensions_mut().insert(ResponseError::new("cors", "origin", ForeignOrigin));
    response
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the origin of the page is not allowed")]
struct ForeignOrigin;
