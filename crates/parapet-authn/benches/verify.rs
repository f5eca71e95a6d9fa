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
    RsaKeyPair,
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
    let bare = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &spki)?;
    public(Algorithm::ES256, &JwtKey::ec_der(&spki)?, &bare, &message, &signature)?;

    let message = self::message(Algorithm::RS256);
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)?;
    let spki = der(rsa.public_key().as_der()?);
    let bare = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki)?;
    public(Algorithm::RS256, &JwtKey::rsa_der(&spki)?, &bare, &message, &signature)?;

    let message = self::message(Algorithm::EdDSA);
    let signature = ed.sign(message.as_bytes()).as_ref().to_vec();
    let spki = der(ed.public_key().as_der()?);
    let bare = ParsedPublicKey::new(&ED25519, &spki)?;
    public(Algorithm::EdDSA, &JwtKey::ed_der(&spki)?, &bare, &message, &signature)?;

    let message = self::message(Algorithm::HS256);
    let secret = [7; 32];
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signature = hmac::sign(&key, message.as_bytes()).as_ref().to_vec();
    report(&JwtKey::hmac(secret), Algorithm::HS256, &message, &signature, || {
        black_box(hmac::verify(&key, black_box(message.as_bytes()), &signature).is_ok());
    })
}

fn message(algorithm: Algorithm) -> String {
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"2026-01"}}"#);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(PAYLOAD))
}

fn public(
    algorithm: Algorithm,
    key: &JwtKey,
    bare: &ParsedPublicKey,
    message: &str,
    signature: &[u8],
) -> Result<(), Box<dyn Error>> {
    report(key, algorithm, message, signature, || {
        black_box(bare.verify_sig(black_box(message.as_bytes()), signature).is_ok());
    })
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn report(
    key: &JwtKey,
    algorithm: Algorithm,
    message: &str,
    signature: &[u8],
    mut bare: impl FnMut(),
) -> Result<(), Box<dyn Error>> {
    let token = format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let handler = |cache: usize| -> Result<Handler, Box<dyn Error>> {
        let jwt = Jwt::new(key.clone(), [algorithm]).issuer("https://login.example.org");
        let handler = jwt.audience("api").cache(cache).build()?.wrap(Handler::new(Ready));
        let passes = handler.serve(request(&token)?).into_ready().is_ok_and(|r| r.status() == 200);
        assert!(passes, "the token is refused");
        Ok(handler)
    };
    let (checking, remembering) = (handler(0)?, handler(4096)?);
    let (mut alone, mut whole, mut cached, mut ratios) = (vec![], vec![], vec![], vec![]);
    // In turns, so that a noisy moment falls on all of them.
    for _ in 0..ROUNDS {
        let one = round(&mut bare);
        let two = through(&checking, &token)?;
        ratios.push(two.as_secs_f64() / one.as_secs_f64());
        alone.push(one);
        whole.push(two);
        cached.push(through(&remembering, &token)?);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{algorithm:6} bare verify {:>9.2?}   whole check {:>9.2?} ({:.2} x)   remembered {:>8.2?}",
        median(alone),
        median(whole),
        ratios.get(ROUNDS / 2).copied().unwrap_or_default(),
        median(cached),
    );
    Ok(())
}

fn through(handler: &Handler, token: &str) -> Result<Duration, Box<dyn Error>> {
    let requests = (0..CALLS).map(|_| request(token)).collect::<Result<Vec<_>, _>>()?;
    let mut requests = requests.into_iter();
    Ok(round(&mut || {
        if let Some(request) = requests.next() {
            drop(black_box(handler.serve(request)));
        }
    }))
}

const ROUNDS: usize = 31;
const CALLS: usize = 200;

/// Time of one call, over a round of them.
fn round(call: &mut impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    Instant::now().saturating_duration_since(began) / u32::try_from(CALLS).unwrap_or(1)
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

fn request(token: &str) -> Result<Request, http::Error> {
    http::Request::get("/").header("authorization", token).body(Body::empty())
}

struct Ready;

impl Serve for Ready {
    fn serve(&self, request: Request) -> ResponseFuture {
        drop(request); // a leak would time the kernel's page faults
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}
