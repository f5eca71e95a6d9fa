use http::{Method, StatusCode};
use parapet_core::{Handler, Middleware};

use crate::route::{answering, request, routing};

async fn ask(handler: &Handler, method: &str, target: &str) -> String {
    let mut request = request(target);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    let response = handler.serve(request).await;
    if response.status() != StatusCode::OK {
        let allow = response.headers().get("allow").map_or("", |allow| allow.to_str().unwrap());
        return format!("{} {allow}", response.status().as_u16());
    }
    let body = response.into_body().collect(64).await.unwrap();
    String::from_utf8(body.data().to_vec()).unwrap()
}

const PATTERNS: &[&str] = &[
    "GET /x",
    "/x",
    "GET /get",
    "POST /get/sub",
    "HEAD /both",
    "GET /both",
    "DELETE /both",
    "PURGE /both/{rest...}",
    "GET /dir/{$}",
    "GET a.test/host",
    "PUT /host",
    "POST /{any}/latest",
    "GET /posts/{id}",
];

#[tokio::test]
async fn a_method_goes_before_none_and_get_serves_head() {
    for (allowing, not_allowed) in [(false, false), (true, true)] {
        let router = routing(PATTERNS).method_not_allowed(allowing).build().unwrap();
        let handler = router.wrap(answering("next"));
        let refused = |allow: &str| {
            if not_allowed { format!("405 {allow}") } else { "next".to_owned() }
        };
        for (method, target, expected) in [
            ("GET", "/x", "GET /x".to_owned()),
            ("HEAD", "/x", "GET /x".to_owned()),
            ("POST", "/x", "/x".to_owned()),
            ("get", "/x", "/x".to_owned()),
            ("HEAD", "/both", "HEAD /both".to_owned()),
            ("GET", "/both", "GET /both".to_owned()),
            ("PURGE", "/both/x", "PURGE /both/{rest...}".to_owned()),
            // The other method's deeper pattern does not hide the shorter one.
            ("GET", "/get/sub", "GET /get".to_owned()),
            ("POST", "/get/sub", "POST /get/sub".to_owned()),
            ("POST", "/get", refused("GET, HEAD")),
            ("PUT", "/get/sub", refused("GET, HEAD, POST")),
            ("POST", "/both", refused("DELETE, GET, HEAD")),
            ("POST", "/both/x", refused("DELETE, GET, HEAD, PURGE")),
            ("POST", "/dir/", refused("GET, HEAD")),
            ("PUT", "/dir/", refused("GET, HEAD")),
            ("POST", "http://a.test/host", refused("GET, HEAD, PUT")),
            ("POST", "/host", refused("PUT")),
            // Two patterns that overlap are no conflict if no request has both methods.
            ("POST", "/posts/latest", "POST /{any}/latest".to_owned()),
            ("GET", "/posts/latest", "GET /posts/{id}".to_owned()),
            ("GET", "/nothing", "next".to_owned()),
        ] {
            assert_eq!(ask(&handler, method, target).await, expected, "{method} {target}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_answered_as_plain_text() {
    let router = routing(&["GET /x"]).method_not_allowed(true).build().unwrap();
    let mut request = request("/x");
    *request.method_mut() = Method::POST;
    let response = router.wrap(answering("next")).serve(request).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.into_body().collect(64).await.unwrap().data(), "Method Not Allowed\n");
}
