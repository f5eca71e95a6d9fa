use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parapet_core::{Body, Middleware, Request, Response, Server, TrustProxy, handler_fn};
use parapet_headers as headers;
use parapet_testkit::Warnings;

use crate::support::{Lines, shown, through_response};

async fn fields(layer: impl Middleware, fields: Lines) -> Vec<String> {
    shown(through_response(layer, 200, fields).await.headers())
}

#[tokio::test]
async fn operations_act_on_all_lines_whatever_the_status() {
    let layer = || headers::set_response([("cache-control", "public, max-age=60")]).unwrap();
    for status in [200, 204, 301, 304, 401, 404, 502] {
        let response = through_response(layer(), status, &[("cache-control", "no-store")]).await;
        assert_eq!(shown(response.headers()), ["cache-control: public, max-age=60"], "{status}");
    }
    let layer = headers::delete_response(["Server", "x-goog-generation"]).unwrap();
    let origin = &[
        ("server", "a"),
        ("x-goog-generation", "1"),
        ("x-goog-generation", "2"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ];
    assert_eq!(fields(layer, origin).await, ["set-cookie: a=1", "set-cookie: b=2"]);
    let layer = headers::add_response([("x", "1"), ("x", "2")]).unwrap();
    assert_eq!(fields(layer, &[("x", "0")]).await, ["x: 0", "x: 1", "x: 2"]);
    let layer = headers::map_response("x", |value| format!("9{value}")).unwrap();
    assert_eq!(fields(layer.clone(), &[("x", "1"), ("x", "2")]).await, ["x: 91", "x: 92"]);
    assert!(fields(layer, &[]).await.is_empty());
    let evil = headers::map_response("x", |_| "1\r\nx-evil: 1".into()).unwrap();
    assert!(fields(evil, &[("x", "1")]).await.is_empty());
}

/// What nginx and Go send on as it is: a client's bytes that a map put into a field.
#[tokio::test]
async fn a_mapped_value_that_would_be_more_fields_is_left_out_with_one_warning() {
    let warnings = Warnings::new();
    let evil = headers::map_response("x", |value| format!("{value}\r\nx-evil: 1")).unwrap();
    for _ in 0..100 {
        assert!(fields(evil.clone(), &[("x", "1")]).await.is_empty());
    }
    assert_eq!(warnings.count(), 1);
}

/// A cache outside has to see what the origin said as well.
#[tokio::test]
async fn a_layer_outside_sees_the_line_that_was_added_and_that_of_the_origin() {
    let (tell, told) = std::sync::mpsc::channel();
    let cache = headers::intercept_response(move |view| tell.send(shown(view.headers())).unwrap());
    let stale = headers::add_response([("cache-control", "stale-while-revalidate=30")]).unwrap();
    let origin = &[("cache-control", "max-age=60")];
    let expected = ["cache-control: max-age=60", "cache-control: stale-while-revalidate=30"];
    assert_eq!(fields((cache, stale), origin).await, expected);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [expected.map(str::to_owned)]);
}

#[tokio::test]
async fn an_outer_layer_has_the_last_word() {
    let outer = headers::set_response([("x", "outer")]).unwrap();
    let inner = headers::set_response([("x", "inner")]).unwrap();
    assert_eq!(fields((outer, inner), &[("x", "origin")]).await, ["x: outer"]);
}

#[tokio::test]
async fn an_intercept_runs_once_with_the_final_status_and_leaves_framing_alone() {
    let layer = headers::intercept_response(|view| {
        assert_eq!(view.status(), 500);
        view.set_status(StatusCode::OK);
        view.set_status(StatusCode::EARLY_HINTS);
        view.headers_mut().insert("content-length", HeaderValue::from_static("1"));
        view.headers_mut().insert("x", HeaderValue::from_static("1"));
    });
    let response = through_response(layer, 500, &[]).await;
    assert_eq!(
        (response.status(), shown(response.headers())),
        (StatusCode::OK, vec!["x: 1".into()])
    );
    // The answer to HEAD says how long it would be.
    let layer = headers::intercept_response(|view| {
        view.headers_mut().insert("content-length", HeaderValue::from_static("5"));
    });
    let handler = layer.wrap(handler_fn(|_| async { Response::new(Body::empty()) }));
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::HEAD;
    let response = handler.serve(request).await;
    assert_eq!(shown(response.headers()), ["content-length: 5"]);
}

