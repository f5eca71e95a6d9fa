use parapet_router::Error;

use crate::route::routing;

fn error(patterns: &[&'static str]) -> Error {
    match routing(patterns).build() {
        Ok(_) => panic!("{patterns:?} are accepted"),
        Err(error) => error,
    }
}

#[test]
fn bad_patterns_are_refused() {
    type Make = fn(String) -> Error;
    for (pattern, make) in [
        ("", Error::LeadingSlash as Make),
        ("a", Error::LeadingSlash),
        ("GET", Error::LeadingSlash),
        ("GET a.test", Error::LeadingSlash),
        ("/a%20b", Error::Encoded),
        ("GET a.test/%2F", Error::Encoded),
        ("*.a.test/", Error::InvalidName),
        ("é.test/", Error::InvalidName),
        ("a..test/", Error::InvalidName),
        ("a.test:80/", Error::Port),
        ("[::1]:80/", Error::Port),
        ("/{", Error::Wildcard),
        ("/{}", Error::Wildcard),
        ("/a{id}", Error::Wildcard),
        ("/{id}b", Error::Wildcard),
        ("/{a b}", Error::Wildcard),
        ("/{1}", Error::Wildcard),
        ("/{a...}/b", Error::Wildcard),
        ("/{...}", Error::Wildcard),
        ("/{$}/b", Error::Wildcard),
        ("/{$}/", Error::Wildcard),
        ("/{a}/{a}", Error::Wildcard),
        ("/{a}/{a...}", Error::Wildcard),
        ("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}", Error::Wildcard),
    ] {
        assert_eq!(error(&[pattern]), make(pattern.into()), "{pattern}");
    }
}

#[test]
fn a_path_that_is_not_normal_is_refused_with_what_to_write() {
    for (pattern, normal) in [
        ("//a", "/a"),
        ("/a/../b", "/b"),
        ("GET a.test/a/./b", "GET a.test/a/b"),
        ("/a\\b", "/a/b"),
        ("/a?b", "/a"),
        ("a.test/a#b", "a.test/a"),
    ] {
        let expected = Error::NotNormal { pattern: pattern.into(), normal: normal.into() };
        assert_eq!(error(&[pattern]), expected);
    }
}

#[test]
fn what_stands_before_a_space_is_a_method() {
    for (pattern, method) in [("G@T /a", "G@T"), (" /a", ""), ("GET,PUT /a", "GET,PUT")] {
        assert_eq!(error(&[pattern]), Error::Method(method.into()));
    }
    for pattern in ["GET  /a", "PURGE\t/a", "M-SEARCH a.test/a", "/a b", "GET /a b"] {
        assert!(routing(&[pattern]).build().is_ok(), "{pattern}");
    }
    let names = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}";
    assert!(routing(&[names]).build().is_ok(), "16 names");
}

#[test]
fn one_pattern_twice_is_refused() {
    for (a, b) in [
        ("/a", "/a"),
        ("GET /a", "GET /a"),
        ("a.test/x", "A.test./x"),
        ("[::1]/x", "[0:0::1]/x"),
        ("/{id}", "/{id}"),
    ] {
        assert_eq!(error(&[a, b]), Error::Duplicate(b.into()), "{a} {b}");
    }
}

#[test]
fn two_patterns_of_which_neither_is_more_specific_are_refused() {
    for (a, b) in [
        ("/posts/{id}", "/{kind}/latest"),
        ("/{id}", "/{name}"),
        ("/a/", "/a/{rest...}"),
        ("/a/", "/{x}/b"),
        ("/a/{x}/", "/{x}/b/c"),
        ("a.test/{x}/b", "A.test/a/{y}"),
        ("GET /posts/{id}", "/{kind}/latest"),
        ("GET /posts/{id}", "HEAD /{kind}/latest"),
    ] {
        let expected = Error::Conflict { a: a.into(), b: b.into() };
        assert_eq!(error(&["/other", a, b]), expected);
    }
    for patterns in [
        &["/a", "/a/", "/a/{$}", "/a/{x}", "/a/b"][..],
        &["GET /a", "/a", "POST /a", "HEAD /a", "a.test/a"],
        &["GET /posts/{id}", "POST /{kind}/latest"],
        &["a.test/posts/{id}", "/{kind}/latest", "b.test/{kind}/latest"],
        &["/{x}", "/{$}", "/"],
        &["GET /{page}", "/admin"],
        &["/users/me", "/users/{id}/posts", "/{x}/{y}"],
    ] {
        assert!(routing(patterns).build().is_ok(), "{patterns:?}");
    }
}

#[test]
fn error_texts_say_what_to_write() {
    let text = |patterns: &[&'static str]| error(patterns).to_string();
    insta::assert_snapshot!(text(&["GET a"]), @r#""GET a" has no path: write /… behind method and host"#);
    insta::assert_snapshot!(text(&["/a%20b"]), @r#""/a%20b" is encoded: write it decoded, as in "/a b" for /a%20b"#);
    insta::assert_snapshot!(text(&["/a/../b"]), @r#""/a/../b" is not in normal form, no path is equal to it: write "/b""#);
    insta::assert_snapshot!(text(&["*.a.test/"]), @r#""*.a.test/" does not begin with a host name: write labels of A-Z a-z 0-9 - _, an international name as its A-label (xn--…), or an address"#);
    insta::assert_snapshot!(text(&["a.test:80/"]), @r#""a.test:80/" has a port: leave it out, a host matches on every port"#);
    insta::assert_snapshot!(text(&["G@T /"]), @r#""G@T" is no method: write a token like GET, one space, then the pattern"#);
    insta::assert_snapshot!(text(&["/a{b}"]), @r#""/a{b}" has a misplaced wildcard: write {name} as a whole segment, {name...} or {$} as the last, each name once, at most 16"#);
    insta::assert_snapshot!(text(&["/a", "/a"]), @r#""/a" comes twice: write it once"#);
    insta::assert_snapshot!(text(&["/posts/{id}", "/{kind}/latest"]), @r#""/posts/{id}" and "/{kind}/latest" match the same requests and neither is more specific: change or drop one"#);
}
