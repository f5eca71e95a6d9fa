use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine;
use parapet_authn::{
    Algorithm, Any, AuthError, Basic, Jwt, JwtKey, KeyError, KeySet, KeySource, TokenSource,
};
use parapet_core::{BoxFuture, Handler, Request, ResponseError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{Signer, bearer, date, get, status, user, wrap};

/// Everything that any test of this binary logs, at every level.
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        let _ = write!(log, "\n{}", event.metadata().target());
        event.record(&mut Line(&mut log));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn log() -> Arc<Mutex<String>> {
    static LOG: OnceLock<Arc<Mutex<String>>> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(String::new()));
        tracing::subscriber::set_global_default(Log(Arc::clone(&log))).unwrap();
        log
    });
    Arc::clone(log)
}

/// In every secret of these tests, so that one look finds any of them.
const MARK: &str = "hush";
const SECRET: &str = "hush-signing-hush-signing-hush-signing";
const PASSWORD: &str = "hush-battery";

/// What is hidden, also where it was encoded on the way.
fn told(text: &str) -> Option<String> {
    let pair = |pair: &str| base64::engine::general_purpose::STANDARD.encode(pair);
    let encoded = [
        pair(&format!("{MARK}-user:{PASSWORD}")),
        pair(&format!("{MARK}-user:{MARK}-wrong")),
        pair(&format!("edge:{MARK}%2Dclient")),
        crate::support::encode(format!(r#"{{"sub":"{MARK}"}}"#)),
        crate::support::encode(format!(r#"{{"exp":1,"sub":"{MARK}"}}"#)),
    ];
    encoded.into_iter().chain([MARK.to_owned()]).find(|secret| text.contains(secret))
}

/// The status of the answer, whose note for the log must be clean too.
async fn quiet(handler: &Handler, request: Request) -> u16 {
    let response = handler.serve(request).await;
    let note = format!("{:?}", response.extensions().get::<ResponseError>());
    assert_eq!(told(&note), None, "{note}");
    response.status().as_u16()
}

struct Broken;

impl KeySource for Broken {
    fn keys<'a>(
        &'a self,
        _: Option<&'a str>,
        _: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        Box::pin(async { Err(KeyError::Other("the store is broken".into())) })
    }
}

#[tokio::test]
async fn no_flow_logs_a_secret() {
    let log = log();
    tokens().await;
    passwords().await;
    #[cfg(feature = "htpasswd")]
    password_files().await;
    #[cfg(feature = "jwks")]
    key_sets().await;
    #[cfg(feature = "oidc")]
    discovery().await;
    #[cfg(feature = "introspection")]
    introspections().await;
    #[cfg(feature = "forward")]
    auth_servers().await;
    #[cfg(feature = "mtls")]
    certificates().await;

    let log = log.lock().unwrap();
    for (flow, line) in [
        (true, "an authentication check panicked"),
        (cfg!(feature = "htpasswd"), "password file refused"),
        (cfg!(feature = "jwks"), "a key set could not be fetched"),
    ] {
        assert!(!flow || log.contains(line), "the log is not captured: {line}");
    }
    for line in log.lines() {
        assert_eq!(told(line), None, "{line}");
    }
}

async fn tokens() {
    let signer = Signer::Hmac(SECRET.into());
    let jwt = || Jwt::new(JwtKey::hmac(SECRET), [Algorithm::HS512]).now(date);
    let good = signer.token(Algorithm::HS512, &format!(r#"{{"sub":"{MARK}"}}"#));
    let bad = signer.token(Algorithm::HS512, &format!(r#"{{"exp":1,"sub":"{MARK}"}}"#));
    let (handler, _) = wrap(&jwt().build().unwrap());
    assert_eq!(quiet(&handler, bearer(&good)).await, 200);
    assert_eq!(quiet(&handler, bearer(&good)).await, 200);
    assert_eq!(quiet(&handler, bearer(&bad)).await, 401);
    assert_eq!(quiet(&handler, bearer(good.get(..good.len() - 4).unwrap())).await, 401);
    assert_eq!(quiet(&handler, bearer("hush.hush.hush")).await, 401);
    let (handler, _) = wrap(&jwt().token_from([TokenSource::Cookie("s".into())]).build().unwrap());
    assert_eq!(quiet(&handler, get(&[("cookie", &format!("s={bad}"))])).await, 401);
    let broken = Jwt::from_key_source(Broken, [Algorithm::HS512]).build().unwrap();
    let (handler, _) = wrap(&broken);
    assert_eq!(quiet(&handler, bearer(&good)).await, 503);
}

async fn passwords() {
    let basic = Basic::new("hush-user", PASSWORD).build().unwrap();
    let own = Basic::verify(|_, credentials| async move {
        assert_ne!(credentials.user(), "panic", "a store that panics");
        Err(AuthError::Unavailable)
    });
    let own = own.build().unwrap();
    let (handler, _) = wrap(&Any::new([basic]).build().unwrap());
    assert_eq!(quiet(&handler, user("hush-user", PASSWORD)).await, 200);
    assert_eq!(quiet(&handler, user("hush-user", "hush-wrong")).await, 401);
    let (handler, _) = wrap(&own);
    assert_eq!(quiet(&handler, user("hush-user", PASSWORD)).await, 503);
    assert_eq!(quiet(&handler, user("panic", PASSWORD)).await, 500);
}

#[cfg(feature = "htpasswd")]
async fn password_files() {
    use std::fs;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let line = format!("hush-user:{}", bcrypt::hash(PASSWORD, 4).unwrap());
    fs::write(&path, &line).unwrap();
    let (handler, _) = wrap(&Basic::htpasswd(&path).build().unwrap());
    tokio::time::pause();
    assert_eq!(quiet(&handler, user("hush-user", PASSWORD)).await, 200);
    assert_eq!(quiet(&handler, user("hush-user", PASSWORD)).await, 200);
    assert_eq!(quiet(&handler, user("hush-user", "hush-wrong")).await, 401);
    assert_eq!(quiet(&handler, user("hush-nobody", PASSWORD)).await, 401);
    // Read again: good, and broken in several ways.
    for content in [
        format!("{line}\nhush-more:{}", bcrypt::hash("x", 4).unwrap()),
        "hush-user:hush".into(),
        MARK.into(),
    ] {
        fs::write(&path, &content).unwrap();
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        assert_eq!(quiet(&handler, user("hush-user", PASSWORD)).await, 200);
    }
    tokio::time::resume();
    let error = Basic::htpasswd(&path).build().unwrap_err();
    let error = format!("{error} {error:?}");
    assert_eq!(told(&error), None, "{error}");
}

/// An answer that tells everything back.
#[cfg(any(feature = "jwks", feature = "introspection", feature = "forward"))]
fn answering(status: u16, content: impl Into<String>) -> Handler {
    let content = content.into();
    parapet_core::handler_fn(move |request: Request| {
        let content = content.clone();
        async move {
            let echo = request.into_body().collect(1000).await.unwrap().into_data();
            let content = content.replace("ECHO", &String::from_utf8_lossy(&echo));
            let mut response = parapet_core::Response::new(parapet_core::Body::full(content));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response
        }
    })
}

/// A failure that tells everything.
#[cfg(any(feature = "jwks", feature = "introspection", feature = "forward"))]
fn failing() -> Handler {
    parapet_core::handler_fn(|_| async {
        let mut response = parapet_core::Response::new(parapet_core::Body::empty());
        response.extensions_mut().insert(ResponseError::new("upstream", "reset", MARK));
        response
    })
}

#[cfg(feature = "jwks")]
async fn key_sets() {
    let secret = Signer::Hmac(SECRET.into());
    let token = format!("eyJhbGciOiJSUzI1NiJ9.e30.{}", crate::support::encode(MARK));
    let private = format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"hush","d":"hush"}},{{{}}}]}}"#,
        secret.jwk()
    );
    for client in [answering(500, MARK), answering(200, MARK), answering(200, private), failing()] {
        let keys = parapet_authn::Jwks::new("http://issuer.test/?key=hush").client(client);
        let jwt = Jwt::from_key_source(keys.build().unwrap(), [Algorithm::RS256]);
        let (handler, _) = wrap(&jwt.build().unwrap());
        assert_eq!(quiet(&handler, bearer(&token)).await, 503);
    }
}

#[cfg(feature = "oidc")]
async fn discovery() {
    let signer = Signer::new(Algorithm::EdDSA);
    let found = r#"{"issuer":"https://login.test","jwks_uri":"https://keys.test/?key=hush"}"#;
    let both = format!(
        r#"{{"issuer":"https://login.test","jwks_uri":"https://keys.test/?key=hush","keys":[{{{}}}]}}"#,
        signer.jwk()
    );
    for (client, expected) in [
        (answering(500, MARK), 503),
        (answering(200, MARK), 503),
        (answering(200, r#"{"issuer":"hush","jwks_uri":"hush"}"#), 503),
        (answering(200, r#"{"issuer":"https://login.test","jwks_uri":"http://hush.test/"}"#), 503),
        // The document is found, the keys are not.
        (answering(200, found), 503),
        (failing(), 503),
        // The token is somebody else's.
        (answering(200, both), 401),
    ] {
        let keys = parapet_authn::Oidc::discover("https://login.test").client(client);
        let jwt = Jwt::from_key_source(keys.build().unwrap(), [Algorithm::EdDSA]);
        let (handler, _) = wrap(&jwt.build().unwrap());
        let token = signer.token(Algorithm::EdDSA, &format!(r#"{{"iss":"{MARK}"}}"#));
        assert_eq!(quiet(&handler, bearer(&token)).await, expected);
    }
}

#[cfg(feature = "introspection")]
async fn introspections() {
    for (client, expected) in [
        (answering(200, r#"{"active":true,"sub":"hush","echo":"ECHO"}"#), 200),
        (answering(200, r#"{"active":false,"sub":"hush"}"#), 401),
        (answering(200, r#"{"active":true,"exp":1,"sub":"hush"}"#), 401),
        (answering(200, "<html>ECHO"), 503),
        (answering(401, "ECHO"), 503),
        (answering(500, "ECHO"), 503),
        (failing(), 503),
    ] {
        let opaque =
            parapet_authn::Introspection::new("http://login.test/?key=hush", "edge", "hush-client");
        let (handler, _) = wrap(&opaque.client(client).build().unwrap());
        for _ in 0..2 {
            assert_eq!(quiet(&handler, bearer("hush-token")).await, expected);
        }
    }
}

#[cfg(feature = "forward")]
async fn auth_servers() {
    use parapet_core::{Body, BodyError};

    for include_body in [false, true] {
        for (client, expected) in
            [(answering(200, "ECHO"), 200), (answering(403, "ECHO"), 403), (failing(), 503)]
        {
            let forward = parapet_authn::Forward::new("http://auth.test/?key=hush").client(client);
            let forward = if include_body { forward.include_body(30) } else { forward };
            let (handler, _) = wrap(&forward.build().unwrap());
            let request = || get(&[("cookie", "s=hush"), ("authorization", "Bearer hush")]);
            let with = |body: Body| {
                let mut request = request();
                *request.body_mut() = body;
                request
            };
            assert_eq!(quiet(&handler, with(Body::full("password=hush"))).await, expected);
            let long = quiet(&handler, with(Body::full(MARK.repeat(10)))).await;
            assert_eq!(long, if include_body { 413 } else { expected });
            let (sender, body) = Body::channel(2);
            sender.data(MARK).await.unwrap();
            sender.fail(BodyError::Disconnected).await.unwrap();
            let cut = quiet(&handler, with(body)).await;
            assert_eq!(cut, if include_body { 400 } else { expected });
        }
    }
}

#[cfg(feature = "mtls")]
async fn certificates() {
    let names = || Some(vec![rcgen::SanType::URI("spiffe://hush.test/ns/web".try_into().unwrap())]);
    let any = parapet_authn::ClientCert::new;
    for (check, names, expected) in [
        (any().forward_header(parapet_authn::XFCC), names(), 200),
        (any().allow("spiffe://other.test/*"), names(), 403),
        (any(), None, 403),
    ] {
        assert_eq!(crate::mtls::call(check, names).await.0, expected);
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let key = JwtKey::hmac(SECRET);
    let basic = || Basic::new("hush-user", PASSWORD);
    let set = KeySet::new([(Some("k".to_owned()), key.clone())]);
    let oct = format!(r#"{{"kty":"oct","k":"{MARK}"}}"#);
    let jwt = || Jwt::new(JwtKey::hmac(SECRET), [Algorithm::HS256]);
    let printed = [
        format!("{key:?} {:?} {:?}", jwt(), jwt().build().unwrap()),
        format!("{:?} {set:?}", JwtKey::jwk_json(&oct)),
        format!("{:?}", JwtKey::rsa_pem(MARK)),
        format!("{:?}", Jwt::new(JwtKey::hmac(MARK), [Algorithm::HS256]).build()),
        format!("{:?} {:?}", basic(), basic().build().unwrap()),
        format!("{:?}", Any::new([basic().build().unwrap()])),
        format!(
            "{:?}",
            parapet_authn::Grant::new()
                .insert(http::header::COOKIE, http::HeaderValue::from_static(PASSWORD))
                .append(http::header::COOKIE, http::HeaderValue::from_static(PASSWORD))
        ),
        #[cfg(feature = "introspection")]
        {
            use parapet_authn::Introspection;
            let opaque =
                || Introspection::new("https://a.test/?key=hush", "hush-id", "hush-client");
            let bad = Introspection::new("https://hush:hush@a.test/", "a", "b").build();
            format!("{:?} {:?} {bad:?}", opaque(), opaque().build().unwrap())
        },
        #[cfg(feature = "forward")]
        {
            use parapet_authn::Forward;
            let forward = || Forward::new("https://a.test/?key=hush").include_body(9);
            let bad = Forward::new("https://hush:hush@a.test/");
            format!("{:?} {:?} {bad:?} {:?}", forward(), forward().build(), bad.clone().build())
        },
        #[cfg(feature = "jwks")]
        {
            use parapet_authn::Jwks;
            let keys = Jwks::new("https://a.test/?key=hush");
            let bad = Jwks::new("https://hush:hush@a.test/");
            format!("{keys:?} {:?} {bad:?} {:?}", keys.clone().build(), bad.clone().build())
        },
        #[cfg(feature = "oidc")]
        {
            let bad = parapet_authn::Oidc::discover("https://hush:hush@a.test/");
            format!("{bad:?} {:?}", bad.clone().build())
        },
        #[cfg(feature = "htpasswd")]
        format!("{:?}", Basic::htpasswd("/no/such/file").build()),
    ];
    for text in printed {
        assert_eq!(told(&text), None, "{text}");
    }
}

#[tokio::test]
async fn claims_and_credentials_that_a_handler_gets_print_no_value() {
    let signer = Signer::Hmac(SECRET.into());
    let jwt = Jwt::new(JwtKey::hmac(SECRET), [Algorithm::HS512]).now(date).build().unwrap();
    let (handler, backend) = wrap(&jwt);
    let token = signer.token(Algorithm::HS512, &format!(r#"{{"sub":"{MARK}","email":"{MARK}"}}"#));
    assert_eq!(status(&handler, bearer(&token)).await, 200);
    assert_eq!(format!("{:?}", backend.claims()), r#"JwtClaims["email", "sub"]"#);
}
