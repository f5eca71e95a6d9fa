use parapet_core::{Handler, Middleware, Request, RequestExt, handler_fn};
use parapet_host::{strip_port, to_lower};

use crate::host::request;

/// What a handler behind `layer` sees as authority and as `Host`.
async fn check(layer: impl Middleware, authority: &str, expected: &str) {
    let seen: Handler = handler_fn(|request: Request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        format!("{} {host}", request.authority().unwrap())
    });
    let response = layer.wrap(seen).serve(request(authority)).await;
    let body = response.into_body().collect(256).await.unwrap();
    assert_eq!(body.data(), format!("{expected} {expected}").as_bytes(), "{authority}");
}

#[tokio::test]
async fn the_port_is_cut_off_the_authority_and_of_host() {
    for (authority, expected) in [
        ("host:8080", "host"),
        ("host.local:443", "host.local"),
        ("example.com", "example.com"),
        ("[::1]:8080", "[::1]"),
        ("[::1]", "[::1]"),
    ] {
        check(strip_port(), authority, expected).await;
    }
}

#[tokio::test]
async fn the_authority_and_host_are_lowered() {
    for (authority, expected) in [
        ("HOST.local:443", "host.local:443"),
        ("host.local", "host.local"),
        ("[FD00::A]:1", "[fd00::a]:1"),
    ] {
        check(to_lower(), authority, expected).await;
    }
}

#[tokio::test]
async fn both_go_together_and_a_request_without_authority_passes() {
    check((strip_port(), to_lower()), "HOST.local:443", "host.local").await;
    let handler = (strip_port(), to_lower()).wrap(handler_fn(|request: Request| async move {
        assert!(request.authority().is_none());
        "seen"
    }));
    assert_eq!(handler.serve(request("")).await.status(), http::StatusCode::OK);
}
