use parapet_fileserver::Encoding;

use crate::site::{Site, ask, set_modified};

#[tokio::test]
async fn the_coding_that_the_client_likes_best_is_sent() {
    let site = Site::new(&[
        ("a.js", "original"),
        ("a.js.br", "BR"),
        ("a.js.gz", "GZIP"),
        ("stale.js", "new"),
        ("stale.js.gz", "OLD"),
        ("page", "<!doctype html><p>"),
        ("page.gz", "\u{1}\u{2}"),
        ("plain.txt", "plain"),
    ]);
    for name in ["a.js", "a.js.br", "a.js.gz", "stale.js", "page", "page.gz"] {
        set_modified(&site.path(name), 1_735_689_601);
    }
    set_modified(&site.path("stale.js.gz"), 1_735_689_600);
    let files = site.files().precompressed(&[Encoding::Zstd, Encoding::Br, Encoding::Gzip]);
    for (target, accept, encoding, body) in [
        ("/a.js", "accept-encoding: gzip, br, zstd\r\n", "br", "BR"),
        ("/a.js", "accept-encoding: gzip, br;q=0.5\r\n", "gzip", "GZIP"),
        ("/a.js", "accept-encoding: *;q=0.1\r\n", "br", "BR"),
        ("/a.js", "accept-encoding: gzip;q=0\r\n", "", "original"),
        ("/a.js", "accept-encoding: zstd\r\n", "", "original"),
        ("/a.js", "", "", "original"),
        ("/stale.js", "accept-encoding: gzip\r\n", "", "new"),
        ("/plain.txt", "accept-encoding: gzip\r\n", "", "plain"),
        ("/page", "accept-encoding: gzip\r\n", "gzip", "\u{1}\u{2}"),
    ] {
        let answer = ask(&files, "GET", target, accept).await;
        assert_eq!((answer.status, answer.text()), (200, body), "{target} {accept}");
        assert_eq!(answer.field("content-encoding").unwrap_or(""), encoding, "{target} {accept}");
        assert_eq!(answer.field("vary"), Some("accept-encoding"), "{target} {accept}");
        let head = ask(&files, "HEAD", target, accept).await;
        assert_eq!(head.head, answer.head);
    }
    let page = ask(&files, "GET", "/page", "accept-encoding: gzip\r\n").await;
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(ask(&site.files(), "GET", "/a.js", "").await.field("vary"), None);
}

#[tokio::test]
async fn each_coding_has_a_tag_and_a_length_of_its_own() {
    let site = Site::new(&[("a.js", "same"), ("a.js.br", "SAME"), ("a.js.gz", "Same")]);
    for name in ["a.js", "a.js.br", "a.js.gz"] {
        set_modified(&site.path(name), 1_735_689_601);
    }
    let files = site.files().precompressed(&[Encoding::Br, Encoding::Gzip]);
    let mut tags = Vec::new();
    for accept in ["", "accept-encoding: br\r\n", "accept-encoding: gzip\r\n"] {
        let answer = ask(&files, "GET", "/a.js", accept).await;
        let tag = answer.field("etag").unwrap().to_owned();
        let fields = format!("{accept}if-none-match: {tag}\r\n");
        let known = ask(&files, "GET", "/a.js", &fields).await;
        assert_eq!((known.status, known.field("vary")), (304, Some("accept-encoding")));
        assert_eq!(known.field("content-encoding"), None);
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    let fields = "accept-encoding: br\r\nrange: bytes=1-2\r\n";
    let part = ask(&files, "GET", "/a.js", fields).await;
    assert_eq!((part.status, part.text()), (206, "AM"));
    assert_eq!(part.field("content-encoding"), Some("br"));
}

#[tokio::test]
async fn a_sibling_that_leads_out_of_the_root_is_none() {
    let site = Site::new(&[("a.js", "original")]);
    std::os::unix::fs::symlink("../secret", site.path("a.js.gz")).unwrap();
    let files = site.files().precompressed(&[Encoding::Gzip]);
    let answer = ask(&files, "GET", "/a.js", "accept-encoding: gzip\r\n").await;
    assert_eq!((answer.text(), answer.field("content-encoding")), ("original", None));
}
