//! Time of one check: `cargo bench -p parapet-authn --bench verify`. Prints the median of many rounds, beside the crypto
//! library's bare verification of the same signature.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parapet_authn::{Algorithm, Jwt, JwtKey};
use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use tokio::time::Instant;

const PAYLOAD: &str = r#"{"iss":"https://login.example.org","sub":"0b6c4a90-31b5-4d62-8f0e-b1a7c1e3a001","aud":["api","web"],"exp":4102444800,"iat":1767225600,"scope":"read write","email":"someone@example.org"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let random = SystemRandom::new();
    let es = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let ed = Ed25519KeyPair::generate()?;
    let der = |key: PublicKeyX509Der<'static>| key.as_ref().to_vec();

    let message = message(Algorithm::ES256);
    let signature = es.sign(&random, message.as_bytes())?.as_ref().to_vec();
    let spki = der(es.public_key().as_der()?);
    public(
        Algorithm::ES256,
        &JwtKey::ec_der(&spki)?,
        &ECDSA_P256_SHA256_FIXED,
        &spki,
        &message,
        &signature,
    )?;

    let message = self::message(Algorithm::RS256);
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)?;
    let spki = der(rsa.public_key().as_der()?);
    public(
        Algorithm::RS256,
        &JwtKey::rsa_der(&spki)?,
        &RSA_PKCS1_2048_8192_SHA256,
        &spki,
        &message,
        &signature,
    )?;

    let message = self::message(Algorithm::EdDSA);
    let signature = ed.sign(message.as_bytes()).as_ref().to_vec();
    let spki = der(ed.public_key().as_der()?);
    public(Algorithm::EdDSA, &JwtKey::ed_der(&spki)?, &ED25519, &spki, &message, &signature)?;

    let message = self::message(Algorithm::HS256);
    let secret = [7; 32];
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signature = hmac::sign(&key, message.as_bytes()).as_ref().to_vec();
    let bare = median(|| {
        black_box(hmac::verify(&key, black_box(message.as_bytes()), &signature).is_ok());
    });
    report("HS256", &JwtKey::hmac(secret), Algorithm::HS256, bare, bare, &message, &signature)
}

fn message(algorithm: Algorithm) -> String {
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"2026-01"}}"#);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(PAYLOAD))
}

fn public(
    algorithm: Algorithm,
    key: &JwtKey,
    verifier: &'static dyn VerificationAlgorithm,
    spki: &[u8],
    message: &str,
    signature: &[u8],
) -> Result<(), Box<dyn Error>> {
    let parsed = ParsedPublicKey::new(verifier, spki)?;
    let bare = median(|| {
        black_box(parsed.verify_sig(black_box(message.as_bytes()), signature).is_ok());
    });
    let unparsed = UnparsedPublicKey::new(verifier, spki);
    let each_time = median(|| {
        black_box(unparsed.verify(black_box(message.as_bytes()), signature).is_ok());
    });
    report(algorithm.as_str(), key, algorithm, bare, each_time, message, signature)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn report(
    name: &str,
    key: &JwtKey,
    algorithm: Algorithm,
    bare: Duration,
    each_time: Duration,
    message: &str,
    signature: &[u8],
) -> Result<(), Box<dyn Error>> {
    let token = format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let through = |cache: usize| -> Result<Duration, Box<dyn Error>> {
        let jwt = Jwt::new(key.clone(), [algorithm]).issuer("https://login.example.org");
        let handler = jwt.audience("api").cache(cache).build()?.wrap(Handler::new(Ready));
        let passes = handler.serve(request(&token)?).into_ready().is_ok_and(|r| r.status() == 200);
        assert!(passes, "the token is refused");
        let mut requests = Vec::new();
        for _ in 0..ROUNDS * CALLS {
            requests.push(request(&token)?);
        }
        let mut requests = requests.into_iter();
        Ok(median(|| {
            if let Some(request) = requests.next() {
                drop(black_box(handler.serve(request)));
            }
        }))
    };
    let (checked, cached) = (through(0)?, through(4096)?);
    println!(
        "{name:6} bare verify {bare:>10.2?} (key parsed each time {each_time:>10.2?})   whole check {checked:>10.2?} ({:.2} x)   remembered {cached:>8.2?}",
        checked.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

const ROUNDS: usize = 31;
const CALLS: usize = 200;

/// Of one call, over many rounds.
fn median(mut call: impl FnMut()) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            Instant::now().saturating_duration_since(began) / u32::try_from(CALLS).unwrap_or(1)
        })
        .collect();
    rounds.sort_unstable();
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}

fn request(token: &str) -> Result<Request, http::Error> {
    http::Request::get("/").header("authorization", token).body(Body::empty())
}

struct Ready;

impl Serve for Ready {
    fn serve(&self, request: Request) -> ResponseFuture {
        std::mem::forget(request); // freeing it is not part of the check
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}
