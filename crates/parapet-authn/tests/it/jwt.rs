use std::time::Duration;

use parapet_authn::{Algorithm, Error, Jwt, JwtKey, Profile};

use crate::support::{Backend, NOW, Signer, ask, bearer, date, encode, es256, get, status, wrap};

const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

#[tokio::test]
async fn a_valid_token_passes_with_its_claims() {
    let (handler, backend, signer) = es256(|jwt| jwt);
    let token =
        signer.token(Algorithm::ES256, r#"{"sub":"user1","iss":"me","roles":["a"],"n":1.5}"#);
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    let head = backend.head();
    assert!(head.headers.contains_key("authorization"));
    let identity = head.extensions.get::<parapet_authn::Identity>().unwrap();
    assert_eq!(
        (identity.scheme(), identity.subject(), identity.issuer()),
        ("jwt", Some("user1"), Some("me"))
    );
    let claims = head.extensions.get::<parapet_authn::JwtClaims>().unwrap();
    assert_eq!(claims.get("sub").unwrap(), "user1");
    assert_eq!(claims.subject(), Some("user1"));
    assert_eq!(claims.as_map().len(), 4);
    let typed: std::collections::HashMap<String, serde_json::Value> = claims.deserialize().unwrap();
    assert_eq!(typed["n"], 1.5);
    assert!(claims.deserialize::<Vec<u8>>().is_err());

    // Nothing but the check makes claims.
    let bare = Backend::default();
    assert_eq!(status(&bare.handler(), bearer(&token)).await, 200);
    assert!(bare.head().extensions.get::<parapet_authn::JwtClaims>().is_none());
}

#[tokio::test]
async fn the_challenge_tells_what_kind_of_failure_and_nothing_else() {
    let (handler, _, signer) = es256(|jwt| jwt);
    let token = signer.token(Algorithm::ES256, "{}");
    let missing = r#"Bearer realm="api""#;
    for (request, expected, challenge) in [
        (get(&[]), 401, missing),
        (get(&[("authorization", "Basic YTpi")]), 401, missing),
        (get(&[("authorization", "Bearer")]), 401, missing),
        (get(&[("authorization", "Bearer   ")]), 401, missing),
        (get(&[("authorization", &format!("bearer {token}"))]), 200, ""),
        (get(&[("authorization", &format!("BEARER   {token}  "))]), 200, ""),
        (
            get(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            400,
            r#"Bearer realm="api", error="invalid_request""#,
        ),
        (bearer("garbage"), 401, INVALID),
    ] {
        let shown = format!("{:?}", request.headers());
        let (found, sent, _) = ask(&handler, request).await;
        assert_eq!((found, sent.as_str()), (expected, challenge), "{shown}");
    }
    for (jwt, challenge) in [
        (Jwt::new(signer.key(), [Algorithm::ES256]), "Bearer"),
        (
            Jwt::new(signer.key(), [Algorithm::ES256]).realm(r#"admin "area""#),
            r#"Bearer realm="admin \"area\"""#,
        ),
    ] {
        let (handler, _) = wrap(&jwt.build().unwrap());
        assert_eq!(ask(&handler, get(&[])).await.1, challenge);
    }
}

#[tokio::test]
async fn times_are_checked_with_leeway_to_the_second() {
    let hour = 3600;
    for (leeway, payload, reason) in [
        ("60 s", format!(r#"{{"exp":{}}}"#, NOW - hour), "expired"),
        ("60 s", format!(r#"{{"exp":{}}}"#, NOW - 60), "expired"),
        ("60 s", format!(r#"{{"exp":{}}}"#, NOW - 59), ""),
        ("60 s", format!(r#"{{"exp":{}.5}}"#, NOW - 60), ""),
        ("none", format!(r#"{{"exp":{NOW}}}"#), "expired"),
        ("none", format!(r#"{{"exp":{}}}"#, NOW + 1), ""),
        ("none", format!(r#"{{"exp":{NOW}.25}}"#), ""),
        ("60 s", format!(r#"{{"nbf":{}}}"#, NOW + hour), "not_yet_valid"),
        ("60 s", format!(r#"{{"nbf":{}}}"#, NOW + 60), ""),
        ("60 s", format!(r#"{{"nbf":{}}}"#, NOW + 61), "not_yet_valid"),
        ("60 s", format!(r#"{{"iat":{}}}"#, NOW + hour), "not_yet_valid"),
        ("none", format!(r#"{{"iat":{NOW}}}"#), ""),
        ("none", format!(r#"{{"iat":{}}}"#, NOW + 1), "not_yet_valid"),
        ("60 s", r#"{"exp":"123"}"#.into(), "bad_claim"),
        ("60 s", r#"{"exp":-1}"#.into(), "bad_claim"),
        ("60 s", r#"{"exp":1e400}"#.into(), "malformed"),
        ("60 s", r#"{"exp":9007199254740992}"#.into(), "bad_claim"),
        ("60 s", r#"{"exp":9007199254740991}"#.into(), ""),
        ("60 s", r#"{"exp":null}"#.into(), "bad_claim"),
        ("60 s", r#"{"nbf":true}"#.into(), "bad_claim"),
        ("60 s", r#"{"iat":[]}"#.into(), "bad_claim"),
        ("60 s", "{}".into(), ""),
    ] {
        let (handler, _, signer) = es256(|jwt| match leeway {
            "none" => jwt.leeway(Duration::ZERO),
            _ => jwt,
        });
        let (found, challenge, why) =
            ask(&handler, bearer(&signer.token(Algorithm::ES256, &payload))).await;
        let expected = if reason.is_empty() { (200, "") } else { (401, INVALID) };
        assert_eq!(
            (found, challenge.as_str(), why),
            (expected.0, expected.1, reason),
            "{leeway} {payload}"
        );
    }
}

#[tokio::test]
async fn issuer_audience_and_required_claims_must_fit() {
    for (settings, payload, reason) in [
        ((|jwt| jwt.issuer("us")) as fn(Jwt) -> Jwt, r#"{"iss":"us"}"#, ""),
        (|jwt| jwt.issuer("us"), r#"{"iss":"US"}"#, "bad_issuer"),
        (|jwt| jwt.issuer("us"), r#"{"iss":["us"]}"#, "bad_issuer"),
        (|jwt| jwt.issuer("us"), "{}", "bad_issuer"),
        (|jwt| jwt.issuer("us").issuer("them"), r#"{"iss":"them"}"#, ""),
        (|jwt| jwt.audience("api"), r#"{"aud":"api"}"#, ""),
        (|jwt| jwt.audience("api"), r#"{"aud":["x","api"]}"#, ""),
        (|jwt| jwt.audience("api"), r#"{"aud":["x","y"]}"#, "bad_audience"),
        (|jwt| jwt.audience("api"), r#"{"aud":["api",1]}"#, "bad_audience"),
        (|jwt| jwt.audience("api"), r#"{"aud":"x"}"#, "bad_audience"),
        (|jwt| jwt.audience("api"), r#"{"aud":{"api":1}}"#, "bad_audience"),
        (|jwt| jwt.audience("api"), "{}", "bad_audience"),
        (|jwt| jwt.audience("a").audience("b"), r#"{"aud":"b"}"#, ""),
        (|jwt| jwt, r#"{"iss":"x","aud":"y"}"#, ""),
        (|jwt| jwt.require(["exp"]), "{}", "bad_claim"),
        (|jwt| jwt.require(["exp", "tenant"]), r#"{"exp":9e9,"tenant":"t"}"#, ""),
        (|jwt| jwt.require(["tenant"]), r#"{"tenant":null}"#, "bad_claim"),
        (|jwt| jwt, r#"{"sub":7}"#, "bad_claim"),
    ] {
        let (handler, _, signer) = es256(settings);
        let token = signer.token(Algorithm::ES256, payload);
        let (found, _, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (if reason.is_empty() { 200 } else { 401 }, reason), "{payload}");
    }
}

#[tokio::test]
async fn types_and_the_profile_of_access_tokens_are_checked() {
    let full = format!(
        r#"{{"iss":"i","exp":{},"aud":"a","sub":"s","client_id":"c","iat":{NOW},"jti":"j"}}"#,
        NOW + 60
    );
    for (typ, payload, reason) in [
        (r#","typ":"at+jwt""#, full.as_str(), ""),
        (r#","typ":"AT+JWT""#, &full, ""),
        (r#","typ":"application/at+jwt""#, &full, ""),
        (r#","typ":"JWT""#, &full, "bad_type"),
        (r#","typ":7"#, &full, "bad_type"),
        ("", &full, "bad_type"),
        (r#","typ":"at+jwt""#, r#"{"sub":"s"}"#, "bad_claim"),
    ] {
        let (handler, _, signer) = es256(|jwt| jwt.profile(Profile::AccessToken));
        let header = format!(r#"{{"alg":"ES256"{typ}}}"#);
        let token = signer.sign(Algorithm::ES256, &header, payload);
        let (found, _, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (if reason.is_empty() { 200 } else { 401 }, reason), "{typ}");
    }
    let (handler, _, signer) = es256(|jwt| jwt.types(["JWT"]));
    let token = signer.sign(Algorithm::ES256, r#"{"alg":"ES256","typ":"jwt"}"#, "{}");
    assert_eq!(status(&handler, bearer(&token)).await, 200);
}

#[tokio::test]
async fn each_algorithm_takes_its_own_tokens_and_no_other_ones() {
    let rsa = Signer::new(Algorithm::RS256);
    let secret = Signer::new(Algorithm::HS256);
    let own: Vec<Signer> = [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA]
        .map(Signer::new)
        .into();
    let signer = |algorithm: Algorithm| match algorithm {
        Algorithm::ES256 => &own[0],
        Algorithm::ES384 => &own[1],
        Algorithm::ES512 => &own[2],
        Algorithm::EdDSA => &own[3],
        symmetric if symmetric.is_symmetric() => &secret,
        _ => &rsa,
    };
    let tokens: Vec<(Algorithm, String)> = Algorithm::ALL
        .iter()
        .map(|algorithm| (*algorithm, signer(*algorithm).token(*algorithm, r#"{"sub":"u"}"#)))
        .collect();
    assert_eq!(tokens.len(), 13);
    for pinned in Algorithm::ALL {
        let jwt = Jwt::new(signer(*pinned).key(), [*pinned]).build().unwrap();
        let (handler, _) = wrap(&jwt);
        for (algorithm, token) in &tokens {
            let (found, _, why) = ask(&handler, bearer(token)).await;
            let expected = if algorithm == pinned { (200, "") } else { (401, "bad_alg") };
            assert_eq!((found, why), expected, "{algorithm} where {pinned} is pinned");
            if algorithm == pinned {
                continue;
            }
            // The header says what is pinned, the signature is the other algorithm's.
            let (message, _) = token.rsplit_once('.').unwrap();
            let payload = message.split_once('.').unwrap().1;
            let message = format!("{}.{payload}", encode(format!(r#"{{"alg":"{pinned}"}}"#)));
            let forged = encode(signer(*algorithm).signature(*algorithm, message.as_bytes()));
            let (found, _, why) = ask(&handler, bearer(&format!("{message}.{forged}"))).await;
            // One ECDSA or EdDSA key signs one way only; the same secret with another hash does not fit either.
            assert_eq!((found, why), (401, "bad_signature"), "{algorithm} signed as {pinned}");
        }
    }
}

#[test]
fn bad_keys_and_settings_are_typed_errors_without_key_material() {
    let rsa = Signer::new(Algorithm::RS256);
    let p384 = Signer::new(Algorithm::ES384);
    let build = |key: JwtKey, algorithms: &[Algorithm]| {
        Jwt::new(key, algorithms.iter().copied()).build().map(|_| ())
    };
    assert!(matches!(build(rsa.key(), &[]), Err(Error::NoAlgorithms)));
    for (key, algorithms, culprit) in [
        (JwtKey::hmac([1; 32]), &[Algorithm::RS256][..], Algorithm::RS256),
        (rsa.key(), &[Algorithm::HS256], Algorithm::HS256),
        (p384.key(), &[Algorithm::ES256], Algorithm::ES256),
        (rsa.key(), &[Algorithm::RS256, Algorithm::ES256], Algorithm::ES256),
        (JwtKey::hmac([1; 32]), &[Algorithm::HS256, Algorithm::EdDSA], Algorithm::EdDSA),
    ] {
        match build(key, algorithms) {
            Err(Error::AlgorithmKeyMismatch(found)) => assert_eq!(found, culprit),
            other => panic!("{other:?}"),
        }
    }
    assert!(build(rsa.key(), &[Algorithm::RS256, Algorithm::PS512]).is_ok());
    for bytes in [0, 1, 31] {
        let weak = || Jwt::new(JwtKey::hmac(vec![1; bytes]), [Algorithm::HS256]);
        assert!(matches!(weak().build(), Err(Error::WeakSecret(found)) if found == bytes));
        assert_eq!(weak().allow_weak_secret(true).build().is_ok(), bytes > 0);
    }
    assert!(build(JwtKey::hmac([1; 32]), &[Algorithm::HS512]).is_ok());

    let private = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let ed = Signer::new(Algorithm::EdDSA);
    let d = format!(r#"{{{},"d":"c2VjcmV0"}}"#, ed.jwk());
    for (case, found) in [
        ("private PEM", JwtKey::rsa_pem(private)),
        ("private EC PEM", JwtKey::ec_pem(private.replace("PRIVATE", "EC PRIVATE"))),
        ("public and private", JwtKey::ed_pem(format!("{}{private}", ed.pem()))),
        ("private JWK", JwtKey::jwk_json(&d)),
        (
            "unknown PEM",
            JwtKey::ec_pem("-----BEGIN DH PARAMETERS-----\nAA\n-----END DH PARAMETERS-----"),
        ),
        ("no PEM", JwtKey::rsa_pem("c2VjcmV0")),
        ("cut PEM", JwtKey::rsa_pem(rsa.pem().get(..200).unwrap())),
        ("EC as RSA", JwtKey::rsa_pem(p384.pem())),
        ("RSA as EC", JwtKey::ec_pem(rsa.pem())),
        ("RSA as Ed25519", JwtKey::ed_pem(rsa.pem())),
        ("garbage DER", JwtKey::rsa_der(b"c2VjcmV0")),
        ("no JSON", JwtKey::jwk_json("c2VjcmV0")),
        (
            "short RSA",
            JwtKey::jwk_json(&format!(
                r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#,
                encode([0xff; 128])
            )),
        ),
        ("alg of another type", JwtKey::jwk_json(&format!(r#"{{{},"alg":"RS256"}}"#, ed.jwk()))),
    ] {
        match found {
            Err(error @ Error::BadKey(_)) => {
                assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
    for signer in [&rsa, &p384, &ed] {
        let jwk = JwtKey::jwk_json(&format!("{{{}}}", signer.jwk())).unwrap();
        assert_eq!(format!("{jwk:?}"), format!("{:?}", signer.key()));
    }
    let narrowed = JwtKey::jwk_json(&format!(r#"{{{},"alg":"PS256"}}"#, rsa.jwk())).unwrap();
    assert!(narrowed.fits(Algorithm::PS256) && !narrowed.fits(Algorithm::RS256));
}

#[test]
fn rsa_numbers_that_make_forging_easy_are_refused() {
    // An exponent of 1 makes every signature good; RFC 8017 §3.1 wants an odd one of 3 or more.
    let rsa = Signer::new(Algorithm::RS256);
    let n = rsa.jwk();
    for (e, good) in [
        ("AQAB", true),
        ("Aw", true),
        ("AQ", false),
        ("", false),
        ("AA", false),
        ("Ag", false),
        ("AQAA", false),
    ] {
        let key = JwtKey::jwk_json(&format!("{{{}}}", n.replace("AQAB", e)));
        assert_eq!(key.is_ok(), good, "{e}: {key:?}");
    }
    let even = {
        let mut n = [0xff; 256];
        n[255] = 0xfe;
        format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, encode(n))
    };
    assert!(JwtKey::jwk_json(&even).is_err());
}

#[test]
fn a_jwk_is_for_what_it_says() {
    let oct = Signer::new(Algorithm::HS256).jwk();
    for (members, fits) in [
        ("", &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512][..]),
        (r#","alg":"HS384","use":"sig","key_ops":["sign","verify"]"#, &[Algorithm::HS384]),
        (r#","alg":"RS256""#, &[]),
        (r#","alg":"A128KW""#, &[]),
        (r#","use":"enc""#, &[]),
        (r#","key_ops":["encrypt"]"#, &[]),
    ] {
        let key = JwtKey::jwk_json(&format!("{{{oct}{members}}}"));
        let all = Algorithm::ALL.iter().copied();
        let found: Vec<_> =
            all.filter(|one| key.as_ref().is_ok_and(|key| key.fits(*one))).collect();
        assert_eq!(found, fits, "{members}");
        assert_eq!(key.is_err(), fits.is_empty(), "{members}");
    }
    let other = format!(r#"{{{},"use":"enc"}}"#, Signer::new(Algorithm::EdDSA).jwk());
    assert!(matches!(JwtKey::jwk_json(&other), Err(Error::BadKey(_))));
}

/// RFC 7515 §A.1, §A.2, §A.3 and RFC 8037 §A.4 (whose payload is no JSON object).
#[tokio::test]
async fn the_examples_of_the_standards_are_verified() {
    const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let issued = || std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_300_819_000);
    for (algorithm, jwk, header, signature) in [
        (
            Algorithm::HS256,
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            Algorithm::ES256,
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        let jwt = Jwt::new(JwtKey::jwk_json(jwk).unwrap(), [algorithm]).now(issued);
        let (handler, backend) = wrap(&jwt.build().unwrap());
        let token = format!("{header}.{PAYLOAD}.{signature}");
        assert_eq!(status(&handler, bearer(&token)).await, 200, "{algorithm}");
        assert_eq!(backend.claims().get("http://example.com/is_root").unwrap(), true);
    }
    let ed = JwtKey::jwk_json(
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    );
    let (handler, _) = wrap(&Jwt::new(ed.unwrap(), [Algorithm::EdDSA]).now(date).build().unwrap());
    for (end, reason) in [("KAg", "malformed"), ("KAQ", "bad_signature")] {
        let token = format!(
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0{end}"
        );
        // A payload that is no JSON is found out after the signature was found good.
        assert_eq!(ask(&handler, bearer(&token)).await.2, reason);
    }
}
