use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents, RsaSubjectPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{Algorithm, Error, json};

/// A key that verifies signatures: a shared secret or a public key. Cheap to clone.
///
/// `Debug` tells the kind alone. Private keys are refused.
#[derive(Clone)]
pub struct JwtKey(Arc<Kind>);

enum Kind {
    Hmac {
        bytes: usize,
        keys: Vec<(Algorithm, hmac::Key)>,
    },
    /// Parsed once per algorithm that the key can serve: nothing is parsed per token.
    Public(Vec<(Algorithm, ParsedPublicKey)>),
}

impl JwtKey {
    /// A shared secret for HS256, HS384 and HS512 (RFC 7518 §3.2). Its length is checked by `build`: 32 bytes or more.
    pub fn hmac(secret: impl AsRef<[u8]>) -> Self {
        Self::secret(secret.as_ref(), None)
    }

    fn secret(secret: &[u8], only: Option<Algorithm>) -> Self {
        let keys = [
            (Algorithm::HS256, hmac::HMAC_SHA256),
            (Algorithm::HS384, hmac::HMAC_SHA384),
            (Algorithm::HS512, hmac::HMAC_SHA512),
        ];
        let keys = keys
            .into_iter()
            .filter(|(algorithm, _)| only.is_none_or(|only| only == *algorithm))
            .map(|(algorithm, hash)| (algorithm, hmac::Key::new(hash, secret)));
        Self(Arc::new(Kind::Hmac { bytes: secret.len(), keys: keys.collect() }))
    }

