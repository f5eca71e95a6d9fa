use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use parapet_authn::{Algorithm, Basic, Jwt, KeyError, KeySet, KeySource};
use parapet_core::{Body, BoxFuture};
use proptest::prelude::*;

use crate::support::{NOW, Signer, ask, bearer, date, encode, es256, get, wrap};

/// Counts how often it is asked for keys.
struct Counted(Arc<AtomicUsize>, Arc<KeySet>);

impl KeySource for Counted {
    fn keys<'a>(
        &'a self,
        _: Option<&'a str>,
        _: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let set = Arc::clone(&self.1);
        Box::pin(async move { Ok(set) })
    }
}

#[tokio::test]
async fn a_token_with_another_algorithm_is_refused_before_any_key_is_looked_for() {
    let rsa = Signer::new(Algorithm::RS256);
    let asked = Arc::new(AtomicUsize::new(0));
    let set = Arc::new(KeySet::new([(None, rsa.key())]));
    let source = Counted(Arc::clone(&asked), set);
    let jwt = Jwt::from_key_source(source, [Algorithm::RS256]).now(date);
    let (handler, backend) = wrap(&jwt.build().unwrap());
    let payload = encode("{}");
    let confused =
        |secret: Vec<u8>| Signer::Hmac(secret).sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, "{}");
    let mut tokens: Vec<String> =
        ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "HS256", "ES256K", "RSA-OAEP"]
            .iter()
            .flat_map(|alg| {
                let header = encode(format!(r#"{{"alg":"{alg}"}}"#));
                [
                    format!("{header}.{payload}.AA"),
                    format!("{header}.{payload}.{}", encode([1; 256])),
                ]
            })
            .collect();
    // The public key's bytes as a secret, in every form in which they lie around.
    tokens.extend([
        confused(rsa.spki()),
        confused(rsa.pem().into_bytes()),
        confused(rsa.pem().trim().into()),
    ]);
    for header in
        ["{}", r#"{"alg":7}"#, r#"{"alg":null}"#, r#"{"alg":["RS256"]}"#, r#"{"typ":"JWT"}"#]
    {
        tokens.push(rsa.sign(Algorithm::RS256, header, "{}"));
    }
    for token in tokens {
        let (found, _, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (401, "bad_alg"), "{token}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(backend.requests(), 0);
    assert_eq!(ask(&handler, bearer(&rsa.token(Algorithm::RS256, "{}"))).await.0, 200);
}

#[expect(clippy::too_many_lines, reason = "it is one table")]
#[tokio::test]
async fn malformed_tokens_are_refused_each_for_its_reason() {
    let (handler, backend, signer) = es256(|jwt| jwt);
    let sign = |header: &str, payload: &str| signer.sign(Algorithm::ES256, header, payload);
    let good = sign(r#"{"alg":"ES256"}"#, r#"{"sub":"u"}"#);
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let other = Signer::new(Algorithm::ES256);
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let last = |text: &str, with: char| {
        let mut text = text.to_owned();
        text.pop();
        text.push(with);
        text
    };
    // The last character of 64 bytes carries two bits that must be zero.
    let trailing = {
        let end = signature.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(end).unwrap();
        last(signature, alphabet.chars().nth(at + 1).unwrap())
    };
    for (case, token, reason) in [
        ("two parts", format!("{header}.{payload}"), "malformed"),
        ("one part", header.to_owned(), "malformed"),
        ("four parts", format!("{good}.x"), "malformed"),
        ("JWE of five parts", format!("{header}.a.b.c.d"), "malformed"),
        ("empty signature", format!("{header}.{payload}."), "malformed"),
        ("empty header", format!(".{payload}.{signature}"), "malformed"),
        ("empty payload", format!("{header}..{signature}"), "bad_signature"),
        ("only points", "..".to_owned(), "malformed"),
        ("truncated signature", good.get(..good.len() - 2).unwrap().to_owned(), "bad_signature"),
        ("signature of one byte", format!("{header}.{payload}.AA"), "bad_signature"),
        ("padded signature", format!("{good}=="), "malformed"),
        (
            "padded header",
            format!("{}.{payload}.{signature}", URL_SAFE.encode(r#"{"alg":"ES256" }"#)),
            "malformed",
        ),
        (
            "standard alphabet",
            format!("{header}.{payload}.{}", STANDARD.encode([0xfb; 63])),
            "malformed",
        ),
        ("trailing bits", format!("{header}.{payload}.{trailing}"), "malformed"),
        ("space inside", format!("{header}.{payload} .{signature}"), "malformed"),
        ("header no JSON", sign("alg", "{}"), "malformed"),
        ("header an array", sign("[]", "{}"), "malformed"),
        ("header with a tail", sign(r#"{"alg":"ES256"}{}"#, "{}"), "malformed"),
        ("alg twice", sign(r#"{"alg":"ES256","alg":"ES256"}"#, "{}"), "malformed"),
        ("alg twice, one escaped", sign(r#"{"alg":"none","\u0061lg":"ES256"}"#, "{}"), "malformed"),
        ("crit", sign(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "{}"), "critical"),
        ("empty crit", sign(r#"{"alg":"ES256","crit":[]}"#, "{}"), "critical"),
        ("kid no string", sign(r#"{"alg":"ES256","kid":1}"#, "{}"), "malformed"),
        (
            "large header",
            sign(&format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(4096)), "{}"),
            "too_large",
        ),
        ("sub twice", sign(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#), "malformed"),
        ("duplicate in depth", sign(r#"{"alg":"ES256"}"#, r#"{"a":{"b":1,"b":2}}"#), "malformed"),
        ("payload an array", sign(r#"{"alg":"ES256"}"#, r#"["sub"]"#), "malformed"),
        ("payload a string", sign(r#"{"alg":"ES256"}"#, r#""sub""#), "malformed"),
        ("deep payload", sign(r#"{"alg":"ES256"}"#, &deep), "malformed"),
        (
            "far future nbf",
            sign(r#"{"alg":"ES256"}"#, r#"{"nbf":9007199254740991}"#),
            "not_yet_valid",
        ),
        ("beyond all dates", sign(r#"{"alg":"ES256"}"#, r#"{"exp":1e300}"#), "bad_claim"),
        ("another key", other.token(Algorithm::ES256, "{}"), "bad_signature"),
        (
            "embedded key",
            other.sign(
                Algorithm::ES256,
                &format!(r#"{{"alg":"ES256","jwk":{{{}}}}}"#, other.jwk()),
                "{}",
            ),
            "bad_signature",
        ),
        (
            "key by URL",
            other.sign(
                Algorithm::ES256,
                r#"{"alg":"ES256","jku":"http://evil.test/","x5u":"http://evil.test/"}"#,
                "{}",
            ),
            "bad_signature",
        ),
        (
            "payload changed",
            format!("{header}.{}.{signature}", encode(r#"{"sub":"admin"}"#)),
            "bad_signature",
        ),
        (
            "header changed",
            format!("{}.{payload}.{signature}", encode(r#"{"alg":"ES256" }"#)),
            "bad_signature",
        ),
        ("zero signature", format!("{header}.{payload}.{}", encode([0; 64])), "bad_signature"),
        ("expired", sign(r#"{"alg":"ES256"}"#, &format!(r#"{{"exp":{}}}"#, NOW - 3600)), "expired"),
    ] {
        let (found, challenge, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (401, reason), "{case}");
        assert_eq!(challenge, r#"Bearer realm="api", error="invalid_token""#, "{case}");
    }
    assert_eq!(backend.requests(), 0);
    assert_eq!(ask(&handler, bearer(&good)).await.0, 200);
    // A payload that is no UTF-8, well signed.
    let message = format!("{header}.{}", encode(b"{\"sub\":\"\xff\"}"));
    let signed = encode(signer.signature(Algorithm::ES256, message.as_bytes()));
    assert_eq!(ask(&handler, bearer(&format!("{message}.{signed}"))).await.2, "malformed");
}

#[tokio::test]
async fn size_is_checked_before_anything_is_decoded() {
    let (handler, _, signer) = es256(|jwt| jwt);
    let of_length = |bytes: usize| {
        let empty = signer.token(Algorithm::ES256, r#"{"a":""}"#);
        // Base64 makes four characters of three bytes.
        let fill = (bytes - empty.len()) * 3 / 4 - 3;
        signer.token(Algorithm::ES256, &format!(r#"{{"a":"{}"}}"#, "x".repeat(fill)))
    };
    let fits = of_length(16_384);
    assert!((16_000..=16_384).contains(&fits.len()));
    assert_eq!(ask(&handler, bearer(&fits)).await.0, 200);
    for token in ["x".repeat(16_385), "x".repeat(1 << 20), of_length(20_000)] {
        let (found, _, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (401, "too_large"));
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let (handler, _, _) = es256(|jwt| jwt);
    let (basic, backend) = wrap(&Basic::new("ann", "secret").build().unwrap());
    for bytes in [&b"Bearer \xff\xfe"[..], b"Bearer a.b.\xc3\xa9"] {
        let mut request = get(&[]);
        let value = http::HeaderValue::from_bytes(bytes).unwrap();
        request.headers_mut().insert("authorization", value);
        assert_eq!(ask(&handler, request).await.2, "malformed");
    }
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
    for (case, value, reason) in [
        ("no colon", encoded(b"annsecret"), "malformed"),
        ("invalid UTF-8", encoded(b"ann:\xff\xfe"), "malformed"),
        ("empty", encoded(b""), "malformed"),
        ("unpadded", encoded(b"ann:secre").replace('=', ""), "bad_credentials"),
        ("padding cut", encoded(b"ann:secret").replace('=', ""), "malformed"),
        ("trailing bits", "YW5uOnNlY3JldB==".to_owned(), "malformed"),
        ("a line end in the name", encoded(b"ann\r\nroot:secret"), "malformed"),
        ("a NUL in the password", encoded(b"ann:secret\0"), "malformed"),
        ("DEL", encoded(b"ann\x7f:secret"), "malformed"),
        ("base64url", "YW5uOv-_".to_owned(), "malformed"),
        ("not base64", "%%%%".to_owned(), "malformed"),
        ("two values", format!("{0} {0}", encoded(b"ann:secret")), "malformed"),
        ("4 KiB and a byte", encoded(&[b':'; 4097]), "too_large"),
        ("4 KiB", encoded(&[b':'; 4096]), "bad_credentials"),
        ("1 MiB", "A".repeat(1 << 20), "too_large"),
    ] {
        let (found, _, why) =
            ask(&basic, get(&[("authorization", &format!("Basic {value}"))])).await;
        assert_eq!((found, why), (401, reason), "{case}");
    }
    let twice =
        get(&[("authorization", "Basic YTpi"), ("authorization", "Basic YW5uOnNlY3JldA==")]);
    assert_eq!(ask(&basic, twice).await.2, "repeated");
    assert_eq!(backend.requests(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_header_value_whatever_panics_or_passes(bytes in proptest::collection::vec(0x20u8..=0xff, 0..200), bearer in any::<bool>()) {
        let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let jwt = Jwt::new(parapet_authn::JwtKey::hmac([1; 32]), [Algorithm::HS256]).build().unwrap();
        let any = parapet_authn::Any::new([jwt, Basic::new("a", "b").build().unwrap()]);
        let (handler, backend) = wrap(&any.build().unwrap());
        let value = [if bearer { &b"Bearer "[..] } else { b"Basic " }, &bytes].concat();
        if let Ok(value) = http::HeaderValue::from_bytes(&value) {
            let mut request = http::Request::new(Body::empty());
            request.headers_mut().insert("authorization", value);
            let response = rt.block_on(handler.serve(request));
            prop_assert_eq!(response.status(), 401);
            prop_assert_eq!(backend.requests(), 0);
        }
    }
}
