use http::header::{AUTHORIZATION, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::{add_vary, append_if_absent, first_str, has_value, one_line};

use crate::map;

#[test]
fn first_str_is_the_first_line_as_text() {
    for (lines, expected) in [
        (&[&b"a"[..], b"b"][..], Some("a")),
        (&["é".as_bytes()], Some("é")),
        (&[b"\xff", b"b"], None),
        (&[b""], Some("")),
        (&[], None),
    ] {
        assert_eq!(first_str(&map(&VARY, lines), &VARY), expected, "{lines:?}");
    }
}

#[test]
fn has_value_looks_at_the_first_line() {
    for (lines, expected) in [(&["a", ""][..], true), (&["", "a"], false), (&[], false)] {
        assert_eq!(has_value(&map(&VARY, lines), &VARY), expected, "{lines:?}");
    }
}

#[test]
fn append_if_absent_compares_whole_lines() {
    for (lines, expected) in [
        (&[][..], 1),
        (&["origin"][..], 1),
        (&["a", "origin"], 2),
        (&["Origin"], 2),
        (&["origin, a"], 2),
    ] {
        let mut map = map(&VARY, lines);
        append_if_absent(&mut map, VARY, HeaderValue::from_static("origin"));
        assert_eq!(map.get_all(VARY).iter().count(), expected, "{lines:?}");
        assert!(map.get_all(VARY).iter().any(|line| line == "origin"), "{lines:?}");
    }
}

#[test]
fn full_map_is_left_as_it_is() {
    let mut map = HeaderMap::new();
    for number in 0.. {
        let name = HeaderName::try_from(format!("x-{number}")).unwrap();
        if map.try_append(name, HeaderValue::from_static("")).is_err() {
            break;
        }
    }
    let full = map.clone();
    append_if_absent(&mut map, VARY, HeaderValue::from_static("origin"));
    add_vary(&mut map, &AUTHORIZATION);
    assert_eq!(map, full);
}

#[test]
fn one_line_refuses_several() {
    const MESSAGE: &str = "a header field that must not repeat has several lines";
    for (lines, expected) in
        [(&[][..], Ok(None)), (&["a"], Ok(Some("a"))), (&["a", "a"], Err(MESSAGE))]
    {
        let map = map(&AUTHORIZATION, lines);
        let line = one_line(&map, &AUTHORIZATION);
        let line = line.map(|line| line.map(|line| line.to_str().unwrap()));
        assert_eq!(line.map_err(|e| e.to_string()), expected.map_err(str::to_owned), "{lines:?}");
    }
}
