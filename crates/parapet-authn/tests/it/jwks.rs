use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_authn::{Algorithm, Error, Jwks, Jwt, KeyError, RemoteKeys};
use parapet_core::{Body, Handler, Request, Response, ResponseError, handler_fn, plain_error};
use tokio::sync::Notify;
use tokio::time::{advance, sleep};

use crate::support::{Signer, ask, bearer, date, status, wrap};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A key server inside of the test.
#[derive(Clone, Default)]
struct Issuer(Arc<State>);

#[derive(Default)]
struct State {
    fetches: AtomicUsize,
    answer: Mutex<Answer>,
    /// When set, an answer waits for it.
    gate: Mutex<Option<Arc<Notify>>>,
}

#[derive(Clone, Default)]
enum Answer {
    #[default]
    Error,
    Document(String),
    Status(u16, String),
    Unreachable,
    Silent,
    Endless,
    Panic,
}

impl Issuer {
    fn serving(keys: &[(&str, &Signer)]) -> Self {
        let issuer = Self::default();
        issuer.publish(keys);
        issuer
    }

    fn publish(&self, keys: &[(&str, &Signer)]) {
        let keys: Vec<String> = keys
            .iter()
            .map(|(kid, signer)| format!(r#"{{"kid":"{kid}",{}}}"#, signer.jwk()))
            .collect();
        self.set(Answer::Document(format!(r#"{{"keys":[{}]}}"#, keys.join(","))));
    }

    fn set(&self, answer: Answer) {
        *self.0.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    fn hold(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        *self.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    fn client(&self) -> Handler {
        let state = Arc::clone(&self.0);
        handler_fn(move |request: Request| {
            let state = Arc::clone(&state);
            async move {
                assert_eq!(request.uri(), "https://issuer.test/keys");
                assert_eq!(
                    request.headers()["accept"],
                    "application/jwk-set+json, application/json"
                );
                assert_eq!(request.headers().len(), 1);
                state.fetches.fetch_add(1, Ordering::SeqCst);
                let gate = state.gate.lock().unwrap().clone();
                if let Some(gate) = gate {
                    gate.notified().await;
                }
                let answer = state.answer.lock().unwrap().clone();
                match answer {
                    Answer::Error => plain_error(http::StatusCode::INTERNAL_SERVER_ERROR, "no"),
                    Answer::Document(text) => Response::new(Body::full(text)),
                    Answer::Status(code, text) => {
                        let mut response = Response::new(Body::full(text));
                        *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
                        let place = http::HeaderValue::from_static("https://issuer.test/keys");
                        response.headers_mut().insert("location", place);
                        response
                    }
                    Answer::Unreachable => {
                        let mut response = Response::new(Body::empty());
                        let error = ResponseError::new("upstream", "connect_refused", "refused");
                        response.extensions_mut().insert(error);
                        response
                    }
                    Answer::Silent => std::future::pending().await,
                    Answer::Endless => {
                        let (sender, body) = Body::channel(1);
                        tokio::spawn(async move {
                            while sender.data(vec![b' '; 1000]).await.is_ok() {
                                sleep(Duration::from_millis(10)).await;
                            }
                        });
                        Response::new(body)
                    }
                    Answer::Panic => panic!("a client that panics"),
                }
            }
        })
    }

    fn keys(&self) -> RemoteKeys {
        self.jwks().build().unwrap()
    }

    fn jwks(&self) -> Jwks {
        Jwks::new("https://issuer.test/keys").client(self.client())
    }
}

fn check(keys: &RemoteKeys) -> Handler {
    let jwt = Jwt::from_key_source(keys.clone(), [Algorithm::EdDSA]).now(date);
    wrap(&jwt.build().unwrap()).0
}

fn ed() -> Signer {
    Signer::new(Algorithm::EdDSA)
}

fn token(signer: &Signer, kid: &str) -> String {
    signer.token_of(Algorithm::EdDSA, kid, r#"{"sub":"u"}"#)
}

/// Lets the fetch that runs behind end.
async fn settle(issuer: &Issuer, fetches: usize) {
    while issuer.fetches() < fetches {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_fetches_and_an_unknown_key_at_most_once_a_minute() {
    let (one, two) = (ed(), ed());
    let issuer = Issuer::serving(&[("k1", &one)]);
    let keys = issuer.keys();
    let handler = check(&keys);
    for _ in 0..3 {
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    }
    assert_eq!(issuer.fetches(), 1);

    issuer.publish(&[("k1", &one), ("k2", &two)]);
    assert_eq!(ask(&handler, bearer(&token(&two, "k2"))).await.2, "unknown_kid");
    assert_eq!(issuer.fetches(), 1);
    advance(2 * MINUTE).await;
    assert_eq!(status(&handler, bearer(&token(&two, "k2"))).await, 200);
    assert_eq!(issuer.fetches(), 2);

    advance(MINUTE).await;
    for number in 0..10_000 {
        let bogus = token(&two, &format!("bogus-{number}"));
        assert_eq!(status(&handler, bearer(&bogus)).await, 401);
        advance(Duration::from_millis(5)).await;
    }
    assert_eq!(issuer.fetches(), 3);
    let stats = keys.stats();
    assert_eq!((stats.keys(), stats.fetches(), stats.failures()), (2, 3, 0));
    assert_eq!((stats.unknown_kid(), stats.rate_limited()), (10_002, 10_000));
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_stale_set_answers_at_once_and_goes_on_when_the_server_fails() {
    let (one, two) = (ed(), ed());
    let issuer = Issuer::serving(&[("k1", &one)]);
    let keys = issuer.keys();
    let handler = check(&keys);
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);

    issuer.publish(&[("k1", &one), ("k2", &two)]);
    let gate = issuer.hold();
    advance(15 * MINUTE).await;
    for _ in 0..5 {
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    }
    settle(&issuer, 2).await;
    assert_eq!(issuer.fetches(), 2);
    gate.notify_one();
    settle(&issuer, 2).await;
    assert_eq!(keys.stats().keys(), 2);
    assert_eq!(status(&handler, bearer(&token(&two, "k2"))).await, 200);
    assert_eq!(issuer.fetches(), 2);

    *issuer.0.gate.lock().unwrap() = None;
    issuer.set(Answer::Error);
    advance(15 * MINUTE).await;
    let mut expected = 2;
    // Each wait twice as long, up to a minute.
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
        expected += 1;
        settle(&issuer, expected).await;
        advance(Duration::from_millis(seconds * 1000 - 1)).await;
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
        settle(&issuer, expected).await;
        assert_eq!(issuer.fetches(), expected, "{seconds}");
        advance(Duration::from_millis(1)).await;
    }
    for _ in 0..5 {
        advance(60 * MINUTE).await;
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_set_a_failed_fetch_is_503_and_the_next_request_does_not_fetch() {
    let one = ed();
    let issuer = Issuer::default();
    let keys = issuer.keys();
    let handler = check(&keys);
    for _ in 0..3 {
        let response = handler.serve(bearer(&token(&one, "k1"))).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(!response.headers().contains_key("www-authenticate"));
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.publish(&[("k1", &one)]);
    advance(SECOND).await;
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_first_requests_share_one_fetch_and_a_client_that_leaves_cancels_nothing() {
    let one = ed();
    let issuer = Issuer::serving(&[("k1", &one)]);
    let gate = issuer.hold();
    let handler = check(&issuer.keys());
    let mut calls: Vec<_> = (0..100)
        .map(|_| {
            let (handler, request) = (handler.clone(), bearer(&token(&one, "k1")));
            tokio::spawn(async move { status(&handler, request).await })
        })
        .collect();
    settle(&issuer, 1).await;
    calls.remove(0).abort();
    settle(&issuer, 1).await;
    gate.notify_one();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_matched_by_id_and_algorithm() {
    let (one, two, rsa) = (ed(), ed(), Signer::new(Algorithm::RS256));
    let issuer = Issuer::serving(&[("k1", &one), ("k2", &two), ("r", &rsa)]);
    let handler = check(&issuer.keys());
    let alg = rsa.token_of(Algorithm::RS256, "r", "{}");
    assert_eq!(ask(&handler, bearer(&alg)).await.2, "bad_alg");
    assert_eq!(issuer.fetches(), 0);
    let none = |signer: &Signer| signer.token(Algorithm::EdDSA, "{}");
    assert_eq!(ask(&handler, bearer(&token(&two, "k1"))).await.2, "bad_signature");
    assert_eq!(ask(&handler, bearer(&token(&one, "r"))).await.2, "unknown_kid");
    // Two keys fit a token without an id: nobody guesses.
    assert_eq!(ask(&handler, bearer(&none(&one))).await.2, "unknown_kid");

    let issuer = Issuer::serving(&[("k1", &one), ("r", &rsa)]);
    let handler = check(&issuer.keys());
    assert_eq!(status(&handler, bearer(&none(&one))).await, 200);
    assert_eq!(ask(&handler, bearer(&none(&two))).await.2, "bad_signature");

    // One id twice: both are tried.
    let issuer = Issuer::serving(&[("k", &one), ("k", &two)]);
    let handler = check(&issuer.keys());
    for signer in [&one, &two] {
        assert_eq!(status(&handler, bearer(&token(signer, "k"))).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_key_server_may_do_wrong_is_a_failed_fetch_with_its_word() {
    let one = ed();
    let good = format!(r#"{{"keys":[{{"kid":"k1",{}}}]}}"#, one.jwk());
    let broken = format!(r#"{{"keys":[{{"kty":"RSA","n":"!"}},{{"kid":"k1",{}}},7]}}"#, one.jwk());
    let secret = Signer::new(Algorithm::HS256);
    let oct = format!(r#"{{"keys":[{{"kid":"k1",{}}}]}}"#, secret.jwk());
    for (case, answer, outcome) in [
        ("good", Answer::Document(good.clone()), "ok"),
        ("one of the keys is broken", Answer::Document(broken), "ok"),
        ("500", Answer::Error, "status"),
        ("404 with a set", Answer::Status(404, good.clone()), "status"),
        ("201", Answer::Status(201, good.clone()), "status"),
        ("302", Answer::Status(302, good.clone()), "status"),
        ("308 in a circle", Answer::Status(308, String::new()), "status"),
        ("HTML", Answer::Document("<html>login</html>".into()), "document"),
        ("empty", Answer::Document(String::new()), "document"),
        ("no keys", Answer::Document("{}".into()), "document"),
        ("empty set", Answer::Document(r#"{"keys":[]}"#.into()), "document"),
        ("keys no array", Answer::Document(r#"{"keys":{}}"#.into()), "document"),
        (
            "a member twice",
            Answer::Document(good.replacen("{\"keys\"", "{\"keys\":[],\"keys\"", 1)),
            "document",
        ),
        ("deep", Answer::Document("[".repeat(100_000)), "document"),
        ("cut", Answer::Document(good.strip_suffix("}]}").unwrap().into()), "document"),
        ("shared secret", Answer::Document(oct), "document"),
        ("huge", Answer::Document(" ".repeat(2 << 20)), "too_large"),
        ("endless and slow", Answer::Endless, "timeout"),
        ("silent", Answer::Silent, "timeout"),
        ("unreachable", Answer::Unreachable, "unreachable"),
        ("panic", Answer::Panic, "stopped"),
    ] {
        let issuer = Issuer::default();
        issuer.set(answer);
        let outcomes: Arc<Mutex<Vec<(&str, usize)>>> = Arc::default();
        let told = Arc::clone(&outcomes);
        let keys = issuer.jwks().on_refresh(move |info| {
            told.lock().unwrap().push((info.outcome(), info.keys()));
        });
        let handler = check(&keys.build().unwrap());
        let expected = if outcome == "ok" { 200 } else { 503 };
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, expected, "{case}");
        let keys = usize::from(outcome == "ok");
        // The request's wait and the fetch end at the same instant.
        while outcomes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let found = outcomes.lock().unwrap().clone();
        assert_eq!(found, [(outcome, keys)], "{case}");
        assert_eq!(issuer.fetches(), 1, "{case}");

        // With a set, the same failure is never seen by a request.
        if outcome == "ok" {
            continue;
        }
        let bad = issuer.0.answer.lock().unwrap().clone();
        issuer.set(Answer::Document(good.clone()));
        advance(MINUTE).await;
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200, "{case}");
        issuer.set(bad);
        advance(16 * MINUTE).await;
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200, "{case}");
        let unknown = ask(&handler, bearer(&token(&one, "new"))).await;
        assert_eq!((unknown.0, unknown.2), (401, "unknown_kid"), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_size_limit_is_exact() {
    let one = ed();
    let document = format!(r#"{{"keys":[{{"kid":"k1",{}}}]}}"#, one.jwk());
    for (limit, expected) in [(document.len(), 200), (document.len() - 1, 503)] {
        let issuer = Issuer::default();
        issuer.set(Answer::Document(document.clone()));
        let keys = issuer.jwks().max_response_bytes(limit as u64).build().unwrap();
        assert_eq!(status(&check(&keys), bearer(&token(&one, "k1"))).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_out_key_is_refused_after_the_next_fetch_also_where_it_is_remembered() {
    let (one, two) = (ed(), ed());
    let issuer = Issuer::serving(&[("k1", &one)]);
    let handler = check(&issuer.keys());
    for _ in 0..2 {
        assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    }
    issuer.publish(&[("k2", &two)]);
    advance(16 * MINUTE).await;
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    settle(&issuer, 2).await;
    assert_eq!(ask(&handler, bearer(&token(&one, "k1"))).await.2, "unknown_kid");
}

#[tokio::test(start_paused = true)]
async fn a_set_can_be_fetched_at_the_start_and_dropped_when_too_old() {
    let one = ed();
    let issuer = Issuer::default();
    let keys = issuer.jwks().max_stale(60 * MINUTE).build().unwrap();
    assert!(matches!(keys.prefetch().await, Err(KeyError::Unavailable)));
    issuer.publish(&[("k1", &one)]);
    keys.prefetch().await.unwrap();
    assert_eq!(issuer.fetches(), 2);
    let handler = check(&keys);
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    assert_eq!(issuer.fetches(), 2);
    issuer.set(Answer::Error);
    advance(60 * MINUTE).await;
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 200);
    advance(MINUTE).await;
    assert_eq!(status(&handler, bearer(&token(&one, "k1"))).await, 503);
    assert_eq!(keys.stats().age(), Some(61 * MINUTE));
}

#[test]
fn bad_settings_are_typed_errors() {
    for url in [
        "/keys",
        "issuer.test/keys",
        "ftp://issuer.test/",
        "https://a:b@issuer.test/",
        "https://issuer.test/#x",
        "https:///keys",
        "",
    ] {
        assert!(matches!(Jwks::new(url).build(), Err(Error::BadUrl { .. })), "{url}");
    }
    let jwks = || Jwks::new("https://issuer.test/");
    for zero in [
        jwks().refresh_interval(Duration::ZERO),
        jwks().min_refresh_interval(Duration::ZERO),
        jwks().timeout(Duration::ZERO),
    ] {
        assert!(matches!(zero.build(), Err(Error::ZeroDuration(_))));
    }
    assert!(matches!(jwks().max_response_bytes(0).build(), Err(Error::ZeroLimit(_))));
    let keys = Issuer::default().keys();
    let symmetric = Jwt::from_key_source(keys, [Algorithm::RS256, Algorithm::HS256]).build();
    assert!(matches!(symmetric, Err(Error::SymmetricAlgorithmWithRemoteKeys(Algorithm::HS256))));
}
