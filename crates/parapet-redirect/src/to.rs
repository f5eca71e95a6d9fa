use http::uri::Authority;
use http::{HeaderValue, Uri};
use parapet_core::{Handler, Middleware, Scheme};

use crate::answer::{Answer, Decision, Rule};
use crate::encode::{Part, location};
use crate::request_url::{Host, RequestUrl, default_port};
use crate::{Error, RedirectStatus};

/// A layer that redirects every request to `target`, with `status` 301, 302, 303, 307 or 308; 0 is 301.
///
/// `target` is `http://host…`, `https://host…` or a path that begins with one `/`. A request for the target itself goes
/// to next, so that there is no loop.
///
/// # Errors
/// [`Error::Target`], [`Error::Status`].
pub fn to(target: &str, status: u16) -> Result<Redirector, Error> {
    let answer = Answer { status: status.try_into()?, preserve_method: false };
    let rule = To { target: Target::parse(target)?, keep_path: false, keep_query: false };
    Ok(Redirector { answer, rule })
}

/// Made by [`to`].
#[derive(Clone, Debug)]
pub struct Redirector {
    answer: Answer,
    rule: To,
}

impl Redirector {
    /// Status of the answer. Default: the one given to [`to`].
    #[must_use]
    pub fn status(mut self, status: RedirectStatus) -> Self {
        self.answer.status = status;
        self
    }

    /// Whether methods other than GET and HEAD get 308 for 301 and 307 for 302, so that clients do not turn a POST into a
    /// GET. Default: `false`.
    #[must_use]
    pub fn preserve_method(mut self, preserve: bool) -> Self {
        self.answer.preserve_method = preserve;
        self
    }

    /// Whether the path that the client asked for is appended to the target's, with exactly one `/` between. Default:
    /// `false`.
    #[must_use]
    pub fn keep_path(mut self, keep: bool) -> Self {
        self.rule.keep_path = keep;
        self
    }

    /// Whether the query that the client asked for is appended, behind the target's own. Default: `false`.
    #[must_use]
    pub fn keep_query(mut self, keep: bool) -> Self {
        self.rule.keep_query = keep;
        self
    }
}

impl Middleware for Redirector {
    fn wrap(&self, next: Handler) -> Handler {
        self.answer.wrap(self.rule.clone(), next)
    }
}

#[derive(Clone, Debug)]
struct To {
    target: Target,
    keep_path: bool,
    keep_query: bool,
}

impl To {
    /// Whether the request is for the target already, or for what an earlier redirect made of it: another one would only
    /// add the same again, without end.
    fn is_reached(&self, url: RequestUrl<'_>, path: &str, query: Option<&str>) -> bool {
        let target = &self.target;
        let front = target.path.trim_end_matches('/');
        let path_is_reached = match path.strip_prefix(front) {
            // `//host` is under the root only in its spelling: it is redirected to `/host`.
            Some(rest) if self.keep_path && front.is_empty() => !rest.starts_with("//"),
            Some(rest) if self.keep_path => rest.is_empty() || rest.starts_with('/'),
            _ => *target.path == *path || (*target.path == *"/" && path.is_empty()),
        };
        let query_is_reached = match target.query.as_deref() {
            _ if self.keep_path => true,
            own if !self.keep_query => own == query,
            None => true,
            Some(own) => query
                .and_then(|query| query.strip_prefix(own))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('&')),
        };
        path_is_reached && query_is_reached && target.is_origin_of(url)
    }
}

#[derive(Clone, Debug)]
struct Target {
    /// As it was given: the whole answer when nothing is kept.
    value: HeaderValue,
    /// `None`: relative to the request.
    origin: Option<(Scheme, Authority)>,
    /// Up to the query.
    base: Box<str>,
    path: Box<str>,
    query: Option<Box<str>>,
    /// With its `#`, or empty.
    fragment: Box<str>,
}

impl Target {
    fn parse(text: &str) -> Result<Self, Error> {
        let refused = |why| Error::Target(text.to_owned(), why);
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("it has a control, a space or a character outside ASCII"));
        }
        if text.starts_with("//") || text.starts_with("/\\") {
            return Err(refused("browsers take it for another host"));
        }
        let value = HeaderValue::from_str(text).map_err(|_| refused("it is no field value"))?;
        let uri: Uri = text.parse().map_err(|_| refused("it cannot be parsed"))?;
        let origin = match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => Some((Scheme::Http, authority)),
            (Some("https"), Some(authority)) => Some((Scheme::Https, authority)),
            _ if text.starts_with('/') => None,
            _ => return Err(refused("it is neither http(s)://host nor a path")),
        };
        if let Some((_, authority)) = origin {
            if authority.as_str().contains('@') {
                return Err(refused("it has user information"));
            }
            if authority.host().is_empty() {
                return Err(refused("it has no host"));
            }
            if authority.port_u16().is_none() && authority.host() != authority.as_str() {
                return Err(refused("its port is none"));
            }
        }
        let (front, fragment) = match text.split_once('#') {
            Some((front, fragment)) => (front, format!("#{fragment}")),
            None => (text, String::new()),
        };
        let (base, query) = match front.split_once('?') {
            Some((base, query)) => (base, Some(query.into())),
            None => (front, None),
        };
        Ok(Self {
            value,
            origin: origin.map(|(scheme, authority)| (scheme, authority.clone())),
            base: base.into(),
            path: uri.path().into(),
            query,
            fragment: fragment.into(),
        })
    }

    /// Whether the host of the target is that of the request.
    fn is_origin_of(&self, url: RequestUrl<'_>) -> bool {
        let Some((scheme, authority)) = &self.origin else { return true };
        let Some(asked) = url.authority else { return false };
        let port = |authority: &Authority, scheme| {
            authority.port_u16().unwrap_or_else(|| default_port(scheme))
        };
        *scheme == url.scheme
            && Host::of(authority).as_str().eq_ignore_ascii_case(Host::of(asked).as_str())
            && port(authority, *scheme) == port(asked, url.scheme)
    }
}

