use http::{Method, StatusCode};
use parapet_core::path::normal;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseError, handler_fn,
};
use parapet_stripprefix::StripPrefix;
use proptest::prelude::*;

/// Answers with what it sees: the target, and the original one in a field.
pub(crate) fn seeing() -> Handler {
    handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::from(request.uri().to_string()));
        let asked = request.original_target().as_str().parse().unwrap();
        response.headers_mut().insert("x-asked", asked);
        response
    })
}

pub(crate) fn request(target: &str) -> Request {
    http::Request::builder().uri(target).body(Body::empty()).unwrap()
}

pub(crate) async fn text(response: Response) -> String {
    let body = response.into_body().collect(1 << 16).await.unwrap();
    String::from_utf8(body.data().to_vec()).unwrap()
}

/// Requests to a layer for `/api`, and what next sees.
pub(crate) const ROWS: &[(&str, &str)] = &[
    ("/api", "/"),
    ("/api/", "/"),
    ("/api/x", "/x"),
    ("/api/x/", "/x/"),
    ("/apix", "/apix"),
    ("/api.", "/api."),
    ("/x/api", "/x/api"),
    ("/API/x", "/API/x"),
    // The rest keeps its bytes.
    ("/api/a%2Fb", "/a%2Fb"),
    ("/api/a%20b;c=1/+", "/a%20b;c=1/+"),
    ("/api/a//b", "/a//b"),
    ("/api/%2561", "/%2561"),
    // The prefix however it is spelled.
    ("/%61pi/x", "/x"),
    ("//api/x", "/x"),
    ("/%2Fapi/x", "/x"),
    ("/x/../api/y", "/y"),
    ("/api/./y", "/y"),
    ("/%2561pi/x", "/%2561pi/x"),
    // An encoded slash at the cut becomes the leading one, and only one leads.
    ("/api%2Fx", "/x"),
    ("/api%5Cx", "/x"),
    ("/api//evil.test", "/evil.test"),
    ("/api/%2Fevil.test", "/evil.test"),
    ("/api/%5Cevil.test", "/evil.test"),
    // Dot segments go before the prefix is looked at.
    ("/api/x/../y", "/y"),
    ("/api/x/..%2f..%2Fapi/%79", "/%79"),
    // The query is not looked at.
    ("/api?q=%20", "/?q=%20"),
    ("/api/x?q=%20&r=/../%2F", "/x?q=%20&r=/../%2F"),
    ("/x?/api", "/x?/api"),
];

#[tokio::test]
async fn the_prefix_is_cut_at_a_segment_and_the_rest_keeps_its_bytes() {
    for prefix in ["/api", "/api/"] {
        let handler = StripPrefix::new(prefix).unwrap().wrap(seeing());
        for (target, expected) in ROWS {
            let response = handler.serve(request(target)).await;
            assert_eq!(response.headers()["x-asked"], target, "the original target stays");
            assert_eq!(text(response).await, *expected, "{prefix} {target}");
        }
    }
    let handler = StripPrefix::new("/prefix").unwrap().wrap(seeing());
    assert_eq!(text(handler.serve(request("/prefix/path")).await).await, "/path");
    for (target, expected) in
        [("/api/x?", "/x?"), ("/api/../x", "/api/../x"), ("/api/..", "/api/..")]
    {
        let handler = StripPrefix::new("/api").unwrap().wrap(seeing());
        assert_eq!(text(handler.serve(request(target)).await).await, expected, "{target}");
    }
    let deep = StripPrefix::new("/a b/ü").unwrap().wrap(seeing());
    assert_eq!(text(deep.serve(request("/a%20b/%C3%BC/c")).await).await, "/c");
}

#[tokio::test]
async fn all_but_the_path_stays() {
    let handler = StripPrefix::new("/api").unwrap().wrap(handler_fn(|request: Request| async {
        let (parts, body) = request.into_parts();
        assert_eq!(parts.method, Method::POST);
        assert_eq!(parts.uri, "http://a.test:81/x?q=1");
        assert_eq!(parts.headers["x-field"], "1");
        assert_eq!(body.collect(8).await.unwrap().data(), "body");
        StatusCode::ACCEPTED
    }));
    let request = http::Request::post("http://a.test:81/api/x?q=1").header("x-field", "1");
    let response = handler.serve(request.body(Body::from("body")).unwrap()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_request_without_the_prefix_is_answered_only_where_it_is_required() {
    let required = StripPrefix::new("/api").unwrap().required(true).wrap(seeing());
    let response = required.serve(request("/apix")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response).await, "404 page not found\n");
    assert_eq!(text(required.serve(request("/api/x")).await).await, "/x");

    let handler = StripPrefix::new("/api").unwrap().wrap(seeing());
    assert_eq!(text(handler.serve(request("/apix")).await).await, "/apix");
}

#[tokio::test]
async fn a_refused_path_is_answered() {
    let handler = StripPrefix::new("/api").unwrap().wrap(seeing());
    for (target, kind) in [
        ("/api/%zz", "malformed_escape"),
        ("/other%00", "nul"),
        ("/api/..;/x", "hidden_dot_segment"),
        ("/api/..%5cx", "hidden_dot_segment"),
        ("/%c0%ae%c0%ae/api", "overlong"),
    ] {
        let response = handler.serve(request(target)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
        let note = response.extensions().get::<ResponseError>().unwrap();
        assert_eq!((note.source(), note.kind()), ("stripprefix", kind), "{target}");
        assert_eq!(text(response).await, "Bad Request\n");
    }
}

#[tokio::test]
async fn a_request_without_path_goes_to_next() {
    let handler = StripPrefix::new("/api").unwrap().required(true).wrap(seeing());
    for (method, target) in [(Method::OPTIONS, "*"), (Method::CONNECT, "a.test:443")] {
        let request = http::Request::builder().method(method).uri(target);
        let response = handler.serve(request.body(Body::empty()).unwrap()).await;
        assert_eq!(text(response).await, target);
    }
}

/// The prefix taken off `path`, both in normal form; `None`: it is not there.
fn expected(path: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    match path.strip_prefix(prefix)? {
        [] => Some(b"/".to_vec()),
        rest @ [b'/', ..] => Some(rest.to_vec()),
        _ => None,
    }
}

proptest! {
    #[test]
    fn the_normal_path_behind_is_the_normal_path_before_less_the_prefix(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("/"), Just("%2F"), Just("%5c"), Just("."), Just(".."), Just("%2e"), Just("a"),
                Just("%61"), Just("b"), Just("a/b"), Just("/a"), Just("%C3%BC"), Just(";"), Just("%25"),
            ],
            0..10,
        ),
        prefix in prop_oneof![Just("/a"), Just("/a/b"), Just("/b/"), Just("/a/a")],
    ) {
        let target = format!("/{}", pieces.concat());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handler = StripPrefix::new(prefix).unwrap().wrap(seeing());
        let response = runtime.block_on(handler.serve(request(&target)));
        let Ok(before) = normal(target.as_bytes()) else {
            prop_assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            return Ok(());
        };
        let after = runtime.block_on(text(response));
        if let Some(expected) = expected(&before, prefix.trim_end_matches('/').as_bytes()) {
            prop_assert_eq!(normal(after.as_bytes()).unwrap().into_owned(), expected);
            prop_assert!(!after.starts_with("//"));
            let lower = after.to_ascii_lowercase();
            prop_assert!(!lower.starts_with("/%2f") && !lower.starts_with("/%5c"));
        } else {
            prop_assert_eq!(after, target);
        }
    }
}
