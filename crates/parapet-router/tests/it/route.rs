use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use http::{HeaderValue, Method, StatusCode, Uri};
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseError, from_fn, handler_fn,
    handler_fn_with,
};
use parapet_router::{Router, RouterBuilder};
use proptest::prelude::*;

/// A handler that answers with its name, the route note and the raw target that it finds.
pub(crate) fn answering(name: &'static str) -> Handler {
    handler_fn(move |request: Request| async move {
        let mut response = Response::new(Body::full(name));
        if let Some(route) = request.route() {
            response.headers_mut().insert("x-route", HeaderValue::from_str(route).unwrap());
        }
        let raw = HeaderValue::from_str(&request.uri().to_string()).unwrap();
        response.headers_mut().insert("x-raw", raw);
        response
    })
}

/// A GET for `target`; `*` is OPTIONS, an authority with port CONNECT.
pub(crate) fn request(target: &str) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = target.parse::<Uri>().unwrap();
    *request.method_mut() = match target {
        "*" => Method::OPTIONS,
        _ if !target.contains('/') => Method::CONNECT,
        _ => Method::GET,
    };
    request
}

/// Who answered, and the note that was set; the status for what no handler answered.
pub(crate) async fn ask(handler: &Handler, target: &str) -> (String, Option<String>) {
    let response = handler.serve(request(target)).await;
    if response.status() != StatusCode::OK {
        return (response.status().as_str().to_owned(), None);
    }
    assert_eq!(response.headers()["x-raw"], target, "what goes on is the client's spelling");
    let note = response.headers().get("x-route");
    let note = note.map(|route| String::from_utf8(route.as_bytes().to_vec()).unwrap());
    let body = response.into_body().collect(256).await.unwrap().into_data();
    (String::from_utf8(body.to_vec()).unwrap(), note)
}

