use http::HeaderValue;
use parapet_core::Middleware;
use parapet_fileserver::Dotfiles;

use crate::site::{Site, ask, fallback, get, set_modified};

const DATE: &str = "Wed, 01 Jan 2025 00:00:01 GMT";
const SECONDS: u64 = 1_735_689_601;

#[tokio::test]
async fn a_file_is_served_and_what_is_missing_is_left_to_next() {
    let site = Site::new(&[("hello.txt", "hi there")]);
    let files = site.files().cache_control(|_| Some(HeaderValue::from_static("max-age=60")));
    let answer = ask(&files, "GET", "/hello.txt?v=1", "").await;
    assert_eq!((answer.status, answer.text()), (200, "hi there"));
    for target in ["/missing", "/hello.txt/below", "/missing/", "/", "/%ff", "/a%5C..%5Cb"] {
        let answer = ask(&files, "GET", target, "range: bytes=0-1\r\n").await;
        assert_eq!((answer.status, answer.text()), (418, "fallback"), "{target}");
        for name in ["etag", "last-modified", "accept-ranges", "cache-control", "vary"] {
            assert_eq!(answer.field(name), None, "{target} {name}");
        }
    }
    // What the server refuses by itself, but another caller may let through.
    let handler = files.wrap(fallback());
    for target in ["/hello.txt%00", "/%zz", "/..;/hello.txt", "*"] {
        assert_eq!(get(&handler, target).await.status(), 418, "{target}");
    }
    let name = format!("/{}", "n".repeat(4000));
    assert_eq!(ask(&files, "GET", &name, "").await.status, 418);
}