#[tokio::test]
async fn values_are_made_of_the_head() {
    let layer = headers::ResponseHeaders::default()
        .set_with("x-status", |head| HeaderValue::from_str(head.status.as_str()).ok())
        .unwrap()
        .add_with("x-none", |_| None)
        .unwrap()
        .set_if_absent([("x", "1")])
        .unwrap()
        .append_if_absent([("x", "0")])
        .unwrap()
        .delete_prefix("X-Goog-")
        .unwrap()
        .when(|head| head.status.is_success());
    let origin = &[("x", "0"), ("x-goog-a", "1")];
    assert_eq!(fields(layer.clone(), origin).await, ["x: 0", "x-status: 200"]);
    let response = through_response(layer, 404, origin).await;
    assert_eq!(shown(response.headers()), ["x: 0", "x-goog-a: 1"]);
}

#[tokio::test]
async fn connection_close_may_be_set() {
    let layer = headers::set_response([("Connection", "close")]).unwrap();
    assert_eq!(fields(layer, &[]).await, ["connection: close"]);
}

#[tokio::test]
async fn trailers_are_filtered_on_demand_and_the_known_length_stays() {
    let layer = headers::delete_response(["x-secret"]).unwrap();
    let layer = layer.map("x", |value| format!("9{value}")).unwrap();
    for (on, expected) in [(true, vec!["x: 91"]), (false, vec!["x: 1", "x-secret: 1"])] {
        let origin = handler_fn(|_| async {
            let (sender, body) = Body::channel(4);
            sender.data("hello").await.unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x", HeaderValue::from_static("1"));
            trailers.insert("x-secret", HeaderValue::from_static("1"));
            sender.trailers(trailers).await.unwrap();
            Response::new(body)
        });
        let handler = layer.clone().trailers(on).wrap(origin);
        let response = handler.serve(Request::new(Body::empty())).await;
        let body = response.into_body().collect(100).await.unwrap();
        assert_eq!(body.data(), "hello");
        assert_eq!(shown(body.trailers().unwrap()), expected);
        let full = handler_fn(|_| async { "hello" });
        let response =
            layer.clone().trailers(on).wrap(full).serve(Request::new(Body::empty())).await;
        assert_eq!(response.body().known_length(), Some(5));
    }
}

#[tokio::test]
async fn cookies_get_the_attributes_they_lack() {
    let rows = [
        ("a=1", "a=1; HttpOnly; SameSite=Lax"),
        ("a=1; httponly", "a=1; httponly; SameSite=Lax"),
        ("a=1; SameSite=None; Secure", "a=1; SameSite=None; Secure; HttpOnly"),
        ("secure=httponly", "secure=httponly; HttpOnly; SameSite=Lax"),
    ];
    for (sent, expected) in rows {
        let origin = handler_fn(move |_| async move {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert("set-cookie", HeaderValue::from_static(sent));
            response
        });
        let handler = headers::secure_cookies().wrap(origin);
        let response = handler.serve(Request::new(Body::empty())).await;
        assert_eq!(response.headers()["set-cookie"], expected);
    }
}