    /// An RSA public key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`), 2048 to 8192 bits, for RS* and PS*.
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn rsa_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::rsa_der(public_der(pem.as_ref())?)
    }

    /// An RSA public key in DER: `SubjectPublicKeyInfo` (RFC 5280 §4.1) or `RSAPublicKey` (RFC 8017 §A.1.1).
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn rsa_der(der: impl AsRef<[u8]>) -> Result<Self, Error> {
        const NO: Error = Error::BadKey("not an RSA public key");
        // Both forms are checked and rewritten as the shorter one by the crypto library.
        let key = RsaSubjectPublicKey::from_der(der.as_ref()).map_err(|_| NO)?;
        let (n, e) = modulus_and_exponent(key.as_ref()).ok_or(NO)?;
        Self::rsa(n, e, None)
    }

    /// An EC public key in PEM (`PUBLIC KEY`): P-256 for ES256, P-384 for ES384, P-521 for ES512.
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn ec_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::ec_der(public_der(pem.as_ref())?)
    }

    /// An EC public key in DER (`SubjectPublicKeyInfo`), or the bare uncompressed point (SEC 1 §2.3.3).
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn ec_der(der: impl AsRef<[u8]>) -> Result<Self, Error> {
        let der = der.as_ref();
        EC.iter()
            .find_map(|curve| {
                let key = ParsedPublicKey::new(curve.verifier, der).ok()?;
                Some(Self::public(vec![(curve.algorithm, key)]))
            })
            .ok_or(Error::BadKey("not a public key on P-256, P-384 or P-521"))
    }

    /// An Ed25519 public key in PEM (`PUBLIC KEY`), for EdDSA.
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn ed_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::ed_der(public_der(pem.as_ref())?)
    }

    /// An Ed25519 public key in DER (`SubjectPublicKeyInfo`, RFC 8410 §4), or its bare 32 bytes.
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn ed_der(der: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = ParsedPublicKey::new(&signature::ED25519, der.as_ref())
            .map_err(|_| Error::BadKey("not an Ed25519 public key"))?;
        Ok(Self::public(vec![(Algorithm::EdDSA, key)]))
    }

    /// One JWK as JSON (RFC 7517 §4): `RSA`, `EC`, `OKP` (Ed25519) or `oct`. An `alg` in it narrows what the key serves; a
    /// `use` or `key_ops` for something else than signatures is refused.
    ///
    /// # Errors
    /// [`BadKey`](Error::BadKey).
    pub fn jwk_json(json: &str) -> Result<Self, Error> {
        let jwk = json::object(json.as_bytes()).ok_or(Error::BadKey("not a JSON object"))?;
        if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
            let only = purpose(&jwk)?;
            return match only {
                Some(only) if !only.is_symmetric() => Err(NO_FIT),
                only => Ok(Self::secret(&member(&jwk, "k")?, only)),
            };
        }
        Self::public_jwk(&jwk)
    }

    /// A public JWK. A shared secret is none.
    pub(crate) fn public_jwk(jwk: &Map<String, Value>) -> Result<Self, Error> {
        if jwk.contains_key("d") {
            return Err(Error::BadKey("a private key: give its public part"));
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let only = purpose(jwk)?;
        let key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => return Self::rsa(&member(jwk, "n")?, &member(jwk, "e")?, only),
            (Some("EC"), Some(name)) => {
                let curve = EC
                    .iter()
                    .find(|curve| curve.name == name)
                    .ok_or(Error::BadKey("a curve that is not known"))?;
                let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
                // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
                if x.len() != curve.bytes || y.len() != curve.bytes {
                    return Err(Error::BadKey("a coordinate of the wrong length"));
                }
                let point = [&[4][..], &x, &y].concat();
                let key = ParsedPublicKey::new(curve.verifier, point)
                    .map_err(|_| Error::BadKey("not a point on the curve"))?;
                Self::public(vec![(curve.algorithm, key)])
            }
            (Some("OKP"), Some("Ed25519")) => {
                let x = member(jwk, "x")?;
                if x.len() != 32 {
                    return Err(Error::BadKey("an Ed25519 key of the wrong length"));
                }
                Self::ed_der(x)?
            }
            _ => return Err(Error::BadKey("a key type that is not known")),
        };
        match only {
            Some(only) if !key.fits(only) => Err(NO_FIT),
            _ => Ok(key),
        }
    }

    fn rsa(n: &[u8], e: &[u8], only: Option<Algorithm>) -> Result<Self, Error> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let unused = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = (n.len() * 8).saturating_sub(unused);
        if bits < 2048 {
            return Err(Error::BadKey("an RSA key below 2048 bits"));
        }
        if bits > 8192 {
            return Err(Error::BadKey("an RSA key above 8192 bits"));
        }
        // RFC 8017 §3.1. With an exponent of 1 everything is its own signature, and the library takes such keys.
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !is_odd(n) || !is_odd(e) || e == [1] {
            return Err(Error::BadKey("not an RSA public key"));
        }
        let components = RsaPublicKeyComponents { n, e };
        let keys = RSA
            .iter()
            .filter(|(algorithm, _)| only.is_none_or(|only| only == *algorithm))
            .map(|(algorithm, parameters)| {
                Ok((*algorithm, components.to_parsed_public_key(parameters)?))
            })
            .collect::<Result<Vec<_>, aws_lc_rs::error::KeyRejected>>()
            .map_err(|_| Error::BadKey("not an RSA public key"))?;
        if keys.is_empty() {
            return Err(NO_FIT);
        }
        Ok(Self::public(keys))
    }

    fn public(keys: Vec<(Algorithm, ParsedPublicKey)>) -> Self {
        Self(Arc::new(Kind::Public(keys)))
    }

    /// Whether it can verify signatures of this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match &*self.0 {
            Kind::Hmac { keys, .. } => keys.iter().any(|(one, _)| *one == algorithm),
            Kind::Public(keys) => keys.iter().any(|(one, _)| *one == algorithm),
        }
    }

    /// Length of a shared secret.
    pub(crate) fn secret_bytes(&self) -> Option<usize> {
        match &*self.0 {
            Kind::Hmac { bytes, .. } => Some(*bytes),
            Kind::Public(_) => None,
        }
    }

    /// Whether `signature` is this key's over `message`. In constant time for a shared secret.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match &*self.0 {
            Kind::Hmac { keys, .. } => keys
                .iter()
                .find(|(one, _)| *one == algorithm)
                .is_some_and(|(_, key)| hmac::verify(key, message, signature).is_ok()),
            Kind::Public(keys) => keys
                .iter()
                .find(|(one, _)| *one == algorithm)
                .is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok()),
        }
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Hmac { .. } => f.write_str("JwtKey(secret)"),
            Kind::Public(keys) => {
                f.write_str("JwtKey(public")?;
                keys.iter().try_for_each(|(algorithm, _)| write!(f, " {algorithm}"))?;
                f.write_str(")")
            }
        }
    }
}

