use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::sync::Arc;

use parapet_core::{Handler, Middleware, Request, RequestExt, Scheme};

use crate::answer::{Answer, Decision, Rule};
use crate::encode::{Part, location};
use crate::request_url::{Host, RequestUrl, default_port};
use crate::{Error, RedirectStatus};

/// A layer that redirects what came over plain HTTP to `https://`, with the path and query that the client asked for.
///
/// What counts is the scheme by the server's trust rules, so a trusted proxy's `X-Forwarded-Proto` too.
pub fn https() -> HttpsRedirector {
    HttpsRedirector {
        answer: Answer::default(),
        rule: Https { port: None, canonical_host: None, any_host: false },
    }
}

/// Made by [`https`].
#[derive(Clone, Debug)]
pub struct HttpsRedirector {
    answer: Answer,
    rule: Https,
}

impl HttpsRedirector {
    /// Status of the answer. Default: 301.
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

    /// Port of the HTTPS listener. Default: 443, which is not written. The request's own port never is.
    #[must_use]
    pub fn port(mut self, port: NonZeroU16) -> Self {
        let written = port.get() != default_port(Scheme::Https);
        self.rule.port = written.then(|| format!(":{port}").into());
        self
    }

    /// Host of the target, whatever the request's; needs no host block around. Default: the request's.
    ///
    /// # Errors
    /// [`Error::Host`]: no name or address, or with a port or wildcard.
    pub fn canonical_host(mut self, host: &str) -> Result<Self, Error> {
        self.rule.canonical_host = Some(canonical(host)?.into());
        Ok(self)
    }

    /// Whether the target's host may be any that a client sends: for a listener that only redirects. Default: `false`,
    /// 421 outside of a host block that names the host.
    #[must_use]
    pub fn dangerous_any_host(mut self, any_host: bool) -> Self {
        self.rule.any_host = any_host;
        self
    }
}

impl Middleware for HttpsRedirector {
    fn wrap(&self, next: Handler) -> Handler {
        self.answer.wrap(self.rule.clone(), next)
    }
}

#[derive(Clone, Debug)]
struct Https {
    /// With its colon; `None`: 443.
    port: Option<Arc<str>>,
    canonical_host: Option<Arc<str>>,
    any_host: bool,
}

impl Rule for Https {
    fn may_be_due(&self, request: &Request) -> bool {
        request.scheme() != Scheme::Https
    }

    fn decide(&self, url: RequestUrl<'_>) -> Decision {
        if url.scheme == Scheme::Https {
            return Decision::Pass;
        }
        if url.is_plain_connect {
            return Decision::NoHost;
        }
        let host = match (&self.canonical_host, url.authority) {
            (Some(host), _) => Part::Ours(host),
            (None, None) => return Decision::NoHost,
            (None, Some(_)) if !self.any_host && !url.host_is_known() => {
                return Decision::UnknownHost;
            }
            (None, Some(authority)) => Part::Host(Host::of(authority).as_str()),
        };
        Decision::Redirect(location(&[
            Part::Ours("https://"),
            host,
            Part::Ours(self.port.as_deref().unwrap_or_default()),
            Part::Clients(url.path_and_query()),
        ]))
    }
}

/// `host` without a trailing dot and with IPv6 in brackets, if it is a name or an address and nothing else.
fn canonical(host: &str) -> Result<String, Error> {
    let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = unbracketed.unwrap_or(host).parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
    if is_name { Ok(name.to_ascii_lowercase()) } else { Err(Error::Host(host.to_owned())) }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::request_url::tests::{Asked, url};

    #[test]
    fn what_came_over_https_passes() {
        let rule = https().dangerous_any_host(true).rule;
        let asked = Asked { scheme: Scheme::Https, ..Asked::new("example.com", "/") };
        assert_eq!(url(&asked, |url| rule.decide(url)), Decision::Pass);
        // Decided first: neither a missing host nor an unknown one matters.
        let asked = Asked { authority: None, matched_host: None, ..asked };
        assert_eq!(url(&asked, |url| https().rule.decide(url)), Decision::Pass);
    }

    #[test]
    fn the_target_is_what_the_client_asked_not_what_layers_made_of_it() {
        let asked = Asked::new("example.com:8080", "/api/x?y");
        let Decision::Redirect(location) = url(&asked, |url| https().rule.decide(url)) else {
            panic!("no redirect")
        };
        assert_eq!(location, "https://example.com/api/x?y");
    }

    #[test]
    fn connect_has_no_url_to_redirect_to() {
        let mut asked = Asked::new("example.com:443", "/");
        asked.method = Method::CONNECT;
        asked.is_plain_connect = true;
        assert_eq!(url(&asked, |url| https().rule.decide(url)), Decision::NoHost);
    }
}
