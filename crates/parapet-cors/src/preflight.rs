//! The answer to a preflight.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_core::{Body, Request, Response, recycle};
use parapet_header::{elements, is_token, one_line};

use crate::policy::{Allowed, List, Policy, names};

impl Policy {
    /// 200, since some old browsers refuse 204.
    pub(crate) fn preflight(
        &self,
        origin: HeaderValue,
        vary: &Vary,
        request: &Request,
    ) -> Response {
        let asked = request.headers();
        let mut headers = recycle::map();
        headers.reserve(FIELDS);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let private = self.private_network && asks_for_private_network(asked);
        let method = self.methods.value(asked, &ACCESS_CONTROL_REQUEST_METHOD, is_token);
        let names = self.headers.value(asked, &ACCESS_CONTROL_REQUEST_HEADERS, is_token_list);
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, method),
            (ACCESS_CONTROL_ALLOW_HEADERS, names),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, self.credentials.then(|| TRUE.clone())),
            (ALLOW_PRIVATE_NETWORK, private.then(|| TRUE.clone())),
            (VARY, if private { vary.private.clone() } else { vary.plain.clone() }),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = headers;
        response
    }
}

/// What the answer depends on. With some origins, a cache must not take the answer to one for another's; with every origin
/// it is what is repeated.
#[derive(Debug)]
pub(crate) struct Vary {
    plain: Option<HeaderValue>,
    /// Of an answer that says something about private networks.
    private: Option<HeaderValue>,
}

impl Vary {
    pub(crate) fn of(policy: &Policy) -> Self {
        let only = !matches!(policy.origins, Allowed::Every);
        let method = only || matches!(policy.methods, List::Echo);
        let headers = only || matches!(policy.headers, List::Echo);
        let names = |private| {
            let all = [
                (only, ORIGIN),
                (method, ACCESS_CONTROL_REQUEST_METHOD),
                (headers, ACCESS_CONTROL_REQUEST_HEADERS),
                (private, REQUEST_PRIVATE_NETWORK),
            ];
            names(", ", all.into_iter().filter_map(|(named, name)| named.then_some(name)))
        };
        Self { plain: names(false), private: names(true) }
    }
}

impl List {
    fn value(
        &self,
        asked: &HeaderMap,
        name: &HeaderName,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Option<HeaderValue> {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Echo => {
                let line = one_line(asked, name).ok().flatten();
                line.filter(|line| line.len() <= LONGEST_ECHO && is_well_formed(line.as_bytes()))
                    .cloned()
            }
        }
    }
}

fn is_token_list(line: &[u8]) -> bool {
    let mut elements = elements(line).peekable();
    elements.peek().is_some() && elements.all(is_token)
}

fn asks_for_private_network(asked: &HeaderMap) -> bool {
    let line = one_line(asked, &REQUEST_PRIVATE_NETWORK);
    line.ok().flatten().is_some_and(|line| line == "true")
}

/// Fields of the longest answer.
const FIELDS: usize = 8;
const LONGEST_ECHO: usize = 4096;
pub(crate) static TRUE: HeaderValue = HeaderValue::from_static("true");
const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
