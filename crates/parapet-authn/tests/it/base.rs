use std::sync::{Arc, Mutex};

use http::{HeaderValue, StatusCode};
use parapet_authn::{
    Any, AuthError, AuthEvent, Authenticator, Basic, Error, Grant, Identity, Outcome, claim,
    identity,
};
use parapet_core::{LogFields, LogRecord, LogValue, Middleware, RequestExt, ResponseFuture};

use crate::support::{Backend, ask, bearer, es256, get, other, reason, status, text, user, wrap};

fn by_key() -> Authenticator {
    Authenticator::new(|head| {
        let key = head.headers.get("x-api-key").cloned();
        async move {
            match key.as_ref().map(HeaderValue::as_bytes) {
                None => Err(AuthError::MissingAuthorization),
                Some(b"k1") => {
                    let identity = Identity::new("key").with_subject("team-1").with_issuer("us");
                    Ok(Grant::new()
                        .with_identity(identity)
                        .remove("x-api-key".parse().unwrap())
                        .insert("x-team".parse().unwrap(), HeaderValue::from_static("team-1"))
                        .append("x-team".parse().unwrap(), HeaderValue::from_static("more")))
                }
                Some(b"panic") => panic!("in the future"),
                Some(_) => Err(AuthError::InvalidCredentials),
            }
        }
    })
}

#[tokio::test]
async fn a_success_reaches_next_with_identity_and_edits_and_a_refusal_does_not() {
    let (handler, backend) = wrap(&by_key().challenge("Key").unwrap());
    let response = handler.serve(get(&[])).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Key");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(response).await, "Unauthorized\n");
    assert_eq!(backend.requests(), 0);

    assert_eq!(status(&handler, get(&[("x-api-key", "k1"), ("x-team", "forged")])).await, 200);
    let head = backend.head();
    assert!(!head.headers.contains_key("x-api-key"));
    let team: Vec<_> = head.headers.get_all("x-team").iter().collect();
    assert_eq!(team, ["team-1", "more"]);
    let found = head.extensions.get::<Identity>().unwrap();
    assert_eq!(
        (found.scheme(), found.subject(), found.issuer()),
        ("key", Some("team-1"), Some("us"))
    );
}

#[tokio::test]
async fn each_error_has_its_status_and_the_cause_stays_here() {
    for (make, expected, body) in [
        ((|| AuthError::MissingAuthorization) as fn() -> AuthError, 401, "Unauthorized\n"),
        (|| AuthError::InvalidCredentials, 401, "Unauthorized\n"),
        (|| AuthError::InvalidToken, 401, "Unauthorized\n"),
        (other, 401, "Unauthorized\n"),
        (|| AuthError::InvalidRequest, 400, "Bad Request\n"),
        (|| AuthError::InsufficientScope, 403, "Forbidden\n"),
        (|| AuthError::Unavailable, 503, "Service Unavailable\n"),
    ] {
        let check = Authenticator::new(move |_| async move { Err::<Grant, _>(make()) });
        let (handler, backend) = wrap(&check.challenge("Own").unwrap());
        let response = handler.serve(get(&[])).await;
        let error = make();
        assert_eq!(response.status(), expected, "{error}");
        assert_eq!(response.headers().get("retry-after").is_some(), expected == 503, "{error}");
        assert_eq!(
            response.headers().get("www-authenticate").is_some(),
            expected != 503,
            "{error}"
        );
        assert_eq!(response.headers().get("cache-control").is_some(), expected == 401, "{error}");
        assert!(!reason(&response).is_empty());
        assert_eq!(text(response).await, body);
        assert_eq!(backend.requests(), 0);
    }
}

#[tokio::test]
async fn a_panic_in_the_check_is_500_and_next_is_not_called() {
    let early = Authenticator::new(|head| {
        assert!(head.headers.contains_key("x-never"), "before the future");
        async { Ok(Grant::new()) }
    });
    for (check, request) in [(by_key(), get(&[("x-api-key", "panic")])), (early, get(&[]))] {
        let (handler, backend) = wrap(&check);
        let response = handler.serve(request).await;
        assert_eq!((response.status().as_u16(), reason(&response)), (500, "panicked"));
        assert_eq!(backend.requests(), 0);
    }
}

#[tokio::test]
async fn a_custom_refusal_wins_and_keeps_its_own_fields() {
    let own = by_key().challenge("Key").unwrap().forbidden(|request, error| {
        assert_eq!(request.uri().path(), "/path");
        let mut response = parapet_core::plain_error(StatusCode::UNAUTHORIZED, "go away");
        response.headers_mut().insert("x-error", error.to_string().parse().unwrap());
        if request.headers().contains_key("x-own") {
            response.headers_mut().insert("www-authenticate", HeaderValue::from_static("Mine"));
            response.headers_mut().insert("cache-control", HeaderValue::from_static("private"));
        }
        ResponseFuture::new(async move { response })
    });
    let (handler, _) = wrap(&own);
    for (fields, challenge, cache) in
        [(&[][..], "Key", "no-store"), (&[("x-own", "1")][..], "Mine", "private")]
    {
        let response = handler.serve(get(fields)).await;
        assert_eq!(response.headers()["www-authenticate"], challenge);
        assert_eq!(response.headers()["cache-control"], cache);
        assert_eq!(response.headers()["x-error"], "no credentials");
        assert_eq!(text(response).await, "go away\n");
    }
}

