use http::{Method, StatusCode};
use parapet_core::{Handler, Middleware};
use parapet_router::RouterBuilder;
use parapet_stripprefix::StripPrefix;

use crate::route::{answering, request, routing};

/// Status and `Location` (empty: none) of the answer.
async fn ask(handler: &Handler, method: Method, target: &str) -> (u16, String) {
    let mut request = request(target);
    *request.method_mut() = method;
    let response = handler.serve(request).await;
    let location = response.headers().get("location");
    let location = location.map_or("", |location| location.to_str().unwrap()).to_owned();
    if !location.is_empty() {
        assert_eq!(response.headers()["content-length"], "0");
        assert!(response.body().is_end_stream());
    }
    (response.status().as_u16(), location)
}

fn wrap(builder: RouterBuilder) -> Handler {
    builder.build().unwrap().wrap(answering("next"))
}

#[tokio::test]
async fn a_path_that_only_has_a_subtree_is_redirected_to_it() {
    let handler =
        wrap(routing(&["/a", "/b/", "/a/b/", "/c d/", "/x:y/", "/r/{rest...}", "/e/{$}"]));
    for (target, location) in [
        ("/b", "b/"),
        ("/b?q=1", "b/?q=1"),
        ("/b?", "b/?"),
        ("//b", "b/"),
        ("/x/../b", "b/"),
        ("/%62", "%62/"),
        ("/a/b?x={|}", "b/?x=%7B%7C%7D"),
        ("/a%2Fb", "a%2Fb/"),
        ("/x/..%2Fa%2fb", "b/"),
        ("/c%20d", "c%20d/"),
        ("/x:y", "./x:y/"),
        ("/r", "r/"),
        ("/e", "e/"),
    ] {
        let expected = (301, location.to_owned());
        assert_eq!(ask(&handler, Method::GET, target).await, expected, "{target}");
        assert_eq!(ask(&handler, Method::HEAD, target).await, expected, "{target}");
        let expected = (308, location.to_owned());
        assert_eq!(ask(&handler, Method::POST, target).await, expected, "{target}");
    }
    for target in ["/b/", "/b/x", "/a", "/c", "/"] {
        let answer = ask(&handler, Method::GET, target).await;
        assert_eq!(answer, (200, String::new()), "{target}");
    }
}

#[tokio::test]
async fn only_a_shorter_subtree_gives_way_to_the_redirect() {
    for (patterns, redirected) in [
        (&["/", "/b/"][..], true),
        (&["/{x...}", "/b/"], true),
        (&["/{x}", "/b/"], false),
        (&["/b", "/b/"], false),
        (&["a.test/", "/b/"], false), // the host's own root would take `/b/` too
        (&["a.test/b/", "/"], true),
        (&["POST /b/", "/"], false),
        (&["GET /b/", "POST /b"], true),
    ] {
        let handler = wrap(routing(patterns));
        let (status, location) = ask(&handler, Method::GET, "http://a.test/b").await;
        let expected = if redirected { (301, "b/") } else { (200, "") };
        assert_eq!((status, location.as_str()), expected, "{patterns:?}");
    }
}

#[tokio::test]
async fn the_redirect_can_be_switched_off() {
    let handler = wrap(routing(&["/b/"]).redirect_slash(false));
    assert_eq!(ask(&handler, Method::GET, "/b").await, (StatusCode::OK.as_u16(), String::new()));
    let handler = wrap(routing(&["/b/"]).redirect_slash(false).method_not_allowed(true));
    assert_eq!(ask(&handler, Method::GET, "/b").await, (200, String::new()));
}

#[tokio::test]
async fn it_is_right_behind_a_prefix_that_was_taken_off() {
    let router = routing(&["/b/"]).build().unwrap();
    let handler = (StripPrefix::new("/api").unwrap(), router).wrap(answering("next"));
    // Relative to `/api/b`, so to `/api/b/`.
    assert_eq!(ask(&handler, Method::GET, "/api/b?q").await, (301, "b/?q".to_owned()));
}
