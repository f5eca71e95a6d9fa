use http::header::COOKIE;
use parapet_header::cookies;

use crate::{map, text};

#[test]
fn cookies_are_pairs_of_all_lines() {
    for (lines, expected) in [
        (&["a=1; b=2"][..], &[("a", "1"), ("b", "2")][..]),
        (&["a=1", "b=2;a=3"], &[("a", "1"), ("b", "2"), ("a", "3")]),
        (&["a=x=y;\tb = 1 "], &[("a", "x=y"), ("b", " 1")]),
        (
            &["a=\"x\"; b=\"\"; c=\"\"\"\"; d=\"; e=x\""],
            &[("a", "x"), ("b", ""), ("c", "\"\""), ("d", "\""), ("e", "x\"")],
        ),
        (&["a=\"x;y\""], &[("a", "\"x")]),
        (&["a; =1;  = 2;; b="], &[("b", "")]),
        (&["a=%20,é\\"], &[("a", "%20,é\\")]),
        (&[], &[]),
    ] {
        let map = map(&COOKIE, lines);
        let found: Vec<_> = cookies(&map).map(|(name, value)| (text(name), text(value))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (text(name), text(value))).collect();
        assert_eq!(found, expected, "{lines:?}");
    }
}

#[test]
fn cookies_end_at_1024() {
    let map = map(&COOKIE, &["skipped;a=1;".repeat(1000), "b=2;".repeat(1000)]);
    let found: Vec<_> = cookies(&map).map(|(name, _)| name).collect();
    assert_eq!((found.len(), found.last()), (1024, Some(&&b"b"[..])));
}