struct Curve {
    name: &'static str,
    algorithm: Algorithm,
    verifier: &'static signature::EcdsaVerificationAlgorithm,
    bytes: usize,
}

static EC: [Curve; 3] = [
    Curve {
        name: "P-256",
        algorithm: Algorithm::ES256,
        verifier: &signature::ECDSA_P256_SHA256_FIXED,
        bytes: 32,
    },
    Curve {
        name: "P-384",
        algorithm: Algorithm::ES384,
        verifier: &signature::ECDSA_P384_SHA384_FIXED,
        bytes: 48,
    },
    Curve {
        name: "P-521",
        algorithm: Algorithm::ES512,
        verifier: &signature::ECDSA_P521_SHA512_FIXED,
        bytes: 66,
    },
];

static RSA: [(Algorithm, &signature::RsaParameters); 6] = [
    (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
];

const NO_FIT: Error = Error::BadKey("its alg does not fit its type");

/// The one algorithm that a JWK is for, if it names one (RFC 7517 §4.2 to §4.4).
fn purpose(jwk: &Map<String, Value>) -> Result<Option<Algorithm>, Error> {
    let signs = jwk.get("use").is_none_or(|used| used.as_str() == Some("sig"));
    let verifies = jwk.get("key_ops").is_none_or(|ops| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")))
    });
    if !signs || !verifies {
        return Err(Error::BadKey("a key for something else than signatures"));
    }
    let Some(alg) = jwk.get("alg") else { return Ok(None) };
    let known = alg.as_str().and_then(Algorithm::parse);
    known.map(Some).ok_or(Error::BadKey("an alg that is not known"))
}

fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Error> {
    jwk.get(name)
        .and_then(Value::as_str)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or(Error::BadKey("a JWK member is missing or no base64url"))
}

/// The one public key of a PEM text (RFC 7468 §13).
fn public_der(pem: &[u8]) -> Result<Vec<u8>, Error> {
    const NO: Error = Error::BadKey("no PEM section PUBLIC KEY or RSA PUBLIC KEY");
    let text = std::str::from_utf8(pem).map_err(|_| NO)?;
    if text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")) {
        return Err(Error::BadKey("a private key: give its public part"));
    }
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| {
            matches!(*line, "-----BEGIN PUBLIC KEY-----" | "-----BEGIN RSA PUBLIC KEY-----")
        })
        .ok_or(NO)?;
    let mut content = String::new();
    for line in lines {
        if line.starts_with("-----END ") {
            return STANDARD.decode(content).map_err(|_| NO);
        }
        content.push_str(line);
    }
    Err(NO)
}

/// The two INTEGERs of an `RSAPublicKey` in DER (RFC 8017 §A.1.1), without leading zeros.
fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, _) = tlv(der, 0x30)?;
    let (n, rest) = tlv(content, 0x02)?;
    let (e, _) = tlv(rest, 0x02)?;
    Some((without_zeros(n), without_zeros(e)))
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Content of the element with this tag, and what follows it (X.690 §8.1.3).
fn tlv(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, mut rest) = rest.split_first()?;
    let mut bytes = usize::from(*length);
    if bytes >= 0x80 {
        let (size, after) = rest.split_at_checked(bytes & 0x7f)?;
        bytes = size
            .iter()
            .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?;
        rest = after;
    }
    (*first == tag).then(|| rest.split_at_checked(bytes))?
}
