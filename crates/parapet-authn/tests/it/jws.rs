//! Any bytes as a bearer token, through the whole check. Shared with the fuzz target `jws`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use parapet_authn::{Algorithm, Jwt, JwtKey, KeySet};
use parapet_core::{Body, Handler, Middleware, Response, handler_fn};
use serde_json::Value;

/// Property of the fuzz target. The first byte of the input chooses: bytes that are sent as they are, or header and
/// payload, split at the first line feed, that a test key signs.
///
/// No panic; what is accepted was signed by a key of the test over these very bytes, and says what the rules demand; a
/// check that remembers tokens and headers says what one says that remembers nothing. Gives whether any check accepted it.
pub(crate) fn jws(data: &[u8]) -> bool {
    let Some((mode, text)) = data.split_first() else { return false };
    let token = match mode % 3 {
        0 => text.to_vec(),
        kind => {
            let mut parts = text.splitn(2, |byte| *byte == b'\n');
            let parts = [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()];
            let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
            let signature = if kind == 1 { tag(&message) } else { signed(&message) };
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
        }
    };
    let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", &token[..]].concat()) else {
        return false;
    };
    let world = world();
    let mut verdicts = Vec::new();
    for (algorithm, handler) in &world.checks {
        let status = world.status(handler, &value);
        assert!(matches!(status, 200 | 401), "{status}");
        if status == 200 {
            assert_genuine(*algorithm, &token);
        }
        verdicts.push(status);
    }
    // In pairs: with memory, and without.
    for pair in verdicts.chunks(2) {
        assert_eq!(pair.first(), pair.last(), "{:?}", String::from_utf8_lossy(&token));
    }
    verdicts.contains(&200)
}

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;
const SECRET: [u8; 32] = [7; 32];

struct World {
    runtime: tokio::runtime::Runtime,
    checks: Vec<(Option<Algorithm>, Handler)>,
}

impl World {
    fn status(&self, handler: &Handler, authorization: &HeaderValue) -> u16 {
        let mut request = http::Request::new(Body::empty());
        request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        let answer = match handler.serve(request).into_ready() {
            Ok(answer) => answer,
            Err(later) => self.runtime.block_on(later),
        };
        answer.status().as_u16()
    }
}

/// Long-lived, so that what they remember is tested too.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let secret = JwtKey::hmac(SECRET);
        let ed = JwtKey::ed_der(pair().public_key().as_ref()).unwrap();
        let keys = Arc::new(KeySet::new([
            (Some("hs".to_owned()), secret.clone()),
            (Some("ed".to_owned()), ed.clone()),
        ]));
        let both = [Algorithm::HS256, Algorithm::EdDSA];
        let mut checks = Vec::new();
        for cache in [64, 0] {
            checks.push((Some(both[0]), Jwt::new(secret.clone(), [both[0]]).cache(cache)));
        }
        for cache in [64, 0] {
            checks.push((Some(both[1]), Jwt::new(ed.clone(), [both[1]]).cache(cache)));
        }
        for cache in [64, 0] {
            checks.push((None, Jwt::from_key_source(Arc::clone(&keys), both).cache(cache)));
        }
        let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let next = handler_fn(|_| async { Response::new(Body::empty()) });
        let wrap = |jwt: Jwt| jwt.now(now).build().unwrap().wrap(next.clone());
        World {
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            checks: checks.into_iter().map(|(one, jwt)| (one, wrap(jwt))).collect(),
        }
    })
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn tag(message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), message.as_bytes()).as_ref().to_vec()
}

/// Ed25519 signs one message in one way only.
fn signed(message: &str) -> Vec<u8> {
    pair().sign(message.as_bytes()).as_ref().to_vec()
}

/// Reads an accepted token with a parser that shares no code with the crate's.
fn assert_genuine(pinned: Option<Algorithm>, token: &[u8]) {
    let token = std::str::from_utf8(token).expect("a token is text").trim();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts: {token}") };
    let json = |part: &str| -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("canonical base64url");
        let value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(matches!(value, Value::Object(_)), "{value}");
        value
    };
    let (fields, claims) = (json(header), json(payload));
    let message = format!("{header}.{payload}");
    let expected = match fields["alg"].as_str() {
        Some("HS256") => tag(&message),
        Some("EdDSA") => signed(&message),
        other => panic!("{other:?}"),
    };
    if let Some(pinned) = pinned {
        assert_eq!(fields["alg"], pinned.as_str());
    }
    assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), expected, "a forged {token}");
    assert!(fields.get("crit").is_none(), "{fields}");
    let leeway = 60.0;
    let date = |name: &str| claims.get(name).map(|date| date.as_f64().expect("a number"));
    #[expect(clippy::cast_precision_loss, reason = "a date of this century")]
    let now = NOW as f64;
    assert!(date("exp").is_none_or(|at| now < at + leeway), "{claims}");
    assert!(["nbf", "iat"].iter().all(|name| date(name).is_none_or(|at| at <= now + leeway)));
    assert!(claims.get("sub").is_none_or(Value::is_string), "{claims}");
}
