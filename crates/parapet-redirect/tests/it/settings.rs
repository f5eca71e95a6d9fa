use parapet_redirect::{Error, RedirectStatus, https, to};

#[test]
fn bad_targets_are_refused() {
    for target in [
        "",
        "example.com",
        "example.com/x",
        "ftp://example.com",
        "mailto:a@example.com",
        "http://",
        "https:///x",
        "https://user@example.com/",
        "https://user:pw@example.com/",
        "//example.com",
        "/\\example.com",
        "/a b",
        "/a\r\nSet-Cookie: x",
        "/\u{0}",
        "/é",
        "https://exa mple.com",
        "https://example.com:x/",
        "https://example.com:/",
        "https://example.com:65536/",
        "*",
    ] {
        assert!(
            matches!(to(target, 302), Err(Error::Target(text, _)) if text == target),
            "{target:?}"
        );
    }
}

#[test]
fn statuses_that_are_no_redirects_are_refused() {
    for status in [1, 99, 200, 300, 304, 305, 306, 309, 404, u16::MAX] {
        assert_eq!(to("/x", status).unwrap_err(), Error::Status(status));
        assert_eq!(RedirectStatus::try_from(status), Err(Error::Status(status)));
    }
}

#[test]
fn a_canonical_host_is_a_name_or_an_address() {
    for host in ["example.com", "example.com.", "localhost", "10.0.0.1", "::1", "[::1]"] {
        assert!(https().canonical_host(host).is_ok(), "{host}");
    }
    for host in [
        "",
        "example.com:443",
        "[::1]:443",
        "*",
        "*.example.com",
        "é.com",
        "a b",
        "a@b",
        "a/b",
        "a..b",
    ] {
        assert_eq!(https().canonical_host(host).unwrap_err(), Error::Host(host.to_owned()));
    }
}

#[test]
fn error_texts_say_what_to_write() {
    insta::assert_snapshot!(to("example.com", 301).unwrap_err(), @r#""example.com" is no redirect target: it is neither http(s)://host nor a path; write https://host/path or /path"#);
    insta::assert_snapshot!(to("/x", 304).unwrap_err(), @"304 is no redirect status: allowed are 301, 302, 303, 307 and 308 (0 is 301)");
    insta::assert_snapshot!(https().canonical_host("a:1").unwrap_err(), @r#""a:1" is no host to redirect to: write a name or an address in ASCII, without port and wildcard"#);
}