#[tokio::test]
async fn the_head_tells_length_date_tag_and_type() {
    let site = Site::new(&[("a.html", "<p>a"), ("b.txt", "old")]);
    set_modified(&site.path("a.html"), SECONDS);
    set_modified(&site.path("b.txt"), 0);
    let answer = ask(&site.files(), "GET", "/a.html", "").await;
    insta::assert_snapshot!(answer.head.replace('\r', ""), @r#"
    HTTP/1.1 200 OK
    content-type: text/html; charset=utf-8
    accept-ranges: bytes
    etag: W/"4-1816687efbf1ca00"
    last-modified: Wed, 01 Jan 2025 00:00:01 GMT
    content-length: 4
    "#);
    let head = ask(&site.files(), "HEAD", "/a.html", "range: bytes=0-1\r\n").await;
    assert_eq!(head.head, answer.head);
    assert!(head.body.is_empty());
    let answer = ask(&site.files().etag(false), "GET", "/b.txt", "").await;
    assert_eq!((answer.field("etag"), answer.field("last-modified")), (None, None));
}

#[tokio::test]
async fn without_a_known_extension_the_first_bytes_tell_the_type() {
    let site =
        Site::new(&[("page", "<!DOCTYPE html><p>"), ("text.unheard", "plain"), ("empty", "")]);
    site.write("image", b"\x89PNG\r\n\x1a\n\0\0");
    site.write("data", &[[b'a'; 600].as_slice(), &[0; 100]].concat());
    site.write("wrong.txt", b"\x89PNG\r\n\x1a\n");
    for (target, expected) in [
        ("/page", "text/html; charset=utf-8"),
        ("/text.unheard", "text/plain; charset=utf-8"),
        ("/empty", "text/plain; charset=utf-8"),
        ("/image", "image/png"),
        ("/data", "text/plain; charset=utf-8"), // the NUL is behind the first 512
        ("/wrong.txt", "text/plain; charset=utf-8"),
    ] {
        for (method, fields) in [("GET", ""), ("HEAD", ""), ("GET", "range: bytes=1-1\r\n")] {
            let answer = ask(&site.files(), method, target, fields).await;
            assert_eq!(answer.field("content-type"), Some(expected), "{target} {method} {fields}");
        }
    }
}

#[tokio::test]
async fn other_methods_than_get_and_head_go_to_next() {
    let site = Site::new(&[("a.txt", "a")]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"] {
        let answer = ask(&site.files(), method, "/a.txt?q", "content-length: 0\r\n").await;
        assert_eq!(answer.status, 418, "{method}");
        assert_eq!(answer.field("x-got"), Some(format!("{method} /a.txt?q").as_str()));
    }
}

#[tokio::test]
async fn dotfiles_are_not_there_unless_allowed() {
    let site = Site::new(&[
        (".env", "secret"),
        (".git/config", "secret"),
        ("a/.htpasswd", "secret"),
        (".well-known/security.txt", "contact"),
    ]);
    let allowed = site.files().dotfiles(Dotfiles::Allow);
    for (target, denied) in [
        ("/.env", true),
        ("/%2eenv", true),
        ("/.git/config", true),
        ("/a/.htpasswd", true),
        ("/.well-known/security.txt", false),
    ] {
        let answer = ask(&site.files(), "GET", target, "").await;
        assert_eq!(answer.status, if denied { 418 } else { 200 }, "{target}");
        assert_eq!(ask(&allowed, "GET", target, "").await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn cache_control_goes_by_the_path_below_the_root() {
    let site = Site::new(&[("css/a.css", "a"), ("index.html", "i")]);
    let files = site.files().cache_control(|path| match path.to_str()? {
        "css/a.css" => Some(HeaderValue::from_static("max-age=31536000, immutable")),
        "index.html" => Some(HeaderValue::from_static("no-cache")),
        _ => None,
    });
    for (target, expected) in [
        ("/css/a.css", "max-age=31536000, immutable"),
        ("/x/..//css/a.css", "max-age=31536000, immutable"),
        ("/", "no-cache"),
    ] {
        let answer = ask(&files, "GET", target, "").await;
        assert_eq!(answer.field("cache-control"), Some(expected), "{target}");
    }
}

#[tokio::test]
async fn a_known_file_is_304_without_its_length() {
    let site = Site::new(&[("a.html", "<p>a")]);
    set_modified(&site.path("a.html"), SECONDS);
    let files = site.files().cache_control(|_| Some(HeaderValue::from_static("max-age=60")));
    let tag = "if-none-match: W/\"4-1816687efbf1ca00\"\r\n";
    for fields in [
        tag.to_owned(),
        tag.replace("W/", "\"x\", "),
        format!("if-modified-since: {DATE}\r\n"),
        format!("if-modified-since: {DATE}\r\nrange: bytes=0-1\r\n"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(&files, method, "/a.html", &fields).await;
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{fields}");
            assert_eq!(answer.field("etag"), Some("W/\"4-1816687efbf1ca00\""));
            assert_eq!(answer.field("cache-control"), Some("max-age=60"));
            assert_eq!(answer.field("content-length"), None);
            assert_eq!(answer.field("content-type"), None);
        }
    }
    for (fields, status) in [
        ("if-none-match: \"4-1\"\r\n", 200),
        ("if-match: W/\"4-1816687efbf1ca00\"\r\n", 412),
        ("if-match: *\r\n", 200),
        ("if-unmodified-since: Wed, 01 Jan 2025 00:00:00 GMT\r\n", 412),
    ] {
        assert_eq!(ask(&files, "GET", "/a.html", fields).await.status, status, "{fields}");
    }
}

/// Times of images and archives are often reset; a tag of the size alone would keep the content of before.
#[tokio::test]
async fn a_file_of_unknown_time_has_no_validator_that_a_file_of_its_size_would_have() {
    let site = Site::new(&[("a.txt", "old")]);
    set_modified(&site.path("a.txt"), 0);
    let old = ask(&site.files(), "GET", "/a.txt", "").await;
    assert_eq!((old.field("etag"), old.field("last-modified")), (None, None));
    site.write("a.txt", b"new");
    set_modified(&site.path("a.txt"), 0);
    for fields in
        ["if-none-match: W/\"3-0\"\r\n", "if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"]
    {
        let new = ask(&site.files(), "GET", "/a.txt", fields).await;
        assert_eq!((new.status, new.text()), (200, "new"), "{fields}");
    }
}

#[tokio::test]
async fn floods_of_ranges_cost_the_file_once() {
    let site = Site::new(&[]);
    site.write("d.bin", &[b'x'; 1000]);
    // Overlapping, many, backwards, with numbers of any length, as one line and as several.
    let zeros = vec!["0-"; 4000].join(",");
    let ends: Vec<_> = (1..2000).map(|number| format!("-{number}")).collect();
    let digits = "9".repeat(10_000);
    for range in [
        format!("range: bytes={zeros}\r\n"),
        format!("range: bytes={}\r\n", ends.join(",")),
        format!("range: bytes=0-{digits},0-{digits}\r\n"),
        format!("range: bytes=-{digits}\r\nrange: bytes=0-0\r\n"),
        format!("range: bytes={}0-0\r\n", ",".repeat(10_000)),
        "range: bytes=0-999,0-999,0-999\r\n".to_owned(),
    ] {
        let answer = ask(&site.files(), "GET", "/d.bin", &range).await;
        let shown = range.get(..40).unwrap_or(&range);
        assert!(matches!(answer.status, 200 | 206), "{shown}: {answer:?}");
        assert!(answer.body.len() <= 1000, "{shown}: {}", answer.body.len());
    }
    // As many as are answered, each with its head.
    let single: Vec<_> = (0..16).map(|at| format!("{at}-{at}")).collect();
    let answer =
        ask(&site.files(), "GET", "/d.bin", &format!("range: bytes={}\r\n", single.join(",")))
            .await;
    assert_eq!(answer.status, 206);
    assert!(answer.body.len() < 4096, "{}", answer.body.len());
}

#[tokio::test]
async fn ranges_are_sent_as_asked() {
    let site = Site::new(&[("d.txt", "0123456789"), ("empty.txt", "")]);
    set_modified(&site.path("d.txt"), SECONDS);
    let many = format!("bytes={}", vec!["0-0"; 17].join(","));
    for (range, status, content_range, body) in [
        ("bytes=0-3", 206, "bytes 0-3/10", "0123"),
        ("bytes=-4", 206, "bytes 6-9/10", "6789"),
        ("bytes=4-", 206, "bytes 4-9/10", "456789"),
        ("bytes=8-99", 206, "bytes 8-9/10", "89"),
        ("bytes=99-,1-1", 206, "bytes 1-1/10", "1"),
        ("bytes=999-", 416, "bytes */10", "Range Not Satisfiable\n"),
        ("bytes=0-7,3-9", 200, "", "0123456789"),
        ("bytes=3-1", 200, "", "0123456789"),
        ("lines=0-1", 200, "", "0123456789"),
        (&many, 200, "", "0123456789"),
    ] {
        let answer = ask(&site.files(), "GET", "/d.txt", &format!("range: {range}\r\n")).await;
        assert_eq!((answer.status, answer.text()), (status, body), "{range}");
        assert_eq!(answer.field("content-range").unwrap_or(""), content_range, "{range}");
        assert_eq!(answer.field("content-length"), Some(body.len().to_string().as_str()));
    }
    let answer = ask(&site.files(), "GET", "/empty.txt", "range: bytes=0-1\r\n").await;
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("0")));
    for (if_range, status) in [
        (DATE, 206),
        ("Wed, 01 Jan 2025 00:00:02 GMT", 200),
        ("W/\"a-1816687efbf1ca00\"", 200), // weak
        ("\"other\"", 200),
    ] {
        let fields = format!("range: bytes=0-1\r\nif-range: {if_range}\r\n");
        assert_eq!(ask(&site.files(), "GET", "/d.txt", &fields).await.status, status, "{if_range}");
    }
}

#[tokio::test]
async fn several_ranges_come_in_one_multipart_body() {
    let site = Site::new(&[("d.txt", "0123456789")]);
    let answer = ask(&site.files(), "GET", "/d.txt", "range: bytes=0-0,2-3\r\n").await;
    assert_eq!(answer.status, 206);
    let content_type = answer.field("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(boundary.len(), 32);
    insta::assert_snapshot!(answer.text().replace(boundary, "BOUNDARY").replace('\r', ""), @r"

    --BOUNDARY
    content-type: text/plain; charset=utf-8
    content-range: bytes 0-0/10

    0
    --BOUNDARY
    content-type: text/plain; charset=utf-8
    content-range: bytes 2-3/10

    23
    --BOUNDARY--
    ");
}
