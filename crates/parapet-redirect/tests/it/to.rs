use http::Method;
use parapet_core::{Body, Middleware};
use parapet_redirect::to;

use crate::hosts::{ask, behind, get};

#[tokio::test]
async fn every_request_goes_to_the_target_byte_for_byte() {
    for (target, status, sent) in [
        ("https://example.com", 302, 302),
        ("https://example.com", 0, 301),
        ("https://mail.example.com/a/b?x=%41#top", 303, 303),
        ("/login", 307, 307),
    ] {
        let handler = to(target, status).unwrap().wrap(behind());
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let request = http::Request::builder()
                .method(method)
                .uri("http://any.test/p?q")
                .body(Body::empty())
                .unwrap();
            assert_eq!(ask(&handler, request).await, (sent, target.to_owned()));
        }
        assert_eq!(get(&handler, "/without-host").await, (sent, target.to_owned()));
    }
}

#[tokio::test]
async fn the_path_and_the_query_are_kept_when_asked() {
    for (target, path, query, asked, location) in [
        ("https://example.com", true, true, "/a%2Fb?x=1", "https://example.com/a%2Fb?x=1"),
        ("https://example.com", true, false, "/a?x=1", "https://example.com/a"),
        ("https://example.com", false, true, "/a?x=1", "https://example.com?x=1"),
        ("https://example.com/", true, false, "/a", "https://example.com/a"),
        ("https://example.com/b//", true, false, "//a//", "https://example.com/b/a//"),
        ("https://example.com/b", true, false, "/", "https://example.com/b/"),
        ("https://example.com/b?y", true, true, "/a?x", "https://example.com/b/a?y&x"),
        ("https://example.com/b?y#f", true, true, "/a", "https://example.com/b/a?y#f"),
        ("https://example.com/b?", false, true, "/a?x", "https://example.com/b?x"),
        ("https://example.com/b#f", false, true, "/a?x", "https://example.com/b?x#f"),
        ("https://example.com/b", true, true, "*", "https://example.com/b"),
        ("/", true, false, "//evil.test", "/evil.test"),
        ("/", true, false, "///evil.test", "/evil.test"),
        ("/b", true, false, "//evil.test", "/b/evil.test"),
    ] {
        let handler = to(target, 302).unwrap().keep_path(path).keep_query(query).wrap(behind());
        assert_eq!(get(&handler, asked).await, (302, location.to_owned()), "{target} {asked}");
    }
}

#[tokio::test]
async fn a_request_for_the_target_passes() {
    let handler = to("/maintenance", 302).unwrap().wrap(behind());
    assert_eq!(get(&handler, "http://a.test/").await, (302, "/maintenance".to_owned()));
    assert_eq!(get(&handler, "http://a.test/maintenance").await, (200, String::new()));
}
