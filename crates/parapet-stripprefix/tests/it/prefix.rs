use parapet_core::{Body, Handler, Middleware, Response, handler_fn};
use parapet_stripprefix::{Error, StripPrefix};

fn next() -> Handler {
    handler_fn(|_| async { Response::new(Body::empty()) })
}

#[test]
fn bad_prefixes_are_refused() {
    for prefix in ["api", "*", " /api", "http://a/api"] {
        assert_eq!(StripPrefix::new(prefix).unwrap_err(), Error::LeadingSlash(prefix.into()));
    }
    for prefix in ["/a%20b", "/%2Fa"] {
        assert_eq!(StripPrefix::new(prefix).unwrap_err(), Error::Encoded(prefix.into()));
    }
    for (prefix, normal) in [
        ("//api", "/api"),
        ("/api//", "/api/"),
        ("/a/../b", "/b"),
        ("/a\\b", "/a/b"),
        ("/a?b", "/a"),
    ] {
        let error = StripPrefix::new(prefix).unwrap_err();
        let expected = Error::NotNormal { pattern: prefix.into(), normal: normal.into() };
        assert_eq!(error, expected, "{prefix}");
    }
}

#[test]
fn error_texts_say_what_to_write() {
    let text = |prefix| StripPrefix::new(prefix).unwrap_err().to_string();
    insta::assert_snapshot!(text("api"), @r#""api" does not begin with a slash: write the whole path, /…"#);
    insta::assert_snapshot!(text("/a%20b"), @r#""/a%20b" is encoded: write it decoded, as in "/a b" for /a%20b"#);
    insta::assert_snapshot!(text("/a/../b"), @r#""/a/../b" is not in normal form, no path begins with it: write "/b""#);
}

#[test]
fn the_empty_prefix_and_the_root_are_no_layer() {
    for prefix in ["", "/"] {
        let next = next();
        let strip = StripPrefix::new(prefix).unwrap().required(true).forwarded_prefix(true);
        assert!(strip.wrap(next.clone()).is_same(&next), "{prefix:?}");
    }
    let next = next();
    assert!(!StripPrefix::new("/a").unwrap().wrap(next.clone()).is_same(&next));
}

#[test]
fn it_can_be_shared_and_printed() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let strip = StripPrefix::new("/api/").unwrap();
    is_shareable(&strip);
    assert!(format!("{strip:?}").contains("\"/api\""));
}
