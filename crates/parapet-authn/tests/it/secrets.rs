use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, OnceLock};

use parapet_authn::{
    Algorithm, Any, AuthError, Basic, Jwt, JwtKey, KeyError, KeySet, KeySource, TokenSource,
};
use parapet_core::BoxFuture;
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

const SECRET: &str = "hunter2hunter2hunter2hunter2hunter2";
const PASSWORD: &str = "correct-horse-battery";

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
    let signer = Signer::Hmac(SECRET.into());
    let jwt = || Jwt::new(JwtKey::hmac(SECRET), [Algorithm::HS512]).now(date);
    let good = signer.token(Algorithm::HS512, r#"{"sub":"claimed-secret"}"#);
    let bad = signer.token(Algorithm::HS512, r#"{"exp":1,"sub":"claimed-secret"}"#);
    let (handler, _) = wrap(&jwt().build().unwrap());
    assert_eq!(status(&handler, bearer(&good)).await, 200);
    assert_eq!(status(&handler, bearer(&good)).await, 200);
    assert_eq!(status(&handler, bearer(&bad)).await, 401);
    assert_eq!(status(&handler, bearer(good.get(..good.len() - 4).unwrap())).await, 401);
    let (handler, _) = wrap(&jwt().token_from([TokenSource::Cookie("s".into())]).build().unwrap());
    assert_eq!(status(&handler, get(&[("cookie", &format!("s={bad}"))])).await, 401);
    let broken = Jwt::from_key_source(Broken, [Algorithm::HS512]).build().unwrap();
    let (handler, _) = wrap(&broken);
    assert_eq!(status(&handler, bearer(&good)).await, 503);

    let basic = Basic::new("secret-user", PASSWORD).build().unwrap();
    let own = Basic::verify(|_, credentials| async move {
        assert_ne!(credentials.user(), "panic", "a store that panics");
        Err(AuthError::Unavailable)
    });
    let own = own.build().unwrap();
    let (handler, _) = wrap(&Any::new([basic]).build().unwrap());
    assert_eq!(status(&handler, user("secret-user", PASSWORD)).await, 200);
    assert_eq!(status(&handler, user("secret-user", "wrong-secret")).await, 401);
    let (handler, _) = wrap(&own);
    assert_eq!(status(&handler, user("secret-user", PASSWORD)).await, 503);
    assert_eq!(status(&handler, user("panic", PASSWORD)).await, 500);
    #[cfg(all(feature = "jwks", feature = "forward", feature = "introspection"))]
    remote(&good).await;

    let log = log.lock().unwrap();
    assert!(log.contains("an authentication check panicked"), "the log is not captured");
    let tokens = [&good, &bad].map(|token| token.rsplit_once('.').unwrap().1.to_owned());
    let secrets =
        [SECRET, PASSWORD, "secret-user", "wrong-secret", "claimed-secret", "client-secret"];
    for secret in secrets.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// The flows that ask another server, which fails.
#[cfg(all(feature = "jwks", feature = "forward", feature = "introspection"))]
async fn remote(token: &str) {
    use parapet_authn::{Forward, Introspection, Jwks};
    use parapet_core::{Body, handler_fn, plain_error};

    let down = || {
        handler_fn(|_| async {
            plain_error(http::StatusCode::INTERNAL_SERVER_ERROR, "client-secret")
        })
    };
    let keys = Jwks::new("http://issuer.test/").client(down()).build().unwrap();
    let jwt = Jwt::from_key_source(keys, [Algorithm::RS256]).build().unwrap();
    let opaque = Introspection::new("http://login.test/", "edge", "client-secret");
    let opaque = opaque.client(down()).build().unwrap();
    let forward = Forward::new("http://auth.test/").client(handler_fn(|_| async {
        let mut response = parapet_core::Response::new(Body::empty());
        let error = parapet_core::ResponseError::new("upstream", "reset", "client-secret");
        response.extensions_mut().insert(error);
        response
    }));
    let rs256 = format!("eyJhbGciOiJSUzI1NiJ9.e30.{}", token.rsplit_once('.').unwrap().1);
    for (check, expected) in [(jwt, 503), (opaque, 503), (forward.build().unwrap(), 503)] {
        let (handler, _) = wrap(&check);
        assert_eq!(status(&handler, bearer(&rs256)).await, expected);
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let key = JwtKey::hmac(SECRET);
    let basic = Basic::new("secret-user", PASSWORD);
    let printed = [
        format!("{key:?} {:?}", Jwt::new(key.clone(), [Algorithm::HS256])),
        format!("{:?}", Jwt::new(key, [Algorithm::HS256]).build().unwrap()),
        format!("{basic:?}"),
        format!("{:?}", basic.build().unwrap()),
        format!(
            "{:?}",
            parapet_authn::Grant::new()
                .insert(http::header::COOKIE, http::HeaderValue::from_static(PASSWORD))
        ),
        #[cfg(feature = "introspection")]
        format!(
            "{:?}",
            parapet_authn::Introspection::new("https://a.test", "secret-user", PASSWORD)
        ),
        #[cfg(feature = "forward")]
        format!(
            "{:?}",
            parapet_authn::Forward::new("https://a.test/?key=hunter2hunter2hunter2hunter2hunter2")
        ),
    ];
    for text in printed {
        for secret in [SECRET, PASSWORD, "secret-user"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
