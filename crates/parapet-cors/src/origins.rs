//! A set of origins: exact ones, and patterns.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use crate::origin::{Origin, default_port, serialized};
use crate::{Error, OriginReason};

/// Origins by name. Exact ones are looked up by a seeded hash, since clients choose what is looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    exact: HashSet<Box<str>>,
    patterns: Vec<Pattern>,
}

impl Origins {
    /// Reads the entries of a list.
    pub(crate) fn parse<S: AsRef<str>>(
        entries: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let mut origins = Self::default();
        for entry in entries {
            let entry = entry.as_ref();
            let read = origins.add(entry);
            read.map_err(|reason| Error::Origin { value: entry.into(), reason })?;
        }
        Ok(origins)
    }

    /// Whether `origin`, in serialized form, is one of these.
    pub(crate) fn contain(&self, origin: &str) -> bool {
        self.exact.contains(origin)
            || (!self.patterns.is_empty()
                && Origin::split(origin)
                    .is_some_and(|parts| self.patterns.iter().any(|pattern| pattern.fits(&parts))))
    }

    fn add(&mut self, entry: &str) -> Result<(), OriginReason> {
        match entry {
            "*" => return Err(OriginReason::Everybody),
            "null" => return Err(OriginReason::Null),
            _ if !entry.is_ascii() => return Err(OriginReason::NotAscii),
            _ => {}
        }
        let entry = entry.to_ascii_lowercase();
        let (scheme, authority) = entry.split_once("://").ok_or(OriginReason::Scheme)?;
        if !is_scheme(scheme) {
            return Err(OriginReason::Scheme);
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(OriginReason::Path);
        }
        if authority.contains('@') {
            return Err(OriginReason::User);
        }
        let Origin { host, port, .. } = Origin::split(&entry).ok_or(OriginReason::Host)?;
        let host = Host::parse(host)?;
        let port = Port::parse(scheme, port)?;
        match (host, port) {
            (Host::Exact(host), Port::Exact(port)) => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let text = format!("{scheme}://{host}{port}");
                self.exact.insert(serialized(&text).into());
            }
            (host, port) => self.patterns.push(Pattern { scheme: scheme.into(), host, port }),
        }
        Ok(())
    }
}

/// What origins look like.
#[derive(Clone, Debug)]
struct Pattern {
    scheme: Box<str>,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug)]
enum Host {
    Exact(Box<str>),
    /// One or more labels before this suffix, which begins with a dot.
    Under(Box<str>),
}

#[derive(Clone, Debug)]
enum Port {
    /// `None`: the scheme's own.
    Exact(Option<Box<str>>),
    Any,
}

impl Pattern {
    fn fits(&self, origin: &Origin<'_>) -> bool {
        let port = match &self.port {
            Port::Any => origin.port.is_none_or(is_port),
            Port::Exact(port) => origin.port == port.as_deref(),
        };
        let host = match &self.host {
            Host::Exact(host) => **host == *origin.host,
            Host::Under(suffix) => origin
                .host
                .strip_suffix(&**suffix)
                .is_some_and(|labels| labels.split('.').all(is_label)),
        };
        *self.scheme == *origin.scheme && port && host
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, OriginReason> {
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').and_then(|text| text.parse::<Ipv6Addr>().ok());
            let address = address.ok_or(OriginReason::Host)?;
            return Ok(Self::Exact(format!("[{address}]").into()));
        }
        let labels = text.strip_prefix("*.").unwrap_or(text);
        if labels.contains('*') {
            return Err(OriginReason::Wildcard);
        }
        if !labels.split('.').all(is_label) {
            return Err(OriginReason::Host);
        }
        match text.strip_prefix('*') {
            Some(suffix) if suffix.matches('.').count() < 2 => Err(OriginReason::Wildcard),
            Some(suffix) => Ok(Self::Under(suffix.into())),
            None => Ok(Self::Exact(text.into())),
        }
    }
}

impl Port {
    fn parse(scheme: &str, text: Option<&str>) -> Result<Self, OriginReason> {
        let Some(text) = text else { return Ok(Self::Exact(None)) };
        if text == "*" {
            return Ok(Self::Any);
        }
        if !is_port(text) {
            return Err(OriginReason::Port);
        }
        let port: u16 = text.parse().map_err(|_| OriginReason::Port)?;
        let port = port.to_string();
        let own = default_port(scheme) == Some(&*port);
        Ok(Self::Exact((!own).then(|| port.into())))
    }
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    let rest = text.strip_prefix(|first: char| first.is_ascii_lowercase());
    rest.is_some_and(|rest| {
        rest.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
    })
}

/// Underscores are no part of host names, but names that resolve have them.
fn is_label(text: &str) -> bool {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(fits)
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
