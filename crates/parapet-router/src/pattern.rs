use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use parapet_core::path::{PatternError, check_pattern};
use parapet_core::{HostName, HostNameError};

use crate::Error;
use crate::params::Name;
use crate::path_pattern::{PathPattern, Relation};

/// One pattern, taken apart.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As it was written.
    pub(crate) text: Arc<str>,
    /// `None`: any.
    pub(crate) method: Option<Method>,
    /// `None`: any.
    pub(crate) host: Option<Host>,
    pub(crate) path: PathPattern,
    pub(crate) names: Arc<[Name]>,
    /// Its path as it was written.
    pub(crate) route: Arc<str>,
}

/// A host in the form in which it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// In lower case.
    Name(Box<[u8]>),
    Address(IpAddr),
}

impl Pattern {
    /// Parses `[METHOD ][host]/path`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let owned = || text.to_owned();
        let (method, rest) = split_method(text);
        let method = match method {
            Some(method) => {
                let parsed = Method::from_bytes(method.as_bytes());
                Some(parsed.map_err(|_| Error::Method(method.to_owned()))?)
            }
            None => None,
        };
        let Some(slash) = rest.find('/') else { return Err(Error::LeadingSlash(owned())) };
        let (host, path) = rest.split_at(slash);
        let host = if host.is_empty() { None } else { Some(Host::parse(host, text)?) };
        check_pattern(path).map_err(|error| match error {
            PatternError::LeadingSlash => Error::LeadingSlash(owned()),
            PatternError::NotNormal(normal) => {
                let front = text.strip_suffix(path).unwrap_or_default();
                Error::NotNormal { pattern: owned(), normal: [front, &normal].concat() }
            }
            _ => Error::Encoded(owned()),
        })?;
        let (pattern, names) = PathPattern::parse(path).ok_or_else(|| Error::Wildcard(owned()))?;
        Ok(Self {
            text: text.into(),
            method,
            host,
            path: pattern,
            names: names.into(),
            route: path.into(),
        })
    }

    /// Checks that one of both is more specific, or that no request matches both.
    pub(crate) fn check_against(&self, other: &Self) -> Result<(), Error> {
        if self.host != other.host || !self.shares_a_method_with(other) {
            return Ok(());
        }
        let is_equal = match self.path.relation(&other.path) {
            Relation::Disjoint | Relation::Ordered => return Ok(()),
            Relation::Equal => true,
            Relation::Overlapping => false,
        };
        if is_equal && self.method != other.method {
            return Ok(()); // with method before without, HEAD before GET
        }
        if is_equal && self.route == other.route {
            return Err(Error::Duplicate(other.text.to_string()));
        }
        Err(Error::Conflict { a: self.text.to_string(), b: other.text.to_string() })
    }

    fn shares_a_method_with(&self, other: &Self) -> bool {
        match (&self.method, &other.method) {
            (None, _) | (_, None) => true,
            (Some(a), Some(b)) => {
                a == b || [(a, b), (b, a)].contains(&(&Method::GET, &Method::HEAD))
            }
        }
    }
}

impl Host {
    fn parse(host: &str, pattern: &str) -> Result<Self, Error> {
        match HostName::pattern(host) {
            Ok(HostName::Labels(labels)) => Ok(Self::Name(labels.to_ascii_lowercase().into())),
            Ok(HostName::Address(address)) => Ok(Self::Address(address)),
            Err(HostNameError::Port) => Err(Error::Port(pattern.to_owned())),
            _ => Err(Error::InvalidName(pattern.to_owned())),
        }
    }
}

/// What stands before the first space, if that is before the first slash, and what is behind the spaces.
fn split_method(text: &str) -> (Option<&str>, &str) {
    let front = text.find('/').and_then(|slash| text.get(..slash)).unwrap_or(text);
    match front.find([' ', '\t']).and_then(|at| text.split_at_checked(at)) {
        Some((method, rest)) => (Some(method), rest.trim_start_matches([' ', '\t'])),
        None => (None, text),
    }
}
