use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use parapet_authn::{Algorithm, Error, Jwt, KeyError, KeySet, KeySource, TokenSource};
use parapet_core::BoxFuture;

use crate::support::{NOW, Signer, ask, bearer, date, es256, get, status, wrap};

#[tokio::test]
async fn scopes_and_predicates_are_demanded_with_403() {
    let challenge = r#"Bearer realm="api", error="insufficient_scope", scope="read write""#;
    for (payload, allowed) in [
        (r#"{"scope":"read write"}"#, true),
        (r#"{"scope":"write admin read"}"#, true),
        (r#"{"scp":["read","write"]}"#, true),
        (r#"{"scp":"read write"}"#, true),
        (r#"{"scope":"read","scp":["write"]}"#, true),
        (r#"{"scope":"read"}"#, false),
        (r#"{"scope":"reading write"}"#, false),
        (r#"{"scope":["read write"]}"#, false),
        (r#"{"scope":7}"#, false),
        ("{}", false),
    ] {
        let (handler, _, signer) = es256(|jwt| jwt.require_scopes(["read", "write"]));
        let token = signer.token(Algorithm::ES256, payload);
        let (found, sent, why) = ask(&handler, bearer(&token)).await;
        let expected = if allowed { (200, "", "") } else { (403, challenge, "missing_scope") };
        assert_eq!((found, sent.as_str(), why), expected, "{payload}");
    }
    let bad = Jwt::new(Signer::new(Algorithm::ES256).key(), [Algorithm::ES256]);
    assert!(matches!(bad.require_scopes(["a\nb"]).build(), Err(Error::BadRealm(_))));

    let open = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&open);
    let (handler, _, signer) = es256(|jwt| {
        jwt.require_claim("tenant", move |tenant| tenant == "t1" && gate.load(Ordering::SeqCst))
    });
    let token = signer.token(Algorithm::ES256, r#"{"tenant":"t1"}"#);
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    open.store(false, Ordering::SeqCst);
    // Also for a token that is remembered.
    assert_eq!(ask(&handler, bearer(&token)).await.2, "claim_refused");
    for payload in [r#"{"tenant":"t2"}"#, "{}"] {
        let token = signer.token(Algorithm::ES256, payload);
        assert_eq!(status(&handler, bearer(&token)).await, 403);
    }
}

#[tokio::test]
async fn claims_become_fields_and_the_clients_copies_go() {
    let headers = [
        ("sub", "X-Auth-Sub"),
        ("level", "x-level"),
        ("admin", "x-admin"),
        ("roles", "x-roles"),
        ("address", "x-address"),
        ("evil", "x-evil"),
        ("name", "x-name"),
        ("absent", "x-absent"),
    ];
    let settings = |jwt: Jwt| jwt.claim_headers(headers);
    let (handler, backend, signer) = es256(settings);
    let payload = r#"{"sub":"u","level":3,"admin":true,"roles":["a",2],"address":{"c":"x"},"evil":"a\r\nb","name":"José"}"#;
    let token = format!("Bearer {}", signer.token(Algorithm::ES256, payload));
    let mut fields = vec![("authorization", token.as_str())];
    fields.extend(headers.iter().map(|(_, name)| (*name, "forged")));
    assert_eq!(status(&handler, get(&fields)).await, 200);
    let head = backend.head();
    for (name, value) in [
        ("x-auth-sub", Some("u")),
        ("x-level", Some("3")),
        ("x-admin", Some("true")),
        ("x-roles", Some("a,2")),
        ("x-address", Some("eyJjIjoieCJ9")),
        ("x-evil", None),
        ("x-name", None),
        ("x-absent", None),
    ] {
        let found: Vec<_> = head.headers.get_all(name).iter().collect();
        assert_eq!(found, value.into_iter().collect::<Vec<_>>(), "{name}");
    }
    // Without credentials, where they are optional, the copies go too.
    let jwt = settings(Jwt::new(signer.key(), [Algorithm::ES256])).build().unwrap();
    let (handler, backend) = wrap(&jwt.optional(true));
    assert_eq!(status(&handler, get(&[("x-auth-sub", "forged")])).await, 200);
    assert!(!backend.head().headers.contains_key("x-auth-sub"));
    let bad = Jwt::new(signer.key(), [Algorithm::ES256]).claim_headers([("sub", "no name")]);
    assert!(matches!(bad.build(), Err(Error::BadHeaderName(_))));
}

#[tokio::test]
async fn tokens_may_stand_in_cookies_and_fields_and_can_be_stripped() {
    let sources = [
        TokenSource::Bearer,
        TokenSource::Cookie("session".into()),
        TokenSource::Header("X-Token".into()),
    ];
    let (handler, backend, signer) = es256(|jwt| jwt.token_from(sources.clone()).strip_token(true));
    let token = signer.token(Algorithm::ES256, "{}");
    let cookie = format!("a=1; session={token}; b=2");
    for fields in [
        vec![("authorization", format!("Bearer {token}"))],
        vec![("cookie", cookie.clone())],
        vec![("x-token", token.clone())],
        // The first that has one decides.
        vec![("authorization", format!("Bearer {token}")), ("x-token", "bad".into())],
    ] {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(status(&handler, get(&fields)).await, 200, "{}", fields[0].0);
        let head = backend.head();
        assert!(!format!("{:?}", head.headers).contains(&token));
        if fields[0].0 == "cookie" {
            assert_eq!(head.headers["cookie"], "a=1; b=2");
        }
    }
    // The other cookies go on byte by byte, over all lines.
    let mut request = get(&[]);
    let lines = [format!("a=\"q;session={token};b=").into_bytes(), b" =v; c=\xe4;;flag".to_vec()];
    for line in lines {
        let line = http::HeaderValue::from_bytes(&line).unwrap();
        request.headers_mut().append("cookie", line);
    }
    assert_eq!(status(&handler, request).await, 200);
    assert_eq!(backend.head().headers["cookie"].as_bytes(), b"a=\"q; b=; =v; c=\xe4; flag");
    for (fields, expected) in [
        (vec![("cookie", format!("session={token}; session={token}"))], 400),
        (vec![("x-token", token.clone()), ("x-token", token.clone())], 400),
        (vec![("x-other", token.clone())], 401),
    ] {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(status(&handler, get(&fields)).await, expected);
    }
    let query = http::Request::get(format!("/?access_token={token}"))
        .body(parapet_core::Body::empty())
        .unwrap();
    assert_eq!(status(&handler, query).await, 401);
}

/// Keys that a test changes under way.
struct Store(Arc<Mutex<Arc<KeySet>>>);

impl KeySource for Store {
    fn keys<'a>(
        &'a self,
        kid: Option<&'a str>,
        _: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        let set = Arc::clone(&self.0.lock().unwrap());
        Box::pin(async move {
            match kid {
                Some("down") => Err(KeyError::Unavailable),
                Some("broken") => Err(KeyError::Other("the store is broken".into())),
                Some("gone") => Err(KeyError::NotFound),
                Some("panic") => panic!("a store"),
                _ => Ok(set),
            }
        })
    }
}

#[tokio::test]
async fn a_remembered_token_costs_no_signature_and_ends_with_its_time_and_its_key() {
    let seconds = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&seconds);
    let now = move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst));
    let signer = Signer::new(Algorithm::ES256);
    let set = || Arc::new(KeySet::new([(Some("k".to_owned()), signer.key())]));
    let keys = Arc::new(Mutex::new(set()));
    let cached: Arc<Mutex<Vec<bool>>> = Arc::default();
    let told = Arc::clone(&cached);
    let jwt = Jwt::from_key_source(Store(Arc::clone(&keys)), [Algorithm::ES256])
        .now(now.clone())
        .leeway(Duration::ZERO)
        .build()
        .unwrap()
        .on_decision(move |event| told.lock().unwrap().push(event.is_cached()));
    let (handler, backend) = wrap(&jwt);
    let payload = format!(r#"{{"sub":"u","exp":{}}}"#, NOW + 10);
    let token = signer.token_of(Algorithm::ES256, "k", &payload);
    for _ in 0..3 {
        assert_eq!(status(&handler, bearer(&token)).await, 200);
        assert_eq!(backend.claims().subject(), Some("u"));
    }
    assert_eq!(std::mem::take(&mut *cached.lock().unwrap()), [false, true, true]);

    // A new set: verified once more.
    *keys.lock().unwrap() = set();
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    assert_eq!(std::mem::take(&mut *cached.lock().unwrap()), [false, true]);

    seconds.store(NOW + 9, Ordering::SeqCst);
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    seconds.store(NOW + 10, Ordering::SeqCst);
    assert_eq!(ask(&handler, bearer(&token)).await.2, "expired");
    seconds.store(NOW, Ordering::SeqCst);
    assert_eq!(status(&handler, bearer(&token)).await, 200);

    // The key is gone from the next set.
    let other = Signer::new(Algorithm::ES256);
    *keys.lock().unwrap() = Arc::new(KeySet::new([(Some("k2".to_owned()), other.key())]));
    assert_eq!(ask(&handler, bearer(&token)).await.2, "unknown_kid");

    for (kid, expected, reason) in [
        ("down", 503, "unavailable"),
        ("broken", 503, "unavailable"),
        ("gone", 401, "unknown_kid"),
        ("panic", 500, "panicked"),
    ] {
        let token = signer.token_of(Algorithm::ES256, kid, "{}");
        let (found, challenge, why) = ask(&handler, bearer(&token)).await;
        assert_eq!((found, why), (expected, reason), "{kid}");
        assert_eq!(challenge.is_empty(), expected != 401, "{kid}");
    }
}

#[tokio::test]
async fn failures_are_not_remembered_and_the_cache_can_be_off() {
    for (cache, expected) in [(0, [false, false]), (1, [false, true])] {
        let signer = Signer::new(Algorithm::ES256);
        let events: Arc<Mutex<Vec<bool>>> = Arc::default();
        let told = Arc::clone(&events);
        let jwt = Jwt::new(signer.key(), [Algorithm::ES256]).now(date).cache(cache);
        let jwt = jwt.build().unwrap();
        let (handler, _) =
            wrap(&jwt.on_decision(move |event| told.lock().unwrap().push(event.is_cached())));
        let good = signer.token(Algorithm::ES256, "{}");
        let bad = signer.token(Algorithm::ES256, r#"{"exp":1}"#);
        for (token, status_) in [(&good, 200), (&bad, 401), (&bad, 401), (&good, 200)] {
            assert_eq!(status(&handler, bearer(token)).await, status_);
        }
        let events = events.lock().unwrap();
        assert_eq!([events[0], events[3]], expected);
        assert_eq!(events[1..3], [false, false]);
    }
}

#[tokio::test]
async fn at_most_four_keys_of_one_id_are_tried() {
    let signers: Vec<Signer> = (0..5).map(|_| Signer::new(Algorithm::ES256)).collect();
    let set = KeySet::new(signers.iter().map(|signer| (Some("k".to_owned()), signer.key())));
    let jwt = Jwt::from_key_source(Arc::new(set), [Algorithm::ES256]).now(date);
    let (handler, _) = wrap(&jwt.build().unwrap());
    for (number, signer) in signers.iter().enumerate() {
        let token = signer.token_of(Algorithm::ES256, "k", "{}");
        let expected = if number < 4 { 200 } else { 401 };
        assert_eq!(status(&handler, bearer(&token)).await, expected, "{number}");
    }
}
