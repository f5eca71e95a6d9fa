use http::{HeaderValue, Method, StatusCode, Uri};
use parapet_core::{
    Body, Chain, Handler, Middleware, Request, RequestExt, Response, from_fn, handler_fn,
};
use parapet_location::{Error, Location, PathMatcher, exact, prefix, regexp};

/// A handler that answers with its name, the route note and the raw path that it finds.
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

/// A GET for `path`; `*` is OPTIONS, an authority with port CONNECT.
pub(crate) fn request(path: &str) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse::<Uri>().unwrap();
    *request.method_mut() = match path {
        "*" => Method::OPTIONS,
        _ if !path.starts_with('/') => Method::CONNECT,
        _ => Method::GET,
    };
    request
}

/// Who answered, and the note that was set; `400` for a refusal.
pub(crate) async fn ask(handler: &Handler, path: &str) -> (String, Option<String>) {
    let response = handler.serve(request(path)).await;
    if response.status() != StatusCode::OK {
        return (response.status().as_str().to_owned(), None);
    }
    assert_eq!(response.headers()["x-raw"], path, "what goes on is the client's spelling");
    let note = response.headers().get("x-route").map(|route| route.to_str().unwrap().to_owned());
    let body = response.into_body().collect(64).await.unwrap().into_data();
    (String::from_utf8(body.to_vec()).unwrap(), note)
}

type Make = fn(&str) -> Result<Location, Error>;
type MakeMatcher = fn(&str) -> Result<PathMatcher, Error>;

const EXACT: (Make, MakeMatcher) = (exact, PathMatcher::exact);
const PREFIX: (Make, MakeMatcher) = (prefix, PathMatcher::prefix);
const REGEXP: (Make, MakeMatcher) = (regexp, PathMatcher::regexp);

#[tokio::test]
async fn patterns_match_the_normal_path() {
    for ((make, make_matcher), pattern, yes, no) in [
        (
            EXACT,
            "/path1",
            &["/path1", "/path1?q", "//path1", "/%70ath1"][..],
            &["/path", "/path1/"][..],
        ),
        (EXACT, "/", &["/", "//", "/.", "/a/.."], &["/a", "*", "a.test:443"]),
        (
            PREFIX,
            "/path1",
            &["/path1", "/path1/", "/path1/sub"],
            &["/path123", "/path1_x", "/path2", "/PATH1", "/"],
        ),
        (PREFIX, "/path1/", &["/path1/", "/path1/123", "/path1/."], &["/path1", "/path12/"]),
        (PREFIX, "/", &["/", "/a", "//"], &["*", "a.test:443"]),
        (PREFIX, "", &["/", "/a", "*", "a.test:443", "/x/..;/y", "/%00"], &[]),
        (PREFIX, "/a b", &["/a%20b", "/a%20b/c"], &["/a+b", "/a%2520b"]),
        (PREFIX, "/ü", &["/%C3%BC", "/%c3%bc/x"], &["/%fc", "/u"]),
        (
            REGEXP,
            r"^/path/\d+$",
            &["/path/123", "/path/%31"],
            &["/path2", "/path/%E0%B9%91", "/path/"],
        ),
        (REGEXP, "(?i)^/API", &["/api/x", "/Api"], &["/x/api"]),
        (REGEXP, "(?u:^/\\w$)", &["/%C3%BC"], &["/%C3"]),
        (REGEXP, "^/(?-u:\\xff)$", &["/%FF"], &["/%C3%BF"]),
        (REGEXP, "q", &["/q"], &["/x?q=q", "*"]),
        (REGEXP, "", &["/path", "*", "a.test:443", "/%00"], &[]),
        (REGEXP, ".*", &["/", "/x"], &["*"]),
    ] {
        let handler = make(pattern).unwrap().with(answering("in")).wrap(answering("next"));
        let matcher = make_matcher(pattern).unwrap();
        let note = (!pattern.is_empty()).then(|| pattern.to_owned());
        for path in yes {
            // A note that is no field value is compared without it.
            if pattern.is_ascii() {
                assert_eq!(
                    ask(&handler, path).await,
                    ("in".into(), note.clone()),
                    "{pattern} {path}"
                );
            }
            assert!(matcher.is_match(&request(path)), "{pattern} {path}");
        }
        for path in no {
            assert_eq!(ask(&handler, path).await, ("next".into(), None), "{pattern} {path}");
            assert!(!matcher.is_match(&request(path)), "{pattern} {path}");
        }
    }
}

