use http::header::{ACCEPT, CONNECTION, TE, UPGRADE};
use parapet_header::{
    X_FORWARDED_FOR, has_token, is_token, is_upgrade, list, split_commas, te_trailers,
};

use crate::{map, text};

fn check(lines: &[&str], expected: &[&str]) {
    let map = map(&ACCEPT, lines);
    let elements: Vec<_> = list(&map, &ACCEPT).map(text).collect();
    assert_eq!(elements, expected, "{lines:?}");
}

#[test]
fn list_gives_the_elements_of_all_lines() {
    check(&[], &[]);
    check(&[""], &[]);
    check(&[" , ,\t,"], &[]);
    check(&["a, \"b,c\" ,, d", ",e"], &["a", "\"b,c\"", "d", "e"]);
    check(&["\t a b \t,c"], &["a b", "c"]);
}

#[test]
fn quoted_comma_does_not_split() {
    check(&[r#"a="x\",y", b"#], &[r#"a="x\",y""#, "b"]);
    check(&[r#"a="x\\",b"#], &[r#"a="x\\""#, "b"]);
    check(&[r"a\,b"], &[r"a\", "b"]); // outside quotes a backslash escapes nothing
}

#[test]
fn open_quote_ends_with_its_line() {
    check(&["a, \"b, c", "d, e"], &["a", "\"b, c", "d", "e"]);
    check(&[r#"a, "b\"#, "c"], &["a", r#""b\"#, "c"]);
}

#[test]
fn split_commas_keeps_every_piece_from_both_ends() {
    for (lines, expected) in [
        (&["a,,b"][..], &["a", "", "b"][..]),
        (&["a, b\t", " c"], &["a", "b", "c"]),
        (&["\"x", "y, z\""], &["\"x", "y", "z\""]),
        (&["\"x, y\""], &["\"x", "y\""]),
        (&["", "a"], &["", "a"]),
        (&[], &[]),
    ] {
        let map = map(&X_FORWARDED_FOR, lines);
        let pieces = || split_commas(&map, &X_FORWARDED_FOR).map(text);
        assert_eq!(pieces().collect::<Vec<_>>(), expected, "{lines:?}");
        let mut backwards: Vec<_> = pieces().rev().collect();
        backwards.reverse();
        assert_eq!(backwards, expected, "{lines:?}, from the back");
    }
}

#[test]
fn token_is_a_whole_element_in_any_case() {
    for (lines, expected) in [
        (&["keep-alive, Upgrade"][..], true),
        (&["keep-alive", "UPGRADE"], true),
        (&["upgrade-insecure"], false),
        (&["\"upgrade\""], false),
        (&["up, grade"], false),
        (&[""], false),
        (&[], false),
    ] {
        let map = map(&CONNECTION, lines);
        assert_eq!(has_token(&map, &CONNECTION, "upgrade"), expected, "{lines:?}");
    }
}

#[test]
fn upgrade_takes_both_fields() {
    for (connection, upgrade, expected) in [
        (&["keep-alive, Upgrade"][..], &["websocket"][..], true),
        (&["upgrade"], &[""], false),
        (&["upgrade"], &[], false),
        (&["close"], &["websocket"], false),
        (&[], &["websocket"], false),
    ] {
        let mut map = map(&CONNECTION, connection);
        map.extend(crate::map(&UPGRADE, upgrade));
        assert_eq!(is_upgrade(&map), expected, "{connection:?} {upgrade:?}");
    }
}

#[test]
fn te_names_trailers() {
    for (line, expected) in [("trailers", true), ("gzip;q=0.5, Trailers", true), ("gzip", false)] {
        assert_eq!(te_trailers(&map(&TE, &[line])), expected, "{line}");
    }
}

#[test]
fn a_token_is_made_of_visible_ascii_without_delimiters() {
    for token in ["GET", "x-a_b.c", "!#$%&'*+-.^_`|~09azAZ"] {
        assert!(is_token(token.as_bytes()), "{token}");
    }
    for other in ["", " ", "a b", "a,b", "a;b", "a=b", "a/b", "(a)", "\"a\"", "a\0", "\u{e9}"] {
        assert!(!is_token(other.as_bytes()), "{other}");
    }
}