/// A router whose routes answer with their patterns, and `next` behind it.
pub(crate) fn routing(patterns: &[&'static str]) -> RouterBuilder {
    patterns
        .iter()
        .fold(Router::builder(), |builder, pattern| builder.handle(pattern, answering(pattern)))
}

/// Checks who answers for each target, for the patterns in the order given and in reverse.
pub(crate) async fn check(patterns: &[&'static str], rows: &[(&str, &str)]) {
    let mut patterns = patterns.to_vec();
    for _ in 0..2 {
        let handler = routing(&patterns).build().unwrap().wrap(answering("next"));
        for (target, expected) in rows {
            assert_eq!(ask(&handler, target).await.0, *expected, "{target} in {patterns:?}");
        }
        patterns.reverse();
    }
}

#[tokio::test]
async fn a_path_serves_itself_and_its_subtree_one_with_a_slash_the_subtree_only() {
    check(
        &["/a", "/b/"],
        &[
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/sub", "/a"),
            ("/a?q=1", "/a"),
            ("/ab", "next"),
            ("/A", "next"),
            ("/b/", "/b/"),
            ("/b/sub", "/b/"),
            ("/b", "301"),
            ("/c", "next"),
            ("/", "next"),
        ],
    )
    .await;
    // Both: the one without slash serves itself alone.
    check(&["/a", "/a/"], &[("/a", "/a"), ("/a/", "/a/"), ("/a/x", "/a/"), ("/b", "next")]).await;
    check(&["/a", "/a/{rest...}"], &[("/a", "/a"), ("/a/", "/a/{rest...}")]).await;
}

#[tokio::test]
async fn the_root_takes_everything_and_replaces_falling_through() {
    check(
        &["/", "/a"],
        &[
            ("/anything", "/"),
            ("/", "/"),
            ("/any/thing/", "/"),
            ("/a/x", "/a"),
            ("*", "next"),
            ("a.test:443", "next"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_end_takes_the_slash_alone() {
    check(
        &["/x/{$}"],
        &[
            ("/x/", "/x/{$}"),
            ("/x/.", "/x/{$}"),
            ("/x/y", "next"),
            ("/x/y/", "next"),
            ("/x", "301"),
        ],
    )
    .await;
}

#[test]
fn an_empty_router_is_no_layer() {
    let next = answering("next");
    assert!(Router::builder().build().unwrap().wrap(next.clone()).is_same(&next));
    assert!(!routing(&["/a"]).build().unwrap().wrap(next.clone()).is_same(&next));
}

#[tokio::test]
async fn the_most_specific_pattern_wins_whatever_the_order() {
    check(
        &[
            "/",
            "/{$}",
            "/files/",
            "/files/{name}",
            "/files/{name}/raw",
            "/files/new",
            "/files/new/{$}",
            "/a b/ü",
            "/deep/{a}/{b}/x",
            "/deep/{a}/lit/x",
            "/deep/one/lit/x",
        ],
        &[
            ("/", "/{$}"),
            ("/x", "/"),
            ("/files/", "/files/"),
            ("/files/x", "/files/{name}"),
            ("/files/x/", "/files/{name}"),
            ("/files/x/y", "/files/{name}"),
            ("/files/x/raw", "/files/{name}/raw"),
            ("/files/x/raw/y", "/files/{name}/raw"),
            ("/files/new", "/files/new"),
            ("/files/new/", "/files/new/{$}"),
            ("/files/new/x", "/files/new"),
            // A literal goes before a name also where it is but the subtree below it.
            ("/files/new/raw", "/files/new"),
            ("/a%20b/%C3%BC/x", "/a b/ü"),
            ("/deep/two/lit/x", "/deep/{a}/lit/x"),
            ("/deep/two/lot/x", "/deep/{a}/{b}/x"),
            ("/deep/one/lit/x", "/deep/one/lit/x"),
            // A literal that leads nowhere does not hide a name.
            ("/deep/one/lot/x", "/deep/{a}/{b}/x"),
            ("/deep/one/lit/y", "/"),
            ("/deep/one", "/"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_host_goes_before_none_in_any_spelling() {
    check(
        &["a.test/x", "/x", "/y", "a.test/y/deep", "10.0.0.1/x", "[::1]/x", "B.test./"],
        &[
            ("http://a.test/x", "a.test/x"),
            ("http://A.Test.:8080/x/y", "a.test/x"),
            ("http://www.a.test/x", "/x"),
            ("http://b.test/x", "B.test./"),
            ("http://10.0.0.1:80/x", "10.0.0.1/x"),
            ("http://[0:0::1]/x", "[::1]/x"),
            ("http://[::2]/x", "/x"),
            ("/x", "/x"),
            // What the host has no route for goes to those of any host.
            ("http://a.test/y", "/y"),
            ("http://a.test/y/deep", "a.test/y/deep"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_path_that_is_not_normal_is_matched_as_it_is_and_goes_on_as_it_came() {
    check(
        &["/a/b"],
        &[
            ("//a//b", "/a/b"),
            ("/x/../a/b", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%5Cb", "/a/b"),
            ("/%61/b", "/a/b"),
            ("//c//d", "next"),
            ("/a%252Fb", "next"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_note_is_the_path_of_the_pattern_and_a_route_falls_through_to_next() {
    let router = Router::builder()
        .handle("GET a.test/a", |next: Handler| next)
        .handle("/u/{id}", answering("user"))
        .handle("/", answering("root"))
        .build()
        .unwrap();
    let handler = router.wrap(answering("next"));
    let note = |route: &str| Some(route.to_owned());
    assert_eq!(ask(&handler, "http://a.test/a/x").await, ("next".into(), note("/a")));
    assert_eq!(ask(&handler, "/u/7").await, ("user".into(), note("/u/{id}")));
    let lone = routing(&["/a"]).build().unwrap().wrap(answering("next"));
    assert_eq!(ask(&lone, "/b").await, ("next".into(), None));
}

#[tokio::test]
async fn a_refused_path_is_answered_unless_it_is_to_pass() {
    let handler = routing(&["/"]).build().unwrap().wrap(answering("next"));
    let passing = routing(&["/"]).dangerous_pass_bad_paths(true).build().unwrap();
    let passing = passing.wrap(answering("next"));
    for (target, kind) in [
        ("/x%zz", "malformed_escape"),
        ("/x%00", "nul"),
        ("/a/..;/b", "hidden_dot_segment"),
        ("/a/..%5cb", "hidden_dot_segment"),
        ("/%c0%ae%c0%ae/x", "overlong"),
    ] {
        let response = handler.serve(request(target)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
        let note = response.extensions().get::<ResponseError>().unwrap();
        assert_eq!((note.source(), note.kind()), ("router", kind), "{target}");
        assert_eq!(ask(&passing, target).await.0, "next", "{target}");
    }
}

#[tokio::test]
async fn a_route_may_be_any_middleware_and_wrap_next() {
    let stamp = from_fn(|request, next| async move {
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-stamp", HeaderValue::from_static("1"));
        response
    });
    let router = Router::builder().handle("/a", stamp).build().unwrap();
    let handler = router.wrap(answering("next"));
    for (target, stamped) in [("/a", true), ("/b", false)] {
        let response = handler.serve(request(target)).await;
        assert_eq!(response.headers().contains_key("x-stamp"), stamped, "{target}");
    }
}

#[tokio::test]
async fn a_table_is_replaced_while_serving() {
    let (layer, live) = routing(&["/a"]).build().unwrap().live();
    let handler = layer.wrap(answering("next"));
    assert_eq!(ask(&handler, "/a").await.0, "/a");
    live.replace(routing(&["/b"]).build().unwrap());
    assert_eq!(ask(&handler, "/a").await.0, "next");
    assert_eq!(ask(&handler, "/b").await.0, "/b");
    live.replace(Router::builder().build().unwrap());
    assert_eq!(ask(&handler, "/b").await.0, "next");
}

#[tokio::test]
async fn a_request_in_flight_finishes_on_the_table_it_started_with_which_is_then_freed() {
    let table = Arc::new("old");
    let alive = Arc::downgrade(&table);
    let slow = handler_fn_with(table, |table, _| async move {
        tokio::task::yield_now().await;
        *table
    });
    let (layer, live) = Router::builder().handle("/a", slow).build().unwrap().live();
    let handler = layer.wrap(answering("next"));
    let mut in_flight = handler.serve(request("/a"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut in_flight).poll(&mut cx).is_pending());
    live.replace(Router::builder().handle("/a", answering("new")).build().unwrap());
    assert_eq!(ask(&handler, "/a").await.0, "new");
    assert!(alive.strong_count() > 0);
    let body = in_flight.await.into_body().collect(8).await.unwrap();
    assert_eq!(body.data(), "old");
    assert_eq!(alive.strong_count(), 0, "the old table is gone with its last request");
}

#[test]
fn it_can_be_shared_and_printed() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let router = routing(&["/a", "GET a.test/b"]).build().unwrap();
    is_shareable(&router);
    assert!(format!("{router:?}").contains("GET a.test/b"));
    assert!(format!("{:?}", routing(&["/a"])).contains("/a"));
}

/// Whether `pattern` (a path of literals and `{x}`) matches the normal path `path`, and its rank against others that do:
/// the slow, obvious way.
fn matches(pattern: &str, path: &str) -> Option<Vec<u8>> {
    let segments = |text: &str| text.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
    let (mut wanted, given) = (segments(pattern), segments(path));
    let subtree_only = wanted.last().is_some_and(String::is_empty);
    if subtree_only {
        wanted.pop();
    }
    if given.len() < wanted.len() + usize::from(subtree_only) {
        return None;
    }
    let mut rank = Vec::new();
    for (wanted, given) in wanted.iter().zip(&given) {
        match wanted.starts_with('{') {
            true if !given.is_empty() => rank.push(1),
            false if wanted == given => rank.push(2),
            _ => return None,
        }
    }
    if given.len() == wanted.len() {
        rank.push(2);
    } else if subtree_only {
        rank.push(1);
    } else {
        rank.push(0);
    }
    Some(rank)
}

proptest! {
    #[test]
    fn the_winner_is_that_of_a_walk_over_all_patterns(
        patterns in proptest::collection::hash_set("(/(a|b|\\{x\\})){0,3}/?", 1..12),
        paths in proptest::collection::vec("(/(a|b|c)){0,4}/?", 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut accepted: Vec<&'static str> = Vec::new();
        for pattern in patterns {
            // Names have to differ within a pattern, and conflicts are another test's.
            let mut names = ["{x}", "{y}", "{z}"].into_iter();
            let pattern: String = pattern
                .split("{x}")
                .enumerate()
                .map(|(at, text)| if at == 0 { text.into() } else { names.next().unwrap().to_owned() + text })
                .collect();
            if pattern.is_empty() {
                continue;
            }
            accepted.push(pattern.leak());
            if routing(&accepted).build().is_err() {
                accepted.pop();
            }
        }
        let handler = routing(&accepted).redirect_slash(false).build().unwrap().wrap(answering("next"));
        for path in paths.iter().filter(|path| path.starts_with('/')) {
            let winner = accepted
                .iter()
                .filter_map(|pattern| Some((matches(pattern, path)?, *pattern)))
                .max()
                .map_or("next", |(_, pattern)| pattern);
            prop_assert_eq!(runtime.block_on(ask(&handler, path)).0, winner, "{} in {:?}", path, accepted);
        }
    }
}
