//! What a path is, row by row, through the public functions and the accessor.

use parapet_core::path::{PathError, normal, resolve};
use parapet_core::{Body, RequestExt as _, ResponseError};

#[track_caller]
fn check(raw: &str, expected_normal: &str, expected_resolve: &str) {
    let got = normal(raw.as_bytes()).expect("a good path");
    assert_eq!(String::from_utf8_lossy(&got), expected_normal, "normal of {raw}");
    assert_eq!(resolve(raw).expect("a good path"), expected_resolve, "resolve of {raw}");
}

#[test]
fn each_spelling_of_a_path_has_one_normal_form() {
    for (raw, normal, resolve) in [
        ("/a/./b/../c", "/a/c", "/a/c"),
        ("/a/%2e/b/%2E%2e/c", "/a/c", "/a/c"),
        ("//admin", "/admin", "//admin"),
        ("/%2Fadmin", "/admin", "/%2Fadmin"),
        ("/admin//", "/admin/", "/admin//"),
        ("/public//../admin", "/admin", "/admin"),
        ("/public/a%2F..%2F..%2Fadmin", "/admin", "/admin"),
        ("/a%2Fb", "/a/b", "/a%2Fb"),
        ("/../../etc/passwd", "/etc/passwd", "/etc/passwd"),
        ("/%252e%252e/x", "/%2e%2e/x", "/%252e%252e/x"),
        ("/a/..", "/", "/"),
        ("/a/b/.", "/a/b/", "/a/b/"),
        ("/admin%5Cx", "/admin/x", "/admin%5Cx"),
        // Beside the table: what each rule says at its edge.
        ("", "/", "/"),
        ("*", "*", "*"),
        ("/", "/", "/"),
        ("/.", "/", "/"),
        ("/..", "/", "/"),
        ("/a/", "/a/", "/a/"),
        ("/a+b%2Bc", "/a+b+c", "/a+b%2Bc"),
        ("/A/a", "/A/a", "/A/a"),
        ("/...", "/...", "/..."),
        ("/a/.../b", "/a/.../b", "/a/.../b"),
        ("/.a/..b", "/.a/..b", "/.a/..b"),
        ("/a;x=1/b", "/a;x=1/b", "/a;x=1/b"),
        ("/a%3Fb%23c", "/a?b#c", "/a%3Fb%23c"),
        ("/a%20b/../c%20d", "/c d", "/c%20d"),
        ("/x%2Fy/./z%2fw", "/x/y/z/w", "/x/y/z/w"),
        ("/a//b/../c", "/a/c", "/a//c"),
        ("/a/.//b", "/a/b", "/a//b"),
        ("//../x", "/x", "/x"),
        ("a/b", "/a/b", "/a/b"),
        ("../a", "/a", "/a"),
        ("/%5C%5Cx", "/x", "/%5C%5Cx"),
    ] {
        check(raw, normal, resolve);
    }
    assert_eq!(*normal(b"/%ff").expect("bytes"), *b"/\xff", "the result need not be UTF-8");
}

#[test]
fn paths_that_servers_read_differently_are_refused_by_both() {
    use PathError::{HiddenDotSegment, MalformedEscape, Nul, Overlong};
    for (raw, error) in [
        ("/x%zz", MalformedEscape),
        ("/x%", MalformedEscape),
        ("/x%2", MalformedEscape),
        ("/x%00", Nul),
        ("/a/..;/b", HiddenDotSegment),
        ("/a/.;x=1/b", HiddenDotSegment),
        ("/a/%2e%2E;/b", HiddenDotSegment),
        ("/a/..%3B/b", HiddenDotSegment),
        ("/a/..%5cb", HiddenDotSegment),
        ("/a%5Cb/../c", HiddenDotSegment),
        ("/a\\..\\b", HiddenDotSegment),
        ("/a%5C.", HiddenDotSegment),
        ("/a%2F..%5Cb", HiddenDotSegment),
        ("/%c0%ae%c0%ae/x", Overlong),
        ("/%E0%80%AF", Overlong),
    ] {
        assert_eq!(normal(raw.as_bytes()).expect_err(raw), error, "{raw}");
        assert_eq!(resolve(raw).expect_err(raw), error, "{raw}");
    }
}

#[test]
fn the_accessor_reads_the_path_alone() {
    let request = http::Request::get("/a/%2e%2e/b?x=/../y").body(Body::empty()).expect("a request");
    assert_eq!(*request.normal_path().expect("a good path"), *b"/b");
    let request = http::Request::get("/a/..;/b").body(Body::empty()).expect("a request");
    assert_eq!(request.normal_path().expect_err("refused"), PathError::HiddenDotSegment);
}

#[test]
fn set_path_keeps_query_and_original_target() {
    let mut request =
        http::Request::get("http://a/old?q=1").body(Body::empty()).expect("a request");
    request.set_path("/new").expect("a path");
    assert_eq!(request.uri(), "http://a/new?q=1");
    assert!(request.set_path("/a b").is_err());
    assert_eq!(request.uri(), "http://a/new?q=1", "unchanged by a bad path");
    request.set_path("/newer").expect("a path");
    assert_eq!(request.original_target(), "/old?q=1");
}

#[tokio::test]
async fn a_refused_path_is_answered_with_400_and_told_by_its_kind() {
    for (raw, kind) in [
        ("/%zz", "malformed_escape"),
        ("/%00", "nul"),
        ("/a/..;/b", "hidden_dot_segment"),
        ("/%c0%af", "overlong"),
    ] {
        let response = normal(raw.as_bytes()).expect_err("refused").answer("location");
        let note = response.extensions().get::<ResponseError>().expect("a note");
        assert_eq!((note.source(), note.kind()), ("location", kind), "{raw}");
        assert_eq!(response.status(), 400);
        let body = response.into_body().collect(64).await.expect("in memory");
        assert_eq!(body.data(), "Bad Request\n");
    }
}
