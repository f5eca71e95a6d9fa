use std::net::IpAddr;

use super::certificate::Certificate;

/// Whether requests may name another host than the one whose name chose certificate and client authentication.
///
/// One a connection, made at its handshake. A request that is not allowed is answered 421 (RFC 9110 §15.5.20): the
/// client then opens a connection for that name. Without it, client authentication of one name would be passed by
/// connecting with another.
#[derive(Clone, Debug)]
pub(crate) enum AuthorityCheck {
    /// Any authority is served.
    Off,
    /// The authority's host is the server name.
    Exact,
    /// It is the server name, or a name of the certificate that was served.
    Covered(Option<Certificate>),
}

impl AuthorityCheck {
    /// Whether every request is allowed: the one thing to ask in the common case.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// Whether a request to `host` (an authority's host as it was sent, without port) may be served on a connection that
    /// named `server_name` (lower-cased).
    pub(crate) fn allows(&self, server_name: Option<&str>, host: &str) -> bool {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_equal = match server_name {
            Some(name) => name.eq_ignore_ascii_case(host),
            // RFC 6066 §3: an address is never sent as server name, so a client of an address sends none.
            None => host.parse::<IpAddr>().is_ok(),
        };
        match self {
            Self::Off => true,
            Self::Exact => is_equal,
            Self::Covered(certificate) => {
                is_equal && server_name.is_some()
                    || certificate.as_ref().is_some_and(|certificate| certificate.covers(host))
            }
        }
    }
}