#[tokio::test]
async fn an_extended_connect_has_a_path() {
    let handler = prefix("/chat").unwrap().with(answering("in")).wrap(answering("next"));
    let mut request = request("/chat");
    *request.method_mut() = Method::CONNECT;
    let response = handler.serve(request).await;
    assert_eq!(response.headers()["x-route"], "/chat");
}

#[tokio::test]
async fn a_refused_path_is_answered_or_passed_when_that_is_asked_for() {
    let strict = prefix("/admin").unwrap().with(answering("in"));
    let lax = strict.clone().dangerous_pass_bad_paths(true).wrap(answering("next"));
    let strict = strict.wrap(answering("next"));
    for (path, kind) in [
        ("/admin%zz", "malformed_escape"),
        ("/admin%00", "nul"),
        ("/x/..;/admin", "hidden_dot_segment"),
        ("/%c0%ae%c0%ae/admin", "overlong"),
    ] {
        let response = strict.serve(request(path)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let note = response.extensions().get::<parapet_core::ResponseError>().unwrap();
        assert_eq!((note.source(), note.kind()), ("location", kind), "{path}");
        let body = response.into_body().collect(64).await.unwrap();
        assert_eq!(body.data(), "Bad Request\n");

        assert_eq!(ask(&lax, path).await.0, "next", "{path}");
        assert!(!PathMatcher::prefix("/admin").unwrap().is_match(&request(path)), "{path}");
    }
}

#[tokio::test]
async fn path_parameters_are_ignored_when_asked() {
    let location = prefix("/admin").unwrap().with(answering("in"));
    let seen = location.clone().wrap(answering("next"));
    let ignored = location.ignore_path_params(true).wrap(answering("next"));
    for (path, as_seen, as_ignored) in [
        ("/admin;x=1/y", "next", "in"),
        ("/admin;x", "next", "in"),
        ("/;x/admin/y", "next", "in"),
        ("/x/;y/../admin", "next", "in"),
        ("/admin/y;x", "in", "in"),
        ("/adminx;y", "next", "next"),
        ("/x/..;/admin", "400", "400"),
    ] {
        assert_eq!(ask(&seen, path).await.0, as_seen, "{path}");
        assert_eq!(ask(&ignored, path).await.0, as_ignored, "{path}");
    }
}

#[tokio::test]
async fn what_falls_out_goes_on_unless_the_block_is_exclusive() {
    let stamp = || {
        from_fn(|request, next| async move {
            let mut response = next.run(request).await;
            response.headers_mut().insert("x-stamp", HeaderValue::from_static("1"));
            response
        })
    };
    for (pattern, path, stamped) in [("/a", "/a/b", true), ("/a", "/b", false), ("", "/b", true)] {
        for exclusive in [false, true] {
            let location = prefix(pattern).unwrap().with(stamp()).exclusive(exclusive);
            let response = location.wrap(answering("next")).serve(request(path)).await;
            let status = if exclusive && stamped { 404 } else { 200 };
            assert_eq!(response.status(), status, "{pattern:?} {path}");
            assert_eq!(response.headers().contains_key("x-stamp"), stamped, "{pattern:?} {path}");
        }
    }
}

#[tokio::test]
async fn assets_get_their_own_branch_by_extension() {
    let cached = from_fn(|request, next| async move {
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-cached", HeaderValue::from_static("1"));
        response
    });
    let assets = regexp(r"\.(js|css|svg|png|jp(e)?g|gif)$").unwrap();
    let assets = assets.with(cached).with(answering("first"));
    let handler = Chain::new().with(assets).wrap(answering("second"));
    for (path, branch) in [
        ("/a/b.PNG", "second"),
        ("/a/b.png?x=1", "first"),
        ("/a.png/b", "second"),
        ("/a.jpg", "first"),
    ] {
        let response = handler.serve(request(path)).await;
        assert_eq!(response.headers().contains_key("x-cached"), branch == "first", "{path}");
        assert_eq!(ask(&handler, path).await.0, branch, "{path}");
    }
}

#[test]
fn an_unconditional_location_is_its_inner_chain() {
    let next = answering("next");
    assert!(prefix("").unwrap().wrap(next.clone()).is_same(&next));
    let inner = answering("in");
    assert!(regexp("").unwrap().with(inner.clone()).wrap(next).is_same(&inner));
}

#[test]
fn everything_public_is_shareable_and_printable() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    is_shareable(&prefix("/a").unwrap());
    is_shareable(&PathMatcher::prefix("/a").unwrap());
    is_shareable(&parapet_location::Locations::builder().build().unwrap());
}
