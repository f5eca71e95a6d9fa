use http::header::CONTENT_TYPE;
use parapet_header::MediaType;

use crate::{map, text};

#[test]
fn media_type_is_read_from_one_line() {
    for (lines, essence, charset) in [
        (&["Text/HTML; Charset=\"utf-8\""][..], Some("Text/HTML"), Some("utf-8")),
        (&["text/html"], Some("text/html"), None),
        (&["text/html;charset=a;charset=b"], Some("text/html"), Some("a")),
        (&["application/vnd.api+json ;v=1"], Some("application/vnd.api+json"), None),
        (&["text/html;charset"], Some("text/html"), Some("")),
        (&["text/html, text/plain"], None, None),
        (&["text/html", "text/html"], None, None),
        (&["text"], None, None),
        (&["text/"], None, None),
        (&["/html"], None, None),
        (&["text/a/b"], None, None),
        (&["text / html"], None, None),
        (&[""], None, None),
        (&[], None, None),
    ] {
        let map = map(&CONTENT_TYPE, lines);
        let found = MediaType::of(&map);
        assert_eq!(found.as_ref().map(MediaType::essence), essence, "{lines:?}");
        let found = found.and_then(|media_type| media_type.param("CHARSET"));
        assert_eq!(found.map(text).as_deref(), charset, "{lines:?}");
    }
}

#[test]
fn media_type_compares_without_case() {
    let map = map(&CONTENT_TYPE, &["Text/HTML; charset=utf-8"]);
    let media_type = MediaType::of(&map).unwrap();
    assert!(media_type.is("text/html"));
    assert!(!media_type.is("text/htm"));
}
