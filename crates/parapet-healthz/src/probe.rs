use std::net::{Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Liveness,
    Readiness,
}

impl Probe {
    /// Readiness if the first `ready` of the query has a value, whichever; else liveness.
    pub(crate) fn of(query: Option<&str>) -> Self {
        let fields = query.unwrap_or_default().split('&');
        let mut values = fields.filter_map(|field| match field.split_once('=') {
            Some(("ready", value)) => Some(value),
            None if field == "ready" => Some(""),
            _ => None,
        });
        match values.next() {
            Some("") | None => Self::Liveness,
            Some(_) => Self::Readiness,
        }
    }
}

/// Whether `authority` names an IP address, with any port.
pub(crate) fn is_address(authority: Option<&Authority>) -> bool {
    let Some(host) = authority.map(Authority::host) else { return false };
    match host.strip_prefix('[') {
        Some(literal) => {
            literal.strip_suffix(']').is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        None => host.strip_suffix('.').unwrap_or(host).parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_asked_by_the_first_ready_with_a_value() {
        for (query, probe) in [
            (None, Probe::Liveness),
            (Some(""), Probe::Liveness),
            (Some("ready"), Probe::Liveness),
            (Some("ready="), Probe::Liveness),
            (Some("ready=1"), Probe::Readiness),
            (Some("ready=0"), Probe::Readiness),
            (Some("a=b&ready=x"), Probe::Readiness),
            (Some("ready=&ready=1"), Probe::Liveness),
            (Some("ready&ready=1"), Probe::Liveness),
            (Some("ready=1&ready="), Probe::Readiness),
            (Some("already=1"), Probe::Liveness),
            (Some("Ready=1"), Probe::Liveness),
        ] {
            assert_eq!(Probe::of(query), probe, "{query:?}");
        }
    }

    #[test]
    fn addresses_are_told_from_names() {
        for (authority, expected) in [
            ("10.0.0.1", true),
            ("10.0.0.1:80", true),
            ("10.0.0.1.:80", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("localhost", false),
            ("10.0.0.1.test", false),
            ("10.0.0.256", false),
        ] {
            assert_eq!(
                is_address(Some(&Authority::from_static(authority))),
                expected,
                "{authority}"
            );
        }
        assert!(!is_address(None));
    }
}
