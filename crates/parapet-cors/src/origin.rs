//! The serialized form of an origin (RFC 6454 §6.2): `scheme://host[:port]` in lower case, without the scheme's own port.

use std::borrow::Cow;

/// An origin in its parts, all slices of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    pub(crate) scheme: &'a str,
    /// With brackets, if it is an IPv6 address.
    pub(crate) host: &'a str,
    pub(crate) port: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Splits `text`. `None` if it is not of the form `scheme://host[:port]`; what the parts are made of is not looked at.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(inside) => {
                let (address, _) = inside.split_once(']')?;
                let host = authority.get(..address.len().saturating_add(2))?;
                (host, authority.get(host.len()..)?)
            }
            None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
        };
        let port = match port {
            "" => None,
            port => Some(port.strip_prefix(':')?),
        };
        Some(Self { scheme, host, port })
    }
}

/// The text in lower case and without the scheme's own port. Browsers send it so: it is a copy for other clients only.
pub(crate) fn serialized(text: &str) -> Cow<'_, str> {
    let text = if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    };
    let own_port = match Origin::split(&text) {
        Some(Origin { scheme, port: Some(port), .. }) if default_port(scheme) == Some(port) => {
            port.len() + 1
        }
        _ => return text,
    };
    let end = text.len().saturating_sub(own_port);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// The port that a scheme has by itself, as text.
pub(crate) fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" | "ws" => Some("80"),
        "https" | "wss" => Some("443"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_serialized_form() {
        for (text, expected) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("HTTP://EXAMPLE.com:80", "http://example.com"),
            ("https://[::1]:443", "https://[::1]"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("app://example:80", "app://example:80"),
            ("null", "null"),
            (":443", ":443"),
            ("https://:443", "https://"),
            ("", ""),
        ] {
            assert_eq!(serialized(text), expected, "{text}");
        }
    }

    #[test]
    fn parts_are_split_at_the_last_place_that_fits() {
        let origin = |scheme, host, port| Some(Origin { scheme, host, port });
        for (text, expected) in [
            ("https://a.test", origin("https", "a.test", None)),
            ("https://a.test:1", origin("https", "a.test", Some("1"))),
            ("https://a.test:1:2", origin("https", "a.test", Some("1:2"))),
            ("https://[::1]", origin("https", "[::1]", None)),
            ("https://[::1]:1", origin("https", "[::1]", Some("1"))),
            ("https://[::1]x", None),
            ("https://[::1", None),
            ("a.test", None),
            ("null", None),
        ] {
            assert_eq!(Origin::split(text), expected, "{text}");
        }
    }
}
