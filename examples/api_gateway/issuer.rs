//! A token issuer with a key pair of its own, made at the start: what a login service is in a real deployment.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parapet::prelude::*;

/// How long a token is good.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Signs tokens by ES256.
pub(crate) struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub(crate) fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| Failure::new("no key pair could be made"))?;
        Ok(Self(key))
    }

    /// Its key set (RFC 7517 §5): the public part alone.
    pub(crate) fn key_set(&self) -> String {
        // 0x04, x, y: the uncompressed point.
        let point = self.0.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(32).unwrap_or_default();
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"1","use":"sig","alg":"ES256","x":"{}","y":"{}"}}]}}"#,
            URL_SAFE_NO_PAD.encode(x),
            URL_SAFE_NO_PAD.encode(y)
        )
    }

    /// A token for `subject` with these scopes, good for an hour.
    pub(crate) fn token(&self, subject: &str, scope: &str, issuer: &str) -> Result<String> {
        let now = parapet::time::date().duration_since(SystemTime::UNIX_EPOCH)?;
        let (issued, expires) = (now.as_secs(), (now + LIFETIME).as_secs());
        let claims = format!(
            r#"{{"iss":"{issuer}","aud":"orders","sub":"{subject}","scope":"{scope}","iat":{issued},"exp":{expires}}}"#
        );
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"1","typ":"JWT"}"#);
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .map_err(|_| Failure::new("the token could not be signed"))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer")
    }
}
