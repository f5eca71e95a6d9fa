use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_authn::{Error, Introspection};
use parapet_core::{Body, Handler, Request, Response, handler_fn, plain_error};
use tokio::sync::Notify;
use tokio::time::advance;

use crate::support::{NOW, ask, bearer, date, get, status, wrap};

#[derive(Clone, Default)]
struct Server(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answer: Mutex<String>,
    asked: Mutex<Vec<String>>,
    gate: Mutex<Option<Arc<Notify>>>,
}

impl Server {
    fn answering(text: &str) -> Self {
        let server = Self::default();
        server.set(text);
        server
    }

    fn set(&self, text: &str) {
        *self.0.answer.lock().unwrap() = text.into();
    }

    fn asked(&self) -> usize {
        self.0.asked.lock().unwrap().len()
    }

    fn client(&self) -> Handler {
        let inner = Arc::clone(&self.0);
        handler_fn(move |request: Request| {
            let inner = Arc::clone(&inner);
            async move {
                assert_eq!(request.method(), "POST");
                assert_eq!(request.uri(), "https://login.test/introspect");
                assert_eq!(request.headers()["authorization"], "Basic ZWRnZSUzQTE6YSUyMGI=");
                assert!(request.headers()["authorization"].is_sensitive());
                assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
                let content = request.into_body().collect(10_000).await.unwrap();
                let content = String::from_utf8(content.data().to_vec()).unwrap();
                inner.asked.lock().unwrap().push(content);
                let gate = inner.gate.lock().unwrap().clone();
                if let Some(gate) = gate {
                    gate.notified().await;
                }
                let answer = inner.answer.lock().unwrap().clone();
                if answer == "500" {
                    return plain_error(http::StatusCode::INTERNAL_SERVER_ERROR, "no");
                }
                Response::new(Body::full(answer))
            }
        })
    }

    fn check(&self) -> Introspection {
        Introspection::new("https://login.test/introspect", "edge:1", "a b")
            .client(self.client())
            .now(date)
    }
}

#[tokio::test(start_paused = true)]
async fn an_active_token_passes_and_is_remembered_for_a_minute() {
    let server = Server::answering(r#"{"active":true,"sub":"u","scope":"read"}"#);
    let (handler, backend) = wrap(&server.check().require_scopes(["read"]).build().unwrap());
    for _ in 0..3 {
        assert_eq!(status(&handler, bearer("opaque+token/=")).await, 200);
    }
    let head = backend.head();
    let identity = head.extensions.get::<parapet_authn::Identity>().unwrap();
    assert_eq!((identity.scheme(), identity.subject()), ("introspection", Some("u")));
    assert_eq!(
        *server.0.asked.lock().unwrap(),
        ["token=opaque%2Btoken%2F%3D&token_type_hint=access_token"]
    );
    advance(Duration::from_secs(60)).await;
    assert_eq!(status(&handler, bearer("opaque+token/=")).await, 200);
    assert_eq!(server.asked(), 2);
    // What is no token68 (RFC 9110 §11.2) is nothing to ask about.
    for token in ["a b", "a=b", "=", "t\"", "a,b", "%41"] {
        assert_eq!(ask(&handler, bearer(token)).await.2, "malformed", "{token}");
    }
    assert_eq!(status(&handler, get(&[])).await, 401);
    assert_eq!(server.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_other_answer_has_its_status() {
    let soon = format!(r#"{{"active":true,"exp":{}}}"#, NOW + 20);
    let past = format!(r#"{{"active":true,"exp":{}}}"#, NOW - 3600);
    for (answer, expected, reason, remembered) in [
        (r#"{"active":true}"#, 200, "", 59),
        (&soon, 200, "", 19),
        (r#"{"active":false}"#, 401, "inactive", 9),
        (&past, 401, "expired", 9),
        (r#"{"active":true,"sub":"a","sub":"b"}"#, 503, "unavailable", 0),
        (r#"{"active":"true"}"#, 503, "unavailable", 0),
        ("{}", 503, "unavailable", 0),
        ("<html>", 503, "unavailable", 0),
        ("500", 503, "unavailable", 0),
        // 4096 answers are kept: none of them may be large.
        (&format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(64 * 1024)), 503, "unavailable", 0),
    ] {
        let server = Server::answering(answer);
        let (handler, _) = wrap(&server.check().build().unwrap());
        let (found, _, why) = ask(&handler, bearer("t")).await;
        assert_eq!((found, why), (expected, reason), "{answer}");
        advance(Duration::from_secs(remembered)).await;
        assert_eq!(status(&handler, bearer("t")).await, expected, "{answer}");
        assert_eq!(server.asked(), 1 + usize::from(remembered == 0), "{answer}");
        advance(Duration::from_secs(1)).await;
        let before = server.asked();
        status(&handler, bearer("t")).await;
        assert_eq!(server.asked(), before + 1, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_token_share_a_question_that_survives_its_client() {
    let server = Server::answering(r#"{"active":true}"#);
    let gate = Arc::new(Notify::new());
    *server.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let (handler, _) = wrap(&server.check().build().unwrap());
    let mut calls: Vec<_> = (0..20)
        .map(|_| {
            let handler = handler.clone();
            tokio::spawn(async move { status(&handler, bearer("t")).await })
        })
        .collect();
    while server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    calls.remove(0).abort();
    tokio::task::yield_now().await;
    gate.notify_one();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(server.asked(), 1);

    // A server that never answers is 503 after the timeout.
    let (handler, _) = wrap(&server.check().timeout(Duration::from_secs(3)).build().unwrap());
    let began = tokio::time::Instant::now();
    assert_eq!(status(&handler, bearer("slow")).await, 503);
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_and_go_do_not_pile_up_questions() {
    let server = Server::answering(r#"{"active":true}"#);
    *server.0.gate.lock().unwrap() = Some(Arc::new(Notify::new()));
    let (handler, _) = wrap(&server.check().build().unwrap());
    for number in 0..1024 {
        let left = tokio::spawn(handler.serve(bearer(&format!("t{number}"))));
        while server.asked() <= number {
            tokio::task::yield_now().await;
        }
        left.abort();
    }
    assert_eq!(ask(&handler, bearer("one-more")).await.2, "overloaded");
    assert_eq!(server.asked(), 1024);
}

#[tokio::test(start_paused = true)]
async fn tokens_by_chance_do_not_drive_out_the_good_ones() {
    let server = Server::answering(r#"{"active":true}"#);
    let (handler, _) = wrap(&server.check().build().unwrap());
    assert_eq!(status(&handler, bearer("good")).await, 200);
    server.set(r#"{"active":false}"#);
    for number in 0..5000 {
        assert_eq!(status(&handler, bearer(&format!("chance-{number}"))).await, 401);
    }
    assert_eq!(server.asked(), 5001);
    assert_eq!(status(&handler, bearer("good")).await, 200);
    assert_eq!(server.asked(), 5001);
}

#[test]
fn bad_settings_are_typed_errors() {
    let at = |url: &str| Introspection::new(url, "a", "b");
    assert!(matches!(at("/x").build(), Err(Error::BadUrl { .. })));
    assert!(matches!(
        at("https://x.test").timeout(Duration::ZERO).build(),
        Err(Error::ZeroDuration(_))
    ));
    assert!(matches!(
        Introspection::new("https://x.test", "a", "").build(),
        Err(Error::EmptyCredentials)
    ));
}
