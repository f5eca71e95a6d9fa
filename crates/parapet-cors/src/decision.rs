//! What becomes of a request.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderValue, Method};
use parapet_core::{Request, RequestExt};
use parapet_header::{SEC_FETCH_SITE, one_line};

use crate::origin::{Origin, default_port, serialized};
use crate::policy::{Allowed, Policy};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Next answers, and the response gets this mark.
    Next(Mark),
    /// It is answered here, with this value of `Access-Control-Allow-Origin`.
    Preflight(HeaderValue),
    /// It is refused.
    Refuse,
}

/// What a response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Every origin may read it.
    Every,
    /// This origin may read it, and the next one has to ask.
    Origin(HeaderValue),
    /// Nothing of that, but that another origin may get another answer.
    Vary,
}

impl Policy {
    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let lines = one_line(request.headers(), &ORIGIN);
        let line = lines.ok().flatten();
        if matches!(self.origins, Allowed::Every) {
            return if line.is_some() && self.is_preflight(request) {
                Decision::Preflight(HeaderValue::from_static("*"))
            } else {
                Decision::Next(Mark::Every)
            };
        }
        let Some(line) = line else {
            // Of several, two hops may pick two.
            return if lines.is_ok() { Decision::Next(Mark::Vary) } else { Decision::Refuse };
        };
        let Ok(text) = line.to_str() else { return Decision::Refuse };
        let origin = serialized(text);
        if self.lets_in(text, &origin, request) {
            if self.is_preflight(request) {
                return Decision::Preflight(line.clone());
            }
            return Decision::Next(Mark::Origin(line.clone()));
        }
        if self.same_origin && is_same_origin(&origin, request) {
            return Decision::Next(Mark::Vary);
        }
        Decision::Refuse
    }

    fn lets_in(&self, text: &str, serialized: &str, request: &Request) -> bool {
        if serialized == "null" {
            return self.null;
        }
        match &self.origins {
            Allowed::Every => true,
            Allowed::List(origins) => origins.contain(serialized),
            Allowed::Function(judge) => judge(text, request),
        }
    }

    /// Of a request with one line of `Origin`.
    fn is_preflight(&self, request: &Request) -> bool {
        *request.method() == Method::OPTIONS
            && (self.all_options || request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD))
    }
}

/// Whether a page of the site itself asks. A page cannot forge `Sec-Fetch-Site`, and it does not depend on our knowing the
/// scheme.
fn is_same_origin(origin: &str, request: &Request) -> bool {
    if let Ok(Some(site)) = one_line(request.headers(), &SEC_FETCH_SITE)
        && site == "same-origin"
    {
        return true;
    }
    let (Some(origin), Some(own)) = (Origin::split(origin), request.authority()) else {
        return false;
    };
    let scheme = request.scheme().as_str();
    let own_port = own.port().filter(|port| default_port(scheme) != Some(port.as_str()));
    origin.scheme == scheme
        && origin.host.eq_ignore_ascii_case(own.host())
        && origin.port == own_port.as_ref().map(http::uri::Port::as_str)
}