impl Rule for To {
    fn decide(&self, url: RequestUrl<'_>) -> Decision {
        if url.is_plain_connect {
            return Decision::Pass;
        }
        let target = &self.target;
        let (asked_path, asked_query) = match url.path_and_query().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url.path_and_query(), None),
        };
        if self.is_reached(url, asked_path, asked_query) {
            return Decision::Pass;
        }
        let kept_path = if self.keep_path { asked_path } else { "" };
        let kept_query = if self.keep_query { asked_query } else { None };

        // One slash between, and none that doubles: a relative target must not become another host.
        let appended = kept_path.trim_start_matches('/');
        let appends = !kept_path.is_empty();
        let query = [target.query.as_deref(), kept_query];

        if !appends && kept_query.is_none() {
            return Decision::Redirect(target.value.clone());
        }
        let base = if appends { target.base.trim_end_matches('/') } else { &target.base };
        let [own, kept] = query.map(|query| query.filter(|query| !query.is_empty()));
        Decision::Redirect(location(&[
            Part::Ours(base),
            Part::Ours(if appends { "/" } else { "" }),
            Part::Clients(appended),
            Part::Ours(if query.iter().any(Option::is_some) { "?" } else { "" }),
            Part::Ours(own.unwrap_or_default()),
            Part::Ours(if own.is_some() && kept.is_some() { "&" } else { "" }),
            Part::Clients(kept.unwrap_or_default()),
            Part::Ours(&target.fragment),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::request_url::tests::{Asked, url};

    fn rule(target: &str, keep_path: bool, keep_query: bool) -> To {
        To { keep_path, keep_query, ..to(target, 302).unwrap().rule }
    }

    #[test]
    fn a_request_for_the_target_itself_passes() {
        let www = "https://example.com/x";
        for (rule, scheme, authority, asked, passes) in [
            (rule(www, false, false), Scheme::Https, "example.com", "/x", true),
            (rule(www, false, false), Scheme::Https, "EXAMPLE.com.:443", "/x", true),
            (rule(www, false, false), Scheme::Http, "example.com", "/x", false),
            (rule(www, false, false), Scheme::Https, "example.com:444", "/x", false),
            (rule(www, false, false), Scheme::Https, "example.org", "/x", false),
            (rule(www, false, false), Scheme::Https, "example.com", "/x/", false),
            (rule(www, false, false), Scheme::Https, "example.com", "/x?y", false),
            (rule(www, false, true), Scheme::Https, "example.com", "/x?y", true),
            (rule(www, true, true), Scheme::Https, "example.com", "/x", true),
            (rule(www, true, true), Scheme::Https, "example.com", "/x/a", true),
            (rule(www, true, true), Scheme::Https, "example.com", "/xa", false),
            (rule("https://example.com", false, false), Scheme::Https, "example.com", "/", true),
            (rule("/x", false, false), Scheme::Http, "any.test", "/x", true),
            (rule("/x?a=1", false, false), Scheme::Http, "any.test", "/x?a=1", true),
            (rule("/x?a=1", false, true), Scheme::Http, "any.test", "/x?a=1&b=2", true),
            (rule("/x?a=1", false, true), Scheme::Http, "any.test", "/x?a=12", false),
            (rule("/x#top", false, false), Scheme::Http, "any.test", "/x", true),
            (rule("/", true, false), Scheme::Http, "any.test", "/x", true),
            (rule("/", true, false), Scheme::Http, "any.test", "//x", false),
        ] {
            let asked = Asked { scheme, ..Asked::new(authority, asked) };
            let decision = url(&asked, |url| rule.decide(url));
            assert_eq!(decision == Decision::Pass, passes, "{rule:?} {asked:?}");
        }
        let mut asked = Asked::new("a.test:443", "/");
        asked.method = Method::CONNECT;
        asked.is_plain_connect = true;
        assert_eq!(url(&asked, |url| rule("/x", false, false).decide(url)), Decision::Pass);
    }

    proptest::proptest! {
        /// Whoever follows redirects arrives.
        #[test]
        fn there_is_no_loop(
            target in "(https?://(a|b)\\.test)?(/[ab]{0,2}){0,2}(\\?[ab]=1)?",
            asked in "(/[ab]{0,2}){1,3}(\\?[ab]=1)?",
            keep_path: bool,
            keep_query: bool,
        ) {
            let Ok(redirector) = to(&target, 302) else { return Ok(()) };
            let rule = To { keep_path, keep_query, ..redirector.rule };
            let mut asked = Asked { target: asked.parse().unwrap(), ..Asked::new("a.test", "/") };
            let mut redirects = 0;
            while let Decision::Redirect(location) = url(&asked, |url| rule.decide(url)) {
                redirects += 1;
                proptest::prop_assert!(redirects <= 2, "{target} {asked:?}");
                let location: Uri = location.to_str().unwrap().parse().unwrap();
                if let (Some(scheme), Some(authority)) = (location.scheme_str(), location.authority()) {
                    asked.scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
                    asked.authority = Some(authority.clone());
                }
                asked.target = location.path_and_query().unwrap().clone();
            }
        }
    }
}
