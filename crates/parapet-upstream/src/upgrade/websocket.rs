//! The opening handshake of RFC 6455 §4, of which an extended CONNECT has no part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::{HeaderMap, HeaderValue};
use parapet_header::one_line;
use sha1::{Digest, Sha1};

/// Whether the handshake belongs to this protocol.
pub(super) fn is(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("websocket")
}

/// The nonce of one handshake, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn random(chance: u128) -> Self {
        Self(STANDARD.encode(chance.to_be_bytes()))
    }

    /// Asks with this key. `None`: the map is full.
    pub(super) fn insert(&self, headers: &mut HeaderMap) -> Option<()> {
        let value = HeaderValue::from_str(&self.0).ok()?;
        headers.try_insert(SEC_WEBSOCKET_KEY, value).ok().map(drop)
    }

    /// Takes the proof out and tells whether the server has understood this key.
    pub(super) fn is_accepted(&self, headers: &mut HeaderMap) -> bool {
        let expected = self.proof();
        let fits = matches!(one_line(headers, &SEC_WEBSOCKET_ACCEPT),
            Ok(Some(value)) if value.as_bytes() == expected.as_bytes());
        headers.remove(SEC_WEBSOCKET_ACCEPT);
        fits
    }

    fn proof(&self) -> String {
        let digest = Sha1::new().chain_update(&self.0).chain_update(GUID).finalize();
        STANDARD.encode(digest)
    }
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_that_of_the_rfc() {
        // RFC 6455 §1.3.
        let key = Key("dGhlIHNhbXBsZSBub25jZQ==".to_owned());
        assert_eq!(key.proof(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (proofs, fits) in [
            (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="][..], true),
            (&["S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], false),
            (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "x"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for proof in proofs {
                headers.append(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(proof));
            }
            assert_eq!(key.is_accepted(&mut headers), fits, "{proofs:?}");
            assert!(headers.is_empty());
        }
    }
}
