use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_core::{Body, Request, ResponseError};
use parapet_upstream::{ConfigError, ConnectPolicy, Target, Upstream};

use crate::support::{Backend, request, serve};

const ALL: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";

fn with(method: &str, target: &str, name: &str, value: &[u8]) -> Request {
    let value = http::HeaderValue::from_bytes(value).unwrap();
    request(method, target).header(name, value).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn request_that_ends_here_is_never_sent() {
    let less_trace = ALL.strip_suffix(", TRACE").unwrap();
    for (request, status, allow, noted) in [
        (with("CONNECT", "client.example:443", "x", b""), 405, Some(ALL), false),
        (with("TRACE", "/", "max-forwards", b"0"), 405, Some(less_trace), false),
        (with("OPTIONS", "/", "max-forwards", b"0"), 204, Some(ALL), false),
        (with("GET", "/", "upgrade", b"\x80"), 400, None, true),
        (with("GET", "/", "upgrade", b"web socket"), 400, None, true),
    ] {
        let called = Arc::new(AtomicUsize::new(0));
        let hook = called.clone();
        let backend = Backend::ok();
        let upstream = backend.upstream().on_round_trip(move |_, _| {
            hook.fetch_add(1, Ordering::Relaxed);
        });
        let row = format!("{request:?}");
        let response = serve(&upstream, request).await;
        assert_eq!(response.status(), status, "{row}");
        let allowed = response.headers().get("allow").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, allow, "{row}");
        assert_eq!(response.extensions().get::<ResponseError>().is_some(), noted, "{row}");
        assert!(backend.seen().is_empty() && called.load(Ordering::Relaxed) == 0, "{row}");
    }
}

#[tokio::test]
async fn connect_is_forwarded_on_wish_and_other_answers_pass() {
    let backend = Backend::new(|_| Ok(crate::support::status(403)));
    let upstream = backend.upstream().connect(ConnectPolicy::Forward).host("x.example").unwrap();
    let request = with("CONNECT", "db.example:5432", "x", b"");
    assert_eq!(serve(&upstream, request).await.status(), 403);
    let seen = backend.only();
    assert_eq!(seen.head.uri, "db.example:5432");
    assert_eq!(seen.head.headers["host"], "client.example", "the two must not differ");
    // A 2xx needs the connections of both sides.
    let backend = Backend::ok();
    let upstream = backend.upstream().connect(ConnectPolicy::Forward).retries(0);
    let request = with("CONNECT", "db.example:5432", "x", b"");
    assert_eq!(serve(&upstream, request).await.status(), 502);
}

#[tokio::test]
async fn unrequested_101_is_a_502() {
    let backend = Backend::new(|_| {
        let mut response = crate::support::status(101);
        response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
        let (io, _) = tokio::io::duplex(8);
        let io = parapet_upstream::UpgradedUpstream::new(io, bytes::Bytes::new());
        response.extensions_mut().insert(io);
        Ok(response)
    });
    let response = serve(&backend.upstream().retries(0), crate::support::get("/")).await;
    assert_eq!(response.status(), 502);
    assert_eq!(response.extensions().get::<ResponseError>().unwrap().kind(), "protocol");
}

#[test]
fn bad_settings_are_errors_at_construction() {
    let upstream = || Backend::ok().upstream();
    for path in ["prefix", "", "/a#b", "/a b"] {
        assert!(matches!(upstream().path(path), Err(ConfigError::Path { .. })), "{path}");
    }
    for host in ["", "a b", "user@host", "http://host"] {
        assert!(matches!(upstream().host(host), Err(ConfigError::Host(_))), "{host}");
    }
    for host in ["", "app:", "user:secret@app", "::1:80"] {
        let target = Target::new(host, &Backend::ok());
        assert!(matches!(target, Err(ConfigError::Target { .. })), "{host}");
        assert!(Upstream::single_host(host, &Backend::ok()).is_err(), "{host}");
    }
}
