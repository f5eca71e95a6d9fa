use parapet_core::{Handler, Middleware, Request, RequestExt, Scheme};

use crate::RedirectStatus;
use crate::answer::{Answer, Decision, Rule};
use crate::encode::{Part, location};
use crate::request_url::{Host, RequestUrl, explicit_port};

/// A layer that redirects a name of at least two labels without `www.` to the same name with it.
///
/// Addresses and single labels (`localhost`) pass. Scheme, port, path and query stay.
pub fn www() -> WwwRedirector {
    WwwRedirector { answer: Answer::default(), any_host: false }
}

/// A layer that redirects a name with `www.` to the same name without it, if that has at least two labels.
///
/// `www.com` passes. Scheme, port, path and query stay.
pub fn non_www() -> NonWwwRedirector {
    NonWwwRedirector { answer: Answer::default(), any_host: false }
}

macro_rules! redirector {
    ($name:ident, $rule:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug)]
        pub struct $name {
            answer: Answer,
            any_host: bool,
        }

        impl $name {
            /// Status of the answer. Default: 301.
            #[must_use]
            pub fn status(mut self, status: RedirectStatus) -> Self {
                self.answer.status = status;
                self
            }

            /// Whether methods other than GET and HEAD get 308 for 301 and 307 for 302, so that clients do not turn a POST
            /// into a GET. Default: `false`.
            #[must_use]
            pub fn preserve_method(mut self, preserve: bool) -> Self {
                self.answer.preserve_method = preserve;
                self
            }

            /// Whether the target's host may be any that a client sends. Default: `false`, 421 outside of a host block
            /// that names the host.
            #[must_use]
            pub fn dangerous_any_host(self, any_host: bool) -> Self {
                Self { any_host, ..self }
            }
        }

        impl Middleware for $name {
            fn wrap(&self, next: Handler) -> Handler {
                self.answer.wrap($rule(self.any_host), next)
            }
        }
    };
}

redirector!(WwwRedirector, Www, "Made by [`www`].");
redirector!(NonWwwRedirector, NonWww, "Made by [`non_www`].");

/// Whether any host is let through.
#[derive(Clone, Debug)]
struct Www(bool);

#[derive(Clone, Debug)]
struct NonWww(bool);

impl Rule for Www {
    fn may_be_due(&self, request: &Request) -> bool {
        request.authority().is_some_and(|authority| !begins_www(authority.as_str()))
    }

    fn decide(&self, url: RequestUrl<'_>) -> Decision {
        let due = |name: &str| (has_labels(name) && strip_www(name).is_none()).then_some(0);
        move_host(url, self.0, "www.", due)
    }
}

impl Rule for NonWww {
    fn may_be_due(&self, request: &Request) -> bool {
        request.authority().is_some_and(|authority| begins_www(authority.as_str()))
    }

    fn decide(&self, url: RequestUrl<'_>) -> Decision {
        let due = |name: &str| {
            strip_www(name).filter(|rest| has_labels(rest)).map(|rest| name.len() - rest.len())
        };
        move_host(url, self.0, "", due)
    }
}

/// Redirects to `prefix` and the name less as many bytes as `due` says; passes if it says nothing.
fn move_host(
    url: RequestUrl<'_>,
    any_host: bool,
    prefix: &str,
    due: impl Fn(&str) -> Option<usize>,
) -> Decision {
    let Some(authority) = url.authority else { return Decision::Pass };
    let Host::Name(name) = Host::of(authority) else { return Decision::Pass };
    let Some(host) = due(name).and_then(|cut| name.get(cut..)) else { return Decision::Pass };
    if url.is_plain_connect {
        return Decision::Pass;
    }
    if !any_host && !url.host_is_known() {
        return Decision::UnknownHost;
    }
    let port = explicit_port(authority, url.scheme).and(authority.port());
    Decision::Redirect(location(&[
        Part::Ours(match url.scheme {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        }),
        Part::Ours(prefix),
        Part::Host(host),
        Part::Ours(if port.is_some() { ":" } else { "" }),
        Part::Ours(port.as_ref().map_or("", |port| port.as_str())),
        Part::Clients(url.path_and_query()),
    ]))
}

/// What follows `www.`, in any case.
fn strip_www(name: &str) -> Option<&str> {
    if begins_www(name) { name.get(4..) } else { None }
}

fn begins_www(name: &str) -> bool {
    name.as_bytes().first_chunk::<4>().is_some_and(|www| www.eq_ignore_ascii_case(b"www."))
}

/// Whether `name` has at least two labels, none of them empty.
fn has_labels(name: &str) -> bool {
    name.contains('.') && name.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::request_url::tests::{Asked, url};

    /// The targets of `www` and of `non_www`; empty: passes.
    fn check(asked: &Asked, with: &str, without: &str) {
        for (decision, expected) in [
            (url(asked, |url| Www(false).decide(url)), with),
            (url(asked, |url| NonWww(false).decide(url)), without),
        ] {
            let expected = match expected {
                "" => Decision::Pass,
                target => Decision::Redirect(target.parse().unwrap()),
            };
            assert_eq!(decision, expected, "{asked:?}");
        }
    }

    #[test]
    fn scheme_and_port_stay_and_default_ports_are_left_out() {
        for (scheme, authority, with, without) in [
            (Scheme::Http, "example.com", "http://www.example.com/path", ""),
            (Scheme::Https, "example.com", "https://www.example.com/path", ""),
            (Scheme::Http, "www.example.com", "", "http://example.com/path"),
            (Scheme::Https, "www.example.com", "", "https://example.com/path"),
            (Scheme::Http, "www.example.com:80", "", "http://example.com/path"),
            (Scheme::Http, "www.example.com:443", "", "http://example.com:443/path"),
            (Scheme::Https, "www.example.com:443", "", "https://example.com/path"),
            (Scheme::Https, "www.example.com:80", "", "https://example.com:80/path"),
            (Scheme::Http, "WWW.Example.com:8080", "", "http://example.com:8080/path"),
            (Scheme::Http, "Example.com.:8080", "http://www.example.com:8080/path", ""),
            (Scheme::Http, "www.www.example.com", "", "http://www.example.com/path"),
            (Scheme::Http, "www.com", "", ""),
            (Scheme::Http, "localhost", "", ""),
            (Scheme::Http, "www", "", ""),
            (Scheme::Http, "10.0.0.1", "", ""),
            (Scheme::Http, "10.0.0.1.", "", ""),
            (Scheme::Http, "[::1]:8080", "", ""),
            (Scheme::Http, "a..b", "", ""),
        ] {
            check(&Asked { scheme, ..Asked::new(authority, "/path") }, with, without);
        }
    }

    #[test]
    fn requests_without_an_authority_or_a_path_pass() {
        let mut asked = Asked::new("www.example.com:443", "/");
        asked.method = Method::CONNECT;
        asked.is_plain_connect = true;
        check(&asked, "", "");
        check(&Asked { authority: None, ..Asked::new("a.test", "/") }, "", "");
    }

    #[test]
    fn the_host_must_be_known_only_where_a_redirect_is_due() {
        for (matched_host, decision) in
            [(None, Decision::UnknownHost), (Some("*"), Decision::UnknownHost)]
        {
            let asked = Asked { matched_host, ..Asked::new("example.com", "/") };
            assert_eq!(url(&asked, |url| Www(false).decide(url)), decision);
            assert_eq!(url(&asked, |url| NonWww(false).decide(url)), Decision::Pass);
            let expected = Decision::Redirect("http://www.example.com/".parse().unwrap());
            assert_eq!(url(&asked, |url| Www(true).decide(url)), expected);
        }
    }
}
