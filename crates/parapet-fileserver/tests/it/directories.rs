use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::site::{Site, ask, fallback, get, set_modified};
use parapet_core::Middleware;

#[tokio::test]
async fn a_directory_is_its_index_its_listing_or_not_there() {
    let site = Site::new(&[("sub/inside.txt", "in"), ("with/index.html", "index"), ("f.txt", "f")]);
    let plain = site.files();
    let listed = site.files().list_directory(true);
    let named = site.files().index(&["none.html", "inside.txt"]).unwrap();
    let no_index = site.files().index(&[]).unwrap();
    // Status, and Location or the beginning of the body.
    for (files, target, status, expected) in [
        (&plain, "/sub/", 418, "fallback"),
        (&plain, "/sub", 418, "fallback"),
        (&plain, "/with/", 200, "index"),
        (&plain, "/with?q=1", 301, "with/?q=1"),
        (&plain, "/with/index.html", 301, "./"),
        (&plain, "/with/index.html?q=1", 301, "./?q=1"),
        (&plain, "/f.txt/", 301, "../f.txt"),
        (&plain, "/f.txt/?q=1", 301, "../f.txt?q=1"),
        (&plain, "/", 418, "fallback"),
        (&listed, "/sub/", 200, "<!doctype html>"),
        (&listed, "/sub", 301, "sub/"),
        (&listed, "/with/", 200, "index"),
        (&listed, "/", 200, "<!doctype html>"),
        (&named, "/sub/", 200, "in"),
        (&named, "/sub", 301, "sub/"),
        (&named, "/sub/inside.txt", 301, "./"),
        (&named, "/with/index.html", 200, "index"),
        (&named, "/with/", 418, "fallback"),
        (&no_index, "/with/", 418, "fallback"),
        (&no_index, "/with/index.html", 200, "index"),
    ] {
        let answer = ask(files, "GET", target, "").await;
        let told = answer.field("location").unwrap_or(answer.text());
        assert_eq!(answer.status, status, "{target}");
        assert!(told.starts_with(expected), "{target}: {told}");
    }
    // An earlier index file stands for the directory, so a later one is a file like any other.
    let both = site.files().index(&["inside.txt", "index.html"]).unwrap();
    site.write("with/inside.txt", b"first");
    assert_eq!(ask(&both, "GET", "/with/index.html", "").await.text(), "index");
}

#[tokio::test]
async fn a_listing_holds_what_would_be_served_in_byte_order() {
    let site = Site::new(&[
        ("list/inside.txt", ""),
        ("list/<b>?#.txt", ""),
        ("list/a:b", ""),
        ("list/.hidden", ""),
        ("list/back\\slash", ""),
        ("list/Z", ""),
        ("list/line\nbreak", ""),
        ("list/javascript:alert(1)", ""),
        ("list/\"onmouseover='x'&amp;", ""),
        ("list/\u{1b}]0;title\u{7}\u{9b}\u{85}", ""),
        ("list/turned-\u{202e}txt.exe", ""),
        ("list/sub/x", ""),
    ]);
    let directory = site.path("list");
    fs::write(directory.join(OsStr::from_bytes(b"\xffbytes")), "").unwrap();
    symlink("sub", directory.join("link-to-sub")).unwrap();
    symlink(site.path("list/Z"), directory.join("link-to-z")).unwrap();
    symlink("../../secret", directory.join("out")).unwrap();
    symlink("nowhere", directory.join("broken")).unwrap();
    let _socket = UnixListener::bind(directory.join("socket")).unwrap();
    let files = site.files().list_directory(true);
    let answer = ask(&files, "GET", "/list/", "").await;
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    let (head, rest) = answer.text().split_once("<pre>\n").unwrap();
    assert!(head.starts_with("<!doctype html>") && head.contains("width=device-width"));
    insta::assert_snapshot!(rest, @r#"
    <a href="%1B%5D0%3Btitle%07%C2%9B%C2%85">�]0;title���</a>
    <a href="%22onmouseover%3D%27x%27%26amp%3B">&quot;onmouseover=&#39;x&#39;&amp;amp;</a>
    <a href="%3Cb%3E%3F%23.txt">&lt;b&gt;?#.txt</a>
    <a href="Z">Z</a>
    <a href="a%3Ab">a:b</a>
    <a href="inside.txt">inside.txt</a>
    <a href="javascript%3Aalert%281%29">javascript:alert(1)</a>
    <a href="line%0Abreak">line�break</a>
    <a href="link-to-sub/">link-to-sub/</a>
    <a href="link-to-z">link-to-z</a>
    <a href="sub/">sub/</a>
    <a href="turned-%E2%80%AEtxt.exe">turned-�txt.exe</a>
    <a href="%FFbytes">�bytes</a>
    </pre>
    "#);
    // Each is served under its href.
    for line in rest.lines().filter(|line| line.starts_with("<a")) {
        let href = line.split('"').nth(1).unwrap();
        let answer = ask(&files, "GET", &format!("/list/{href}"), "").await;
        assert_eq!(answer.status, 200, "{href}");
    }
    let head = ask(&files, "HEAD", "/list/", "").await;
    assert_eq!((head.status, head.field("content-length")), (200, None));
    assert_eq!(head.field("content-type"), answer.field("content-type"));
}

#[tokio::test]
async fn a_listing_has_the_date_of_its_directory() {
    let site = Site::new(&[("list/a", "")]);
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_735_689_601);
    fs::File::open(site.path("list")).unwrap().set_modified(time).unwrap();
    let files = site.files().list_directory(true);
    let date = "Wed, 01 Jan 2025 00:00:01 GMT";
    let answer = ask(&files, "GET", "/list/", "").await;
    assert_eq!((answer.status, answer.field("last-modified")), (200, Some(date)));
    let answer = ask(&files, "GET", "/list/", &format!("if-modified-since: {date}\r\n")).await;
    assert_eq!((answer.status, answer.field("content-type")), (304, None));
    set_modified(&site.path("list/a"), 0); // a file's date is not the directory's
    assert_eq!(ask(&files, "GET", "/list/", "").await.field("last-modified"), Some(date));
}

#[tokio::test]
async fn a_listing_ends_after_ten_thousand_entries() {
    let site = Site::new(&[]);
    for number in 0..10_001 {
        fs::write(site.path(&format!("{number:05}")), "").unwrap();
    }
    let handler = site.files().list_directory(true).wrap(fallback());
    let mut body = get(&handler, "/").await.into_body();
    let (mut text, mut frames) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.len() <= 64 * 1024);
        text.extend_from_slice(&data);
        frames += 1;
    }
    let text = String::from_utf8(text).unwrap();
    assert!(frames > 10);
    assert_eq!(text.matches("<a ").count(), 10_000);
    assert!(text.contains(">09999</a>\nonly the first 10000 entries are listed\n</pre>"));
    fs::remove_file(site.path("00000")).unwrap();
    let text = get(&handler, "/").await.into_body().collect(1 << 20).await.unwrap().into_data();
    assert!(text.ends_with(b">10000</a>\n</pre>\n"));
}
