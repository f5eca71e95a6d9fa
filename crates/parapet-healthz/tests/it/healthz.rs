use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode};
use parapet_core::{Body, Handler, Middleware, Request, RequestExt, handler_fn};
use parapet_healthz::{Error, Healthz, new};

fn behind() -> Handler {
    handler_fn(|_| async { (StatusCode::NOT_FOUND, "404 page not found") })
}

async fn status(handler: &Handler, method: Method, uri: &str) -> u16 {
    let request = http::Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    handler.serve(request).await.status().as_u16()
}

#[tokio::test]
async fn only_the_path_at_an_address_is_answered() {
    let default = new().wrap(behind());
    let any_host = new().host(true).wrap(behind());
    let moved = new().path("/_status").unwrap().wrap(behind());
    for (handler, uri, expected) in [
        (&default, "http://10.0.0.1/healthz", 200),
        (&default, "http://10.0.0.1:80/healthz?x", 200),
        (&default, "http://[::1]/healthz", 200),
        (&default, "http://[::1]:8080/healthz", 200),
        (&default, "http://10.0.0.1//%68ealthz", 200),
        (&default, "http://10.0.0.1/x/../healthz", 200),
        (&default, "http://localhost/healthz", 404),
        (&default, "http://a.test/healthz", 404),
        (&default, "/healthz", 404),
        (&default, "http://10.0.0.1/", 404),
        (&default, "http://10.0.0.1/healthz/", 404),
        (&default, "http://10.0.0.1/healthzz", 404),
        (&default, "http://10.0.0.1/x/..;/healthz", 404),
        (&any_host, "http://a.test/healthz", 200),
        (&any_host, "http://10.0.0.1/healthz", 200),
        (&any_host, "/healthz", 200),
        (&moved, "http://10.0.0.1/_status", 200),
        (&moved, "http://10.0.0.1/healthz", 404),
    ] {
        assert_eq!(status(handler, Method::GET, uri).await, expected, "{uri}");
    }
}

#[tokio::test]
async fn any_method_but_connect_is_answered() {
    let handler = new().wrap(behind());
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::DELETE] {
        assert_eq!(status(&handler, method, "http://10.0.0.1/healthz").await, 200);
    }
    assert_eq!(status(&handler, Method::CONNECT, "http://10.0.0.1/healthz").await, 404);
    assert_eq!(status(&handler, Method::CONNECT, "10.0.0.1:80").await, 404);
}

#[tokio::test]
async fn liveness_and_readiness_are_flipped_apart_and_clones_share_them() {
    let health = Healthz::default();
    let handler = health.clone().wrap(behind());
    for (healthy, ready, live_status, ready_status) in [
        (true, true, 200, 200),
        (false, true, 503, 200),
        (true, false, 200, 503),
        (false, false, 503, 503),
    ] {
        health.set(healthy);
        health.set_ready(ready);
        assert_eq!((health.is_healthy(), health.is_ready()), (healthy, ready));
        for (query, expected) in [
            ("", live_status),
            ("?ready", live_status),
            ("?ready=", live_status),
            ("?ready=1", ready_status),
            ("?ready=0", ready_status),
        ] {
            let uri = format!("http://10.0.0.1/healthz{query}");
            assert_eq!(
                status(&handler, Method::GET, &uri).await,
                expected,
                "{healthy} {ready} {uri}"
            );
        }
    }
}

#[tokio::test]
async fn further_conditions_are_asked_in_order_by_readiness_probes_only() {
    let calls = Arc::new(AtomicUsize::new(0));
    let check = |answer: bool| {
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
            answer
        }
    };
    let ready = "http://10.0.0.1/healthz?ready=1";
    let health = new().ready_when(check(true)).unwrap();
    let handler = health.clone().wrap(behind());
    assert_eq!(status(&handler, Method::GET, "http://10.0.0.1/healthz").await, 200);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(status(&handler, Method::GET, ready).await, 200);
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    let health = health.ready_when(check(false)).unwrap().ready_when(check(true)).unwrap();
    assert_eq!(status(&health.wrap(behind()), Method::GET, ready).await, 503);
    assert_eq!(calls.load(Ordering::Relaxed), 3, "the third was not asked");

    let health = new().ready_when(|| panic!("a check that fails")).unwrap();
    let handler = health.wrap(behind());
    assert_eq!(status(&handler, Method::GET, ready).await, 503);
    assert_eq!(status(&handler, Method::GET, "http://10.0.0.1/healthz").await, 200);
}

#[tokio::test]
async fn the_answer_has_a_known_form() {
    let health = new();
    let handler = health.clone().wrap(behind());
    for (healthy, length, text) in [(true, "2", "OK"), (false, "19", "Service Unavailable")] {
        health.set(healthy);
        let mut request = Request::new(Body::empty());
        request.set_authority("10.0.0.1".parse().unwrap());
        *request.uri_mut() = "/healthz".parse().unwrap();
        let response = handler.serve(request).await;
        assert_eq!(response.headers().len(), 2);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(response.headers()["content-length"], length);
        let body = response.into_body().collect(64).await.unwrap();
        assert_eq!(body.data(), text);
    }
}

#[test]
fn bad_settings_are_refused() {
    for path in ["", "healthz", "*"] {
        assert_eq!(new().path(path).unwrap_err(), Error::LeadingSlash(path.into()));
    }
    assert_eq!(new().path("/%68").unwrap_err(), Error::Encoded("/%68".into()));
    let error = new().path("//a?b").unwrap_err();
    assert_eq!(error, Error::NotNormal { path: "//a?b".into(), normal: "/a".into() });

    let full = (0..16).try_fold(new(), |health, _| health.ready_when(|| true)).unwrap();
    assert_eq!(full.ready_when(|| true).unwrap_err(), Error::TooManyChecks);
}

#[test]
fn error_texts_say_what_to_write() {
    insta::assert_snapshot!(new().path("a").unwrap_err(), @r#""a" does not begin with a slash: write the whole path, /…"#);
    insta::assert_snapshot!(new().path("/%68").unwrap_err(), @r#""/%68" is encoded: write it decoded, as in "/a b" for /a%20b"#);
    insta::assert_snapshot!(new().path("//a").unwrap_err(), @r#""//a" is not in normal form, no path is equal to it: write "/a""#);
    insta::assert_snapshot!(Error::TooManyChecks, @"there are 16 readiness checks already, which is the most: join some into one");
}

#[test]
fn it_is_shareable_and_printable() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    is_shareable(&new());
    let text = format!("{:?}", new().ready_when(|| true).unwrap());
    assert!(text.contains("/healthz") && text.contains("checks: 1"), "{text}");
}
