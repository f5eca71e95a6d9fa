use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::one_line;

/// Whose ids are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Everybody's.
    Everybody,
    /// Those of peers whose forwarding fields the trust step believed.
    TrustedPeers,
    /// Nobody's.
    Nobody,
}

impl Trust {
    pub(crate) fn covers(self, peer_trusted: bool) -> bool {
        match self {
            Self::Everybody => true,
            Self::TrustedPeers => peer_trusted,
            Self::Nobody => false,
        }
    }
}

/// The id that came with the request, if there is exactly one line of it and it is well-formed: of several lines, two
/// hops may pick two.
pub(crate) fn incoming(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    one_line(headers, name).ok().flatten().filter(|id| is_well_formed(id)).cloned()
}

/// 1 to 128 bytes that no log, shell or query string gives a second meaning to.
pub(crate) fn is_well_formed(id: &HeaderValue) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id.as_bytes().iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b':' | b'+' | b'=' | b'/')
        })
}

const MAX_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::Trust;

    #[test]
    fn trust_in_peers_follows_the_trust_step() {
        for (trust, trusted, stranger) in [
            (Trust::Everybody, true, true),
            (Trust::TrustedPeers, true, false),
            (Trust::Nobody, false, false),
        ] {
            assert_eq!(trust.covers(true), trusted, "{trust:?}");
            assert_eq!(trust.covers(false), stranger, "{trust:?}");
        }
    }
}