#[tokio::test]
async fn cookies_are_secure_where_the_client_speaks_https() {
    for (scheme, expected) in
        [("https", "a=1; Secure; HttpOnly; SameSite=Lax"), ("http", "a=1; HttpOnly; SameSite=Lax")]
    {
        let origin = handler_fn(|_| async {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert("set-cookie", HeaderValue::from_static("a=1"));
            response
        });
        let server = Server::new().trust_proxy(TrustProxy::dangerous_all());
        let server = server.with(headers::secure_cookies()).handler(origin);
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert("host", HeaderValue::from_static("a.test"));
        request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static(scheme));
        let response = server.into_handler().unwrap().serve(request).await;
        assert_eq!(response.headers()["set-cookie"], expected);
    }
}

/// `insert` and `append` of a full map panic.
#[tokio::test]
async fn a_full_map_is_left_as_it_is() {
    let mut full = HeaderMap::new();
    let mut number = 0;
    while let Ok(name) = HeaderName::try_from(format!("x-{number}"))
        && full.try_append(name, HeaderValue::from_static("1")).is_ok()
    {
        number += 1;
    }
    let next = full.clone();
    let origin = handler_fn(move |_| {
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = next.clone();
        async { response }
    });
    let response_layer = headers::set_response([("y", "1")])
        .unwrap()
        .add([("y", "2")])
        .unwrap()
        .set_if_absent([("y", "3")])
        .unwrap()
        .append_if_absent([("y", "4")])
        .unwrap()
        .set_with("y", |_| Some(HeaderValue::from_static("5")))
        .unwrap();
    let request_layer = headers::set_request([("y", "1")]).unwrap().add([("y", "2")]).unwrap();
    let layers = (request_layer, headers::forwarded(), headers::forwarded_host(), response_layer);
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = full;
    let response = layers.wrap(origin).serve(request).await;
    assert_eq!((response.headers().len(), response.headers().get("y")), (number, None));
    assert!(number > 20_000);
}

#[tokio::test]
async fn locations_lose_the_origins_address() {
    let layer = headers::rewrite_location("http://app:8080/", "/").unwrap();
    let origin = &[("location", "http://app:8080/x?y"), ("content-location", "http://other/")];
    assert_eq!(fields(layer, origin).await, ["location: /x?y", "content-location: http://other/"]);
}

/// An origin may repeat the path that its client asked for: to itself `//evil.test` is a path.
#[tokio::test]
async fn no_location_of_the_origins_own_becomes_one_of_another_host() {
    for (from, to, sent, expected) in [
        ("http://app:8080/", "/", "http://app:8080//evil.test/", "/evil.test/"),
        ("http://app:8080/", "/", "http://app:8080/\\evil.test/", "/evil.test/"),
        ("http://app:8080/", "/", "http://app:8080/\t/\t/evil.test/", "/evil.test/"),
        ("http://app:8080/", "/", "http://app:8080/a//b", "/a//b"),
        ("http://app:8080", "", "http://app:8080//evil.test/", "/evil.test/"),
        ("http://app:8080", "", "http://app:8080", ""),
        ("/internal", "", "/internal//evil.test", "/evil.test"),
        ("/internal", "/public", "/internal//x", "/public//x"),
        ("http://app", "https://a.test", "http://app//x", "https://a.test//x"),
        ("http://app", "https://a.test", "http://app?q", "https://a.test?q"),
        ("http://app/", "", "http://app/https://evil.test/", "./https://evil.test/"),
        ("http://app/", "//cdn.test/", "http://app/x", "//cdn.test/x"),
        // Another host than that of `from`, though it begins with it.
        ("http://app", "https://a.test", "http://app.evil.test/", "http://app.evil.test/"),
        ("http://app", "https://a.test", "http://app@evil.test/", "http://app@evil.test/"),
        ("http://app:80", "https://a.test", "http://app:8080/", "http://app:8080/"),
    ] {
        let origin = handler_fn(move |_| async move {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert("location", HeaderValue::from_static(sent));
            response
        });
        let handler = headers::rewrite_location(from, to).unwrap().wrap(origin);
        let response = handler.serve(Request::new(Body::empty())).await;
        assert_eq!(response.headers()["location"], expected, "{from} {to} {sent}");
    }
}
