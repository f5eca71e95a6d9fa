use http::header::{HeaderName, ORIGIN};
use http::{HeaderValue, Method};
use parapet_core::{Middleware, Request, RequestExt};
use parapet_cors::{self as cors, Cors, Only};

use crate::support::{Answer, Lines, ask, next, request};

const OURS: Lines<'static> = &[("origin", "https://example.com")];
const FOREIGN: Lines<'static> = &[("origin", "https://evil.test")];

fn only() -> Cors<Only> {
    cors::allow_origins(["https://example.com"]).unwrap()
}

#[tokio::test]
async fn a_public_api_marks_every_response() {
    let marked = Answer::next(&["allow-origin: *"]);
    for fields in [OURS, FOREIGN, &[], &[OURS[0], FOREIGN[0]], &[("origin", "\u{e9}")]] {
        assert_eq!(ask(&cors::new(), Method::GET, fields).await, marked, "{fields:?}");
    }
    let answer = ask(&cors::new().expose_all(), Method::GET, &[]).await;
    assert_eq!(answer, Answer::next(&["allow-origin: *", "expose-headers: *"]));
}

#[tokio::test]
async fn an_allowed_origin_is_echoed_and_a_foreign_one_refused() {
    let x = ["x-custom", "x-other"].map(HeaderName::from_static);
    let layer = only().allow_credentials(true).expose_headers(x);
    let marked = Answer::next(&[
        "allow-credentials: true",
        "allow-origin: https://example.com",
        "expose-headers: X-Custom,X-Other",
        "vary: Origin",
    ]);
    for method in [Method::GET, Method::POST] {
        assert_eq!(ask(&layer, method.clone(), OURS).await, marked);
        assert_eq!(ask(&layer, method, FOREIGN).await, Answer::refused());
    }
    let websocket = [FOREIGN[0], ("connection", "upgrade"), ("upgrade", "websocket")];
    assert_eq!(ask(&layer, Method::GET, &websocket).await, Answer::refused());
    assert_eq!(ask(&layer, Method::GET, &[]).await, Answer::next(&["vary: Origin"]));
}

#[tokio::test]
async fn an_empty_list_lets_nobody_in_but_those_without_origin() {
    let layer = cors::allow_origins([""; 0]).unwrap();
    assert_eq!(ask(&layer, Method::GET, OURS).await, Answer::refused());
    assert_eq!(ask(&layer, Method::GET, &[]).await, Answer::next(&["vary: Origin"]));
}

#[tokio::test]
async fn a_function_judges_by_the_text_of_the_origin() {
    let layer = cors::allow_origin_fn(|origin, request| {
        assert_ne!(origin, "null");
        origin == "HTTPS://Example.com:443" && request.uri().path() == "/"
    });
    let sent = [("origin", "HTTPS://Example.com:443")];
    let answer = ask(&layer, Method::GET, &sent).await;
    let marked = Answer::next(&["allow-origin: HTTPS://Example.com:443", "vary: Origin"]);
    assert_eq!(answer, marked);
    assert_eq!(ask(&layer, Method::GET, OURS).await, Answer::refused());
    assert_eq!(ask(&layer, Method::GET, &[("origin", "null")]).await, Answer::refused());
}

#[tokio::test]
async fn null_is_let_in_only_if_so_set() {
    let null = &[("origin", "null")];
    let everybody = cors::allow_origin_fn(|_, _| true);
    assert_eq!(ask(&everybody, Method::GET, null).await, Answer::refused());
    let marked = Answer::next(&["allow-origin: null", "vary: Origin"]);
    assert_eq!(ask(&everybody.dangerous_allow_null(true), Method::GET, null).await, marked);
    assert_eq!(ask(&only().dangerous_allow_null(true), Method::GET, null).await, marked);
}

