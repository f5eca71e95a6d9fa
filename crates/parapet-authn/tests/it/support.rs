use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parapet_authn::{Algorithm, AuthError, Authenticator, Identity, Jwt, JwtClaims, JwtKey};
use parapet_core::{
    Body, Handler, Middleware, Request, RequestHead, Response, ResponseError, handler_fn,
};

/// The date of all tokens: 2026-01-01.
pub(crate) const NOW: u64 = 1_767_225_600;

pub(crate) fn date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A private key of a test, and what others may know of it.
pub(crate) enum Signer {
    Hmac(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    Ec(Algorithm, Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let ec = |signing| Box::new(EcdsaKeyPair::generate(signing).unwrap());
        match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Self::Hmac(vec![7; 64]),
            Algorithm::ES256 => {
                Self::Ec(algorithm, ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING))
            }
            Algorithm::ES384 => {
                Self::Ec(algorithm, ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING))
            }
            Algorithm::ES512 => {
                Self::Ec(algorithm, ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING))
            }
            Algorithm::EdDSA => Self::Ed(Box::new(Ed25519KeyPair::generate().unwrap())),
            _ => Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        }
    }

    pub(crate) fn key(&self) -> JwtKey {
        match self {
            Self::Hmac(secret) => JwtKey::hmac(secret),
            Self::Rsa(_) => JwtKey::rsa_pem(self.pem()).unwrap(),
            Self::Ec(..) => JwtKey::ec_pem(self.pem()).unwrap(),
            Self::Ed(_) => JwtKey::ed_pem(self.pem()).unwrap(),
        }
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Hmac(_) => panic!("a secret has no public part"),
            Self::Rsa(key) => key.public_key().as_der().unwrap(),
            Self::Ec(_, key) => key.public_key().as_der().unwrap(),
            Self::Ed(key) => key.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn pem(&self) -> String {
        let text = STANDARD.encode(self.spki());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// The members of its JWK, without braces.
    pub(crate) fn jwk(&self) -> String {
        match self {
            Self::Hmac(secret) => format!(r#""kty":"oct","k":"{}""#, encode(secret)),
            Self::Rsa(key) => {
                // RSAPublicKey of 2048 bits: SEQUENCE (4 bytes), INTEGER (4 bytes) 00 n, INTEGER 01 00 01.
                let der = key.public_key().as_ref();
                let n = &der[9..9 + 256];
                format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, encode(n))
            }
            Self::Ec(algorithm, key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match algorithm {
                    Algorithm::ES256 => "P-256",
                    Algorithm::ES384 => "P-384",
                    _ => "P-521",
                };
                format!(r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#, encode(x), encode(y))
            }
            Self::Ed(key) => format!(
                r#""kty":"OKP","crv":"Ed25519","x":"{}""#,
                encode(key.public_key().as_ref())
            ),
        }
    }

    /// A token with this header, whatever it says.
    pub(crate) fn sign(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signature(algorithm, message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    /// A token of this algorithm.
    pub(crate) fn token(&self, algorithm: Algorithm, payload: &str) -> String {
        self.sign(algorithm, &format!(r#"{{"alg":"{algorithm}"}}"#), payload)
    }

    pub(crate) fn token_of(&self, algorithm: Algorithm, kid: &str, payload: &str) -> String {
        self.sign(algorithm, &format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#), payload)
    }

    pub(crate) fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(secret) => {
                let hash = match algorithm {
                    Algorithm::HS384 => hmac::HMAC_SHA384,
                    Algorithm::HS512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signed).unwrap();
                signed
            }
            Self::Ec(_, key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// What came through to the backend.
#[derive(Clone, Default)]
pub(crate) struct Backend(Arc<Seen>);

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    last: Mutex<Option<RequestHead>>,
}

impl Backend {
    pub(crate) fn handler(&self) -> Handler {
        let seen = Arc::clone(&self.0);
        handler_fn(move |request: Request| {
            let seen = Arc::clone(&seen);
            async move {
                seen.requests.fetch_add(1, Ordering::SeqCst);
                *seen.last.lock().unwrap() = Some(request.into_parts().0);
                "backend"
            }
        })
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn head(&self) -> RequestHead {
        self.0.last.lock().unwrap().take().expect("a request at the backend")
    }

    pub(crate) fn claims(&self) -> JwtClaims {
        self.head().extensions.get::<JwtClaims>().expect("claims").clone()
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.head().extensions.get::<Identity>().cloned()
    }
}

pub(crate) fn get(fields: &[(&str, &str)]) -> Request {
    let mut builder = http::Request::get("http://edge.test/path?q=1");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::empty()).unwrap()
}

pub(crate) fn bearer(token: &str) -> Request {
    get(&[("authorization", &format!("Bearer {token}"))])
}

pub(crate) fn user(user: &str, password: &str) -> Request {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    get(&[("authorization", &format!("Basic {pair}"))])
}

/// Status, challenges and reason of the answer to one request.
pub(crate) async fn ask(handler: &Handler, request: Request) -> (u16, String, &'static str) {
    let response = handler.serve(request).await;
    let challenges: Vec<&str> = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    (response.status().as_u16(), challenges.join(" | "), reason(&response))
}

pub(crate) async fn status(handler: &Handler, request: Request) -> u16 {
    handler.serve(request).await.status().as_u16()
}

pub(crate) fn reason(response: &Response) -> &'static str {
    response.extensions().get::<ResponseError>().map_or("", |error| {
        assert_eq!(error.source(), "authn");
        error.kind()
    })
}

pub(crate) async fn text(response: Response) -> String {
    let content = response.into_body().collect(1 << 20).await.unwrap();
    String::from_utf8(content.data().to_vec()).unwrap()
}

pub(crate) fn wrap(authenticator: &Authenticator) -> (Handler, Backend) {
    let backend = Backend::default();
    (authenticator.wrap(backend.handler()), backend)
}

/// A check of ES256 tokens at [`NOW`], and the key that signs them.
pub(crate) fn es256(settings: impl FnOnce(Jwt) -> Jwt) -> (Handler, Backend, Signer) {
    let signer = Signer::new(Algorithm::ES256);
    let jwt = Jwt::new(signer.key(), [Algorithm::ES256]).now(date).realm("api");
    let (handler, backend) = wrap(&settings(jwt).build().unwrap());
    (handler, backend, signer)
}

pub(crate) fn other() -> AuthError {
    AuthError::Other("the store said no".into())
}
