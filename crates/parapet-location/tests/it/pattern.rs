use parapet_location::{Error, Location, Locations, exact, prefix, regexp};

use crate::location::answering;

fn text(result: Result<Location, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn bad_paths_are_refused() {
    for make in [exact, prefix] {
        for pattern in ["a", "*", " /a", "https://a.test/"] {
            assert!(
                matches!(make(pattern), Err(Error::LeadingSlash(p)) if p == pattern),
                "{pattern}"
            );
        }
        for pattern in ["/a%20b", "/%2Fa"] {
            assert!(matches!(make(pattern), Err(Error::Encoded(p)) if p == pattern), "{pattern}");
        }
        for (pattern, instead) in [
            ("//a", "/a"),
            ("/a/../b", "/b"),
            ("/a/.", "/a/"),
            ("/a\\b", "/a/b"),
            ("/a\0b", "/ab"),
            ("/a?b", "/a"),
            ("/a#b", "/a"),
        ] {
            assert!(
                matches!(make(pattern), Err(Error::NotNormal { normal, .. }) if normal == instead),
                "{pattern:?}"
            );
        }
    }
    assert!(matches!(exact(""), Err(Error::LeadingSlash(_))));
}

#[test]
fn bad_and_big_expressions_are_refused() {
    for expression in ["(", "[a", r"(?=x)", r"(a)\1", r"(?u)\w{500}", "(.{100}){500}{10}"] {
        let error = regexp(expression).unwrap_err();
        assert!(matches!(&error, Error::Regexp { pattern, .. } if pattern == expression));
        assert!(std::error::Error::source(&error).is_some());
        let table = Locations::builder().regexp(expression, answering("")).build();
        assert!(matches!(table, Err(Error::Regexp { pattern, .. }) if pattern == expression));
    }
    let big = (0..30).fold(Locations::builder(), |table, i| {
        table.regexp(&format!("x{i}[a-z]{{9000}}"), answering(""))
    });
    assert!(matches!(big.build(), Err(Error::RegexpSet { count: 30, .. })));
}

#[test]
fn one_pattern_of_a_kind_twice_is_refused() {
    let none = || answering("");
    for table in [
        Locations::builder().exact("/a", none()).exact("/a", none()),
        Locations::builder().prefix("/a", none()).prefix("/a", none()),
        Locations::builder().regexp("/a", none()).regexp("/a", none()),
    ] {
        assert!(matches!(table.build(), Err(Error::Duplicate(pattern)) if pattern == "/a"));
    }
    for table in [
        Locations::builder().prefix("", none()).prefix("", none()),
        Locations::builder().regexp("", none()).regexp("", none()),
    ] {
        assert!(matches!(table.build(), Err(Error::Duplicate(pattern)) if pattern.is_empty()));
    }
    let table = Locations::builder().exact("/a", none()).prefix("/a", none()).regexp("/a", none());
    let table = table.prefix("/a/", none()).prefix("", none()).regexp("", none());
    assert!(table.build().is_ok());
}

#[test]
fn error_texts_say_what_to_write() {
    insta::assert_snapshot!(text(prefix("a")), @r#""a" does not begin with a slash: write the whole path, /…"#);
    insta::assert_snapshot!(text(prefix("/a%20b")), @r#""/a%20b" is encoded: write it decoded, as in "/a b" for /a%20b"#);
    insta::assert_snapshot!(text(prefix("/a/../b")), @r#""/a/../b" is not in normal form, no path is equal to it: write "/b""#);
    insta::assert_snapshot!(text(regexp("(")), @r#""(" is no regular expression, or compiles to more than 1 MiB"#);
}
