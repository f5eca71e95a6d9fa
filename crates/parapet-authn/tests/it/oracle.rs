//! The crate jsonwebtoken, which signs and verifies with code of its own around the primitives, as a second opinion.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use parapet_authn::{Algorithm, Jwt};
use parapet_core::Handler;
use serde_json::{Value, json};

use crate::support::{Signer, bearer, date, status, wrap};

/// All that both know; jsonwebtoken has no ES512.
const ALGORITHMS: [(Algorithm, jsonwebtoken::Algorithm); 12] = [
    (Algorithm::HS256, jsonwebtoken::Algorithm::HS256),
    (Algorithm::HS384, jsonwebtoken::Algorithm::HS384),
    (Algorithm::HS512, jsonwebtoken::Algorithm::HS512),
    (Algorithm::RS256, jsonwebtoken::Algorithm::RS256),
    (Algorithm::RS384, jsonwebtoken::Algorithm::RS384),
    (Algorithm::RS512, jsonwebtoken::Algorithm::RS512),
    (Algorithm::PS256, jsonwebtoken::Algorithm::PS256),
    (Algorithm::PS384, jsonwebtoken::Algorithm::PS384),
    (Algorithm::PS512, jsonwebtoken::Algorithm::PS512),
    (Algorithm::ES256, jsonwebtoken::Algorithm::ES256),
    (Algorithm::ES384, jsonwebtoken::Algorithm::ES384),
    (Algorithm::EdDSA, jsonwebtoken::Algorithm::EdDSA),
];

const CLAIMS: &str = r#"{"sub":"user1","scope":"a b"}"#;

fn der(key: &impl AsDer<Pkcs8V1Der<'static>>) -> Pkcs8V1Der<'static> {
    key.as_der().unwrap()
}

/// One key in the hands of both.
struct Both {
    ours: Handler,
    signer: Signer,
    algorithm: Algorithm,
    theirs: jsonwebtoken::Algorithm,
    public: DecodingKey,
}

impl Both {
    fn new((algorithm, theirs): (Algorithm, jsonwebtoken::Algorithm)) -> Self {
        let signer = Signer::new(algorithm);
        let jwt = Jwt::new(signer.key(), [algorithm]).now(date).cache(0).build().unwrap();
        let public = match &signer {
            Signer::Hmac(secret) => DecodingKey::from_secret(secret),
            Signer::Rsa(_) => DecodingKey::from_rsa_pem(signer.pem().as_bytes()).unwrap(),
            Signer::Ec(..) => DecodingKey::from_ec_pem(signer.pem().as_bytes()).unwrap(),
            Signer::Ed(_) => DecodingKey::from_ed_pem(signer.pem().as_bytes()).unwrap(),
        };
        Self { ours: wrap(&jwt).0, signer, algorithm, theirs, public }
    }

    fn private(&self) -> EncodingKey {
        let pem = |der: &[u8]| {
            let text = STANDARD.encode(der);
            format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
        };
        match &self.signer {
            Signer::Hmac(secret) => EncodingKey::from_secret(secret),
            Signer::Rsa(key) => {
                EncodingKey::from_rsa_pem(pem(der(&**key).as_ref()).as_bytes()).unwrap()
            }
            Signer::Ec(_, key) => {
                EncodingKey::from_ec_pem(pem(key.to_pkcs8v1().unwrap().as_ref()).as_bytes())
                    .unwrap()
            }
            Signer::Ed(key) => {
                EncodingKey::from_ed_pem(pem(der(&**key).as_ref()).as_bytes()).unwrap()
            }
        }
    }

    /// What each says of `token`.
    async fn verdicts(&self, token: &str) -> (bool, bool) {
        let mut rules = Validation::new(self.theirs);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let theirs = jsonwebtoken::decode::<Value>(token, &self.public, &rules).is_ok();
        (status(&self.ours, bearer(token)).await == 200, theirs)
    }
}

#[tokio::test]
async fn what_one_signs_the_other_verifies() {
    for pair in ALGORITHMS {
        let both = Both::new(pair);
        let token = both.signer.token(both.algorithm, CLAIMS);
        assert_eq!(both.verdicts(&token).await, (true, true), "{} by us", both.algorithm);
        let claims = json!({ "sub": "user1", "scope": "a b" });
        let token =
            jsonwebtoken::encode(&Header::new(both.theirs), &claims, &both.private()).unwrap();
        assert_eq!(both.verdicts(&token).await, (true, true), "{} by them", both.algorithm);
    }
}

#[tokio::test]
async fn a_token_with_a_byte_changed_or_cut_short_is_refused_by_both() {
    for pair in ALGORITHMS {
        let both = Both::new(pair);
        let token = both.signer.token(both.algorithm, CLAIMS);
        for at in 0..token.len() {
            let bit = 1 << (at % 7);
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= bit;
            // Only what a field can carry comes as far as a check.
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if changed.bytes().any(|byte| !byte.is_ascii_graphic()) {
                continue;
            }
            assert_eq!(
                both.verdicts(&changed).await,
                (false, false),
                "{} {changed}",
                both.algorithm
            );
        }
        for end in 0..token.len() {
            let cut = token.get(..end).unwrap();
            assert_eq!(both.verdicts(cut).await, (false, false), "{} {cut}", both.algorithm);
        }
    }
}

#[tokio::test]
async fn keys_and_algorithms_of_others_are_refused_by_both() {
    let all: Vec<Both> = ALGORITHMS.into_iter().map(Both::new).collect();
    for (index, both) in all.iter().enumerate() {
        for (other_index, other) in all.iter().enumerate() {
            let shared_secret = matches!((&both.signer, &other.signer), (Signer::Hmac(a), Signer::Hmac(b)) if a == b);
            if index == other_index {
                continue;
            }
            let token = other.signer.token(other.algorithm, CLAIMS);
            assert_eq!(
                both.verdicts(&token).await,
                (false, false),
                "{} {}",
                both.algorithm,
                other.algorithm
            );
            if shared_secret {
                continue;
            }
            // The header says what is wanted, the signature is another key's.
            let forged = other.signer.sign(
                other.algorithm,
                &format!(r#"{{"alg":"{}"}}"#, both.algorithm),
                CLAIMS,
            );
            assert_eq!(
                both.verdicts(&forged).await,
                (false, false),
                "{} {}",
                both.algorithm,
                other.algorithm
            );
        }
    }
}
