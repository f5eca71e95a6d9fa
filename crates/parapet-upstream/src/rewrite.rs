//! Request target and host on the way to the upstream: pure.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use http::uri::{PathAndQuery, Uri};
use parapet_core::path;

use crate::ConfigError;

/// What is put before the path and query of every request. The default puts nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct BasePath {
    /// Without slashes at its end; empty: the root.
    path: Box<str>,
    /// Empty: none.
    query: Box<str>,
}

impl BasePath {
    /// Parses an origin-form (RFC 9112 §3.2.1).
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |reason| ConfigError::Path { path: text.to_owned(), reason };
        if !text.starts_with('/') {
            return Err(refuse("it does not begin with '/'"));
        }
        if text.contains('#') {
            return Err(refuse("a fragment is never sent"));
        }
        if !is_spelled_right(text.as_bytes()) {
            return Err(refuse("it holds a byte that must be percent-encoded (RFC 3986 §3.3)"));
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        Ok(Self { path: path.trim_end_matches('/').into(), query: query.into() })
    }

    fn is_root(&self) -> bool {
        self.path.is_empty() && self.query.is_empty()
    }

    /// What `OPTIONS *` asks of a part of a server: its base.
    fn target(&self) -> Option<PathAndQuery> {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        join(path, "", &self.query, "")
    }
}

/// The target cannot be sent: servers disagree on what its path means, or it is no request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path of the request cannot be forwarded")]
pub(crate) struct BadTarget;

/// Makes `uri` what the upstream is asked for: origin-form, dot segments removed, behind `base`. A target that needs no
/// change costs no allocation. CONNECT must not come here: its authority-form stays.
pub(crate) fn rewrite(uri: &mut Uri, method: &Method, base: &BasePath) -> Result<(), BadTarget> {
    let raw = uri.path();
    if raw == "*" && *method == Method::OPTIONS {
        if !base.is_root() {
            *uri = base.target().ok_or(BadTarget)?.into();
        }
        return Ok(());
    }
    // `OPTIONS http://host` without a path is the asterisk-form seen by a proxy, but `Uri` reads it as `/`.
    let raw = if raw.is_empty() { "/" } else { raw };
    let resolved = path::resolve(raw).map_err(|_| BadTarget)?;
    let query = uri.query();
    if base.is_root() && matches!(resolved, Cow::Borrowed(_)) && query != Some("") {
        return to_origin_form(uri);
    }
    let target = join(&base.path, &resolved, &base.query, query.unwrap_or_default());
    *uri = target.ok_or(BadTarget)?.into();
    Ok(())
}

/// Drops scheme and authority: they tell nothing about where the request goes (RFC 9112 §3.2.2).
fn to_origin_form(uri: &mut Uri) -> Result<(), BadTarget> {
    if uri.scheme().is_some() || uri.authority().is_some() {
        *uri = uri.path_and_query().cloned().ok_or(BadTarget)?.into();
    }
    Ok(())
}

fn join(base: &str, path: &str, base_query: &str, query: &str) -> Option<PathAndQuery> {
    let length = base.len() + path.len() + base_query.len() + query.len() + "?&".len();
    let mut target = String::with_capacity(length);
    target.push_str(base);
    target.push_str(path);
    let mut separator = '?';
    for query in [base_query, query] {
        if !query.is_empty() {
            target.push(separator);
            target.push_str(query);
            separator = '&';
        }
    }
    PathAndQuery::from_maybe_shared(Bytes::from(target)).ok()
}

/// Bytes of RFC 3986 `path` and `query`, each percent sign with its two digits.
fn is_spelled_right(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(u8::is_ascii_hexdigit)),
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' | b':' | b'@' | b'/' | b'?' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_target_climbs_above_the_base(target in r"/([a./;?]|%2[eEfF]|%5[cC]|\\|//){0,24}") {
            let Ok(mut uri) = Uri::try_from(target) else { return Ok(()) };
            let query = uri.query().filter(|query| !query.is_empty()).map(str::to_owned);
            let base = BasePath::parse("/base/").unwrap();
            if rewrite(&mut uri, &Method::GET, &base).is_ok() {
                let normal = path::normal(uri.path().as_bytes()).unwrap();
                prop_assert!(normal.starts_with(b"/base/"), "{uri}");
                prop_assert_eq!(uri.query(), query.as_deref(), "its bytes stay");
            }
        }
    }

    #[test]
    fn target_is_joined_behind_the_base() {
        for (base, target, expected) in [
            ("/", "/path", "/path"),
            ("/", "/a//b?x=%2F", "/a//b?x=%2F"),
            ("/", "/path?", "/path"),
            ("/", "http://elsewhere:81/x?y", "/x?y"),
            ("/", "http://elsewhere", "/"),
            ("/prefix", "/path?p=1", "/prefix/path?p=1"),
            ("/prefix/", "/path", "/prefix/path"),
            ("/prefix//", "/path", "/prefix/path"),
            ("/prefix?q=2", "/path?p=1", "/prefix/path?q=2&p=1"),
            ("/prefix?q=2", "/path", "/prefix/path?q=2"),
            ("/prefix?", "/path?p=1", "/prefix/path?p=1"),
            ("/?q=2", "/path?", "/path?q=2"),
            ("/prefix", "/", "/prefix/"),
            ("/prefix", "/a/", "/prefix/a/"),
            ("/prefix", "/a%2Fb", "/prefix/a%2Fb"),
            ("/prefix", "h2c://evil/x", "/prefix/x"),
        ] {
            let base = BasePath::parse(base).unwrap();
            let mut uri = Uri::try_from(target).unwrap();
            rewrite(&mut uri, &Method::GET, &base).unwrap();
            assert_eq!(uri.to_string(), expected, "{base:?} {target}");
        }
    }

    #[test]
    fn asterisk_stays_without_a_base() {
        for (base, expected) in [("/", "*"), ("/prefix/", "/prefix"), ("/?q=1", "/?q=1")] {
            let mut uri = Uri::from_static("*");
            rewrite(&mut uri, &Method::OPTIONS, &BasePath::parse(base).unwrap()).unwrap();
            assert_eq!(uri.to_string(), expected, "{base}");
        }
    }

    #[test]
    fn unchanged_target_keeps_its_bytes() {
        let target = Bytes::from_static(b"/a/b?c");
        let mut uri = Uri::from_maybe_shared(target.clone()).unwrap();
        rewrite(&mut uri, &Method::GET, &BasePath::default()).unwrap();
        assert_eq!(uri.path().as_ptr(), target.as_ptr());
    }

    #[test]
    fn base_path_must_be_an_origin_form() {
        for (base, fits) in [
            ("/", true),
            ("/a%2Fb/c:d@e?x=/?y", true),
            ("", false),
            ("prefix", false),
            ("http://host/", false),
            ("/a#b", false),
            ("/a b", false),
            ("/a%2", false),
            ("/a%zz", false),
            ("/\u{e9}", false),
            ("/a\"b", false),
        ] {
            assert_eq!(BasePath::parse(base).is_ok(), fits, "{base}");
        }
    }
}
