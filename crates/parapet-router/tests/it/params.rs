use parapet_core::{Middleware, Request, handler_fn};
use parapet_router::{PathParams, Router};

use crate::route::request;

/// What the route of `pattern` finds under each of `names`.
async fn values(
    pattern: &str,
    target: &str,
    names: &'static [&'static str],
) -> Vec<Option<String>> {
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::builder()
        .handle(
            pattern,
            handler_fn(move |request: Request| {
                let params = request.extensions().get::<PathParams>();
                let value =
                    |name: &&str| params.and_then(|params| params.get(name)).map(str::to_owned);
                sender.send(names.iter().map(value).collect::<Vec<_>>()).unwrap();
                async { "" }
            }),
        )
        .build()
        .unwrap();
    let handler = router.wrap(handler_fn(|_| async { "next" }));
    handler.serve(request(target)).await;
    seen.recv().await.unwrap()
}

#[tokio::test]
async fn names_stand_for_decoded_segments() {
    let long = "x".repeat(200);
    for (pattern, target, names, expected) in [
        (
            "/u/{id}/posts/{rest...}",
            "/u/a%20b/posts/1/2",
            &["id", "rest", "other"][..],
            &[Some("a b"), Some("1/2"), None][..],
        ),
        ("/u/{id}/posts/{rest...}", "//u/./7/posts/", &["id", "rest"], &[Some("7"), Some("")]),
        ("/u/{id}/posts/{rest...}", "/u/7/posts/1/2/", &["rest"], &[Some("1/2/")]),
        ("/{a}/{b}", "/x/y/z", &["a", "b"], &[Some("x"), Some("y")]),
        ("/{a}/lit/{b}/", "/x/lit/y/z", &["b", "a"], &[Some("y"), Some("x")]),
        ("/{rest...}", "/", &["rest"], &[Some("")]),
        ("/{a_1}", "/%C3%BC", &["a_1"], &[Some("ü")]),
        // No UTF-8: the bytes that are none are told as such.
        ("/{a}/{b}", "/x%ffy/%c3", &["a", "b"], &[Some("x\u{fffd}y"), Some("\u{fffd}")]),
        ("/{a}", &format!("/{long}"), &["a"], &[Some(&long)]),
        // A pattern without names leaves no parameters.
        ("/plain", "/plain", &["a"], &[None]),
    ] {
        let found = values(pattern, target, names).await;
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, expected, "{pattern} {target}");
    }
}

#[tokio::test]
async fn a_router_inside_a_route_puts_its_own_in_the_place() {
    let tell = handler_fn(|request: Request| async move {
        format!("{:?}", request.extensions().get::<PathParams>().unwrap())
    });
    let inner = Router::builder().handle("/{a}/{b}", tell.clone()).build().unwrap();
    let router = Router::builder()
        .handle("/{site}", (inner, tell))
        .build()
        .unwrap()
        .wrap(handler_fn(|_| async { "next" }));
    for (target, expected) in [("/x/y", r#"{"a": "x", "b": "y"}"#), ("/x", r#"{"site": "x"}"#)] {
        let body = router.serve(request(target)).await.into_body().collect(64).await.unwrap();
        assert_eq!(body.data(), expected, "{target}");
    }
}