#[tokio::test]
async fn several_lines_and_other_bytes_are_foreign() {
    let layer = cors::allow_origin_fn(|_, _| true);
    for fields in [&[OURS[0], OURS[0]][..], &[("origin", "https://\u{e9}.test")]] {
        assert_eq!(ask(&layer, Method::GET, fields).await, Answer::refused());
        // Even if a page of the site might have sent it.
        let fields = [fields, &[("sec-fetch-site", "same-origin")]].concat();
        assert_eq!(ask(&layer, Method::GET, &fields).await, Answer::refused());
    }
}

const OWN_ANSWERS: Lines<'static> = &[
    ("access-control-allow-origin", "https://evil.test"),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-credentials", "true"),
    ("access-control-allow-unheard-of", "1"),
    ("access-control-expose-headers", "*"),
    ("access-control-max-age", "1"),
    ("vary", "Accept"),
];

#[tokio::test]
async fn there_is_one_answer_and_it_is_ours() {
    let handler = only().wrap(next(OWN_ANSWERS));
    let answer = Answer::of(handler.serve(request(Method::GET, OURS)).await).await;
    let ours = ["allow-origin: https://example.com", "vary: Accept", "vary: Origin"];
    assert_eq!(answer, Answer::next(&ours));
    // No Origin, and the site's own pages.
    let own = [FOREIGN[0], ("sec-fetch-site", "same-origin")];
    for fields in [&[][..], &own] {
        let answer = Answer::of(handler.serve(request(Method::GET, fields)).await).await;
        assert_eq!(answer, Answer::next(&["vary: Accept", "vary: Origin"]));
    }
    let handler = cors::new().wrap(next(OWN_ANSWERS));
    let answer = Answer::of(handler.serve(request(Method::GET, &[])).await).await;
    assert_eq!(answer, Answer::next(&["allow-origin: *", "vary: Accept"]));
}

#[tokio::test]
async fn a_next_that_answers_itself_can_be_left_alone() {
    let kept = [
        "allow-credentials: true",
        "allow-origin: *",
        "allow-origin: https://evil.test",
        "allow-unheard-of: 1",
        "expose-headers: *",
        "max-age: 1",
        "vary: Accept",
        "vary: Origin",
    ];
    let handler = only().keep_upstream(true).wrap(next(OWN_ANSWERS));
    let answer = Answer::of(handler.serve(request(Method::GET, OURS)).await).await;
    assert_eq!(answer, Answer::next(&kept));
    // One that says something, but not the one thing, does not answer.
    let half: Lines<'static> = &[("access-control-max-age", "1")];
    let handler = only().keep_upstream(true).wrap(next(half));
    let answer = Answer::of(handler.serve(request(Method::GET, OURS)).await).await;
    assert_eq!(answer, Answer::next(&["allow-origin: https://example.com", "vary: Origin"]));
}

#[tokio::test]
async fn vary_names_origin_once() {
    for (sent, expected) in [
        ("accept, ORIGIN", &["vary: accept, ORIGIN"][..]),
        ("*", &["vary: *"]),
        ("accept", &["vary: Origin", "vary: accept"]),
    ] {
        let handler = only().wrap(parapet_core::handler_fn(move |_| async move {
            let mut response = parapet_core::Response::new("next".into());
            response.headers_mut().insert("vary", HeaderValue::from_static(sent));
            response
        }));
        let answer = Answer::of(handler.serve(request(Method::GET, &[])).await).await;
        assert_eq!(answer, Answer::next(expected));
    }
}

#[tokio::test]
async fn next_sees_the_request_as_it_came() {
    let next = parapet_core::handler_fn(|request: Request| async move {
        assert_eq!(request.headers().get(ORIGIN).unwrap(), "https://example.com");
        assert!(request.authority().is_none());
        "next"
    });
    let response = only().wrap(next).serve(request(Method::GET, OURS)).await;
    assert_eq!(response.status(), 200);
}

#[test]
fn everything_public_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<Cors<Only>>();
    shared::<Cors<cors::Any>>();
    shared::<cors::Error>();
    shared::<cors::OriginReason>();
}
