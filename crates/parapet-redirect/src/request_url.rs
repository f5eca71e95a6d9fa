use std::net::{Ipv4Addr, Ipv6Addr};

use http::Method;
use http::uri::{Authority, PathAndQuery};
use parapet_core::{Request, RequestExt, Scheme};

/// What a redirect goes by: the URL that the client asked for, and what host routing said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestUrl<'a> {
    pub(crate) method: &'a Method,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Option<&'a Authority>,
    /// Path and query as received, before any rewriting.
    pub(crate) target: &'a PathAndQuery,
    /// Pattern of the innermost host block around.
    pub(crate) matched_host: Option<&'a str>,
    /// CONNECT to an authority (RFC 9110 §9.3.6): has no path. The extended CONNECT of HTTP/2 has one.
    pub(crate) is_plain_connect: bool,
}

impl<'a> RequestUrl<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self {
            method: request.method(),
            scheme: request.scheme(),
            authority: request.authority(),
            target: request.original_target(),
            matched_host: request.matched_host(),
            is_plain_connect: request.method() == Method::CONNECT
                && request.uri().path().is_empty(),
        }
    }

    /// The target as it goes into a URL: `*` is the empty path (RFC 9112 §3.2.4).
    pub(crate) fn path_and_query(&self) -> &'a str {
        match self.target.as_str() {
            "*" => "",
            target => target,
        }
    }

    /// Whether host routing vouches for the authority: a block around names it.
    pub(crate) fn host_is_known(&self) -> bool {
        self.matched_host.is_some_and(|pattern| pattern != "*")
    }
}

/// The host of an authority, as a redirect sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    /// Without trailing dot, in the client's case.
    Name(&'a str),
    /// IPv4, or IPv6 in brackets, as the client wrote it.
    Address(&'a str),
}

impl<'a> Host<'a> {
    pub(crate) fn of(authority: &'a Authority) -> Self {
        let host = authority.host();
        let name = host.strip_suffix('.').unwrap_or(host);
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()) {
            Self::Address(host)
        } else if name.parse::<Ipv4Addr>().is_ok() {
            Self::Address(name)
        } else {
            Self::Name(name)
        }
    }

    pub(crate) fn as_str(self) -> &'a str {
        let (Self::Name(text) | Self::Address(text)) = self;
        text
    }
}

/// The port of `authority` unless it is the one that `scheme` has anyway.
pub(crate) fn explicit_port(authority: &Authority, scheme: Scheme) -> Option<u16> {
    authority.port_u16().filter(|port| *port != default_port(scheme))
}

pub(crate) fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A [`RequestUrl`] to be changed: what only a server can set on a request.
    #[derive(Clone, Debug)]
    pub(crate) struct Asked {
        pub(crate) method: Method,
        pub(crate) scheme: Scheme,
        pub(crate) authority: Option<Authority>,
        pub(crate) target: PathAndQuery,
        pub(crate) matched_host: Option<&'static str>,
        pub(crate) is_plain_connect: bool,
    }

    impl Asked {
        /// A GET over plain HTTP, inside a host block that names the host.
        pub(crate) fn new(authority: &'static str, target: &'static str) -> Self {
            Self {
                method: Method::GET,
                scheme: Scheme::Http,
                authority: Some(Authority::from_static(authority)),
                target: PathAndQuery::from_static(target),
                matched_host: Some("*.test"),
                is_plain_connect: false,
            }
        }
    }

    pub(crate) fn url<T>(asked: &Asked, f: impl FnOnce(RequestUrl<'_>) -> T) -> T {
        f(RequestUrl {
            method: &asked.method,
            scheme: asked.scheme,
            authority: asked.authority.as_ref(),
            target: &asked.target,
            matched_host: asked.matched_host,
            is_plain_connect: asked.is_plain_connect,
        })
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for (authority, expected) in [
            ("example.com.:80", Host::Name("example.com")),
            ("10.0.0.1:80", Host::Address("10.0.0.1")),
            ("[::1]:80", Host::Address("[::1]")),
            ("1.example", Host::Name("1.example")),
        ] {
            assert_eq!(Host::of(&Authority::from_static(authority)), expected, "{authority}");
        }
    }
}