#[tokio::test]
async fn optional_lets_requests_without_credentials_pass_and_refuses_bad_ones() {
    let (handler, backend) = wrap(&by_key().optional(true));
    assert_eq!(status(&handler, get(&[])).await, 200);
    assert_eq!(backend.identity(), None);
    assert_eq!(status(&handler, get(&[("x-api-key", "wrong")])).await, 401);
    assert_eq!(status(&handler, get(&[("x-api-key", "k1")])).await, 200);
    assert_eq!(backend.requests(), 2);
}

#[tokio::test]
async fn the_first_scheme_with_credentials_decides_and_401_carries_all_challenges() {
    let (_, _, signer) = es256(|jwt| jwt);
    let jwt = parapet_authn::Jwt::new(signer.key(), [parapet_authn::Algorithm::ES256]);
    let basic = Basic::new("ann", "secret").build().unwrap();
    let any = Any::new([by_key(), jwt.build().unwrap(), basic]).build().unwrap();
    let (handler, backend) = wrap(&any);
    let token = signer.token(parapet_authn::Algorithm::ES256, r#"{"sub":"user1"}"#);
    for (request, expected, challenges, scheme) in [
        (get(&[]), 401, r#"Bearer | Basic realm="Restricted""#, None),
        (bearer(&token), 200, "", Some("jwt")),
        (user("ann", "secret"), 200, "", Some("basic")),
        (get(&[("x-api-key", "k1")]), 200, "", Some("key")),
        (bearer("x.y.z"), 401, r#"Bearer error="invalid_token" | Basic realm="Restricted""#, None),
        (
            user("ann", "wrong"),
            401,
            r#"Bearer error="invalid_token" | Basic realm="Restricted""#,
            None,
        ),
    ] {
        let (found, sent, _) = ask(&handler, request).await;
        assert_eq!((found, sent.as_str()), (expected, challenges));
        if let Some(scheme) = scheme {
            assert_eq!(backend.identity().unwrap().scheme(), scheme);
        }
    }
    assert!(matches!(Any::new([]).build(), Err(Error::NoSchemes)));
}

#[tokio::test]
async fn the_hook_learns_outcome_and_reason() {
    let events: Arc<Mutex<Vec<AuthEvent>>> = Arc::default();
    let told = Arc::clone(&events);
    let check = by_key().optional(true).on_decision(move |event| told.lock().unwrap().push(*event));
    let (handler, _) = wrap(&check);
    for key in [None, Some("k1"), Some("no"), Some("panic")] {
        let fields: Vec<_> = key.map(|key| ("x-api-key", key)).into_iter().collect();
        status(&handler, get(&fields)).await;
    }
    let events = events.lock().unwrap();
    let found: Vec<_> =
        events.iter().map(|event| (event.outcome(), event.reason().as_str())).collect();
    assert_eq!(
        found,
        [
            (Outcome::Anonymous, "missing"),
            (Outcome::Allowed, "ok"),
            (Outcome::Denied, "bad_credentials"),
            (Outcome::Denied, "panicked"),
        ]
    );
    assert!(events.iter().all(|event| event.scheme() == "custom" && !event.is_cached()));
}

#[derive(Default)]
struct Fields(Mutex<Vec<(String, LogValue)>>);

impl LogFields for Fields {
    fn set(&self, name: std::borrow::Cow<'static, str>, value: LogValue) {
        self.0.lock().unwrap().push((name.into_owned(), value));
    }
    fn get(&self, _: &str) -> Option<LogValue> {
        None
    }
    fn disable(&self) {}
}

#[tokio::test]
async fn the_identity_is_a_key_for_limiters_and_a_field_of_the_log() {
    let (handler, backend, signer) = es256(|jwt| jwt);
    let token =
        signer.token(parapet_authn::Algorithm::ES256, r#"{"sub":"user1","tenant":"t1","level":3}"#);
    let fields = Arc::new(Fields::default());
    let mut request = bearer(&token);
    request.set_log(LogRecord::new(Arc::clone(&fields) as Arc<dyn LogFields>));
    assert_eq!(status(&handler, request).await, 200);
    assert_eq!(
        *fields.0.lock().unwrap(),
        [("userId".to_owned(), LogValue::Shared("user1".into()))]
    );
    let request = http::Request::from_parts(backend.head(), parapet_core::Body::empty());
    assert_eq!(identity()(&request).as_deref(), Some("user1"));
    assert_eq!(claim("sub")(&request).as_deref(), Some("user1"));
    assert_eq!(claim("tenant")(&request).as_deref(), Some("t1"));
    assert_eq!(claim("level")(&request), None);
    assert_eq!(identity()(&get(&[])), None);
}

#[tokio::test]
async fn a_later_identity_replaces_an_earlier_one() {
    let backend = Backend::default();
    let basic = Basic::new("ann", "secret").build().unwrap();
    let handler = basic.wrap(by_key().wrap(backend.handler()));
    let mut request = user("ann", "secret");
    request.headers_mut().insert("x-api-key", HeaderValue::from_static("k1"));
    assert_eq!(status(&handler, request).await, 200);
    assert_eq!(backend.identity().unwrap().scheme(), "key");
}

#[test]
fn everything_public_can_be_sent_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Authenticator>();
    check::<Grant>();
    check::<Identity>();
    check::<AuthError>();
    check::<Error>();
    check::<parapet_authn::Jwt>();
    check::<parapet_authn::JwtKey>();
    check::<parapet_authn::JwtClaims>();
    check::<parapet_authn::KeySet>();
    check::<Basic>();
}
