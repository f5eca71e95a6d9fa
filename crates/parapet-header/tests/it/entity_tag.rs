use http::HeaderValue;
use http::header::IF_NONE_MATCH;
use parapet_header::{EntityTag, EntityTags, entity_tags, weaken};

use crate::{map, text};

#[test]
fn entity_tag_is_quoted_and_may_be_weak() {
    for (tag, expected) in [
        ("\"a\"", Some((false, "a"))),
        ("W/\"a\"", Some((true, "a"))),
        ("\"\"", Some((false, ""))),
        ("\"a,b\\\"", Some((false, "a,b\\"))),
        ("\"é\"", Some((false, "é"))),
        ("w/\"a\"", None),
        ("W/a", None),
        ("a", None),
        ("\"a", None),
        ("a\"", None),
        ("\"", None),
        ("\"a b\"", None),
        ("\"a\"b", None),
        ("\"a\\\"b\"", None),
        ("\"a\x7f\"", None),
        (" \"a\"", None),
        ("*", None),
        ("", None),
    ] {
        let found = EntityTag::parse(tag.as_bytes());
        let found = found.map(|tag| (tag.is_weak(), text(tag.opaque())));
        assert_eq!(found, expected.map(|(weak, opaque)| (weak, text(opaque))), "{tag}");
    }
}

#[test]
fn comparison_is_that_of_the_rfc() {
    // The table of RFC 9110 §8.8.3.2.
    for (a, b, strong, weak) in [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
        ("\"1\"", "\"2\"", false, false),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            let [left, right] = [a, b].map(|tag| EntityTag::parse(tag.as_bytes()).unwrap());
            assert_eq!((left.strong_eq(&right), left.weak_eq(&right)), (strong, weak), "{a} {b}");
        }
    }
}

#[test]
fn weaken_marks_a_strong_tag() {
    for (tag, expected) in
        [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\""), ("a", "a"), ("\"a\" x", "\"a\" x"), ("", "")]
    {
        assert_eq!(weaken(&HeaderValue::from_static(tag)), expected, "{tag}");
    }
}

#[test]
fn condition_is_any_or_a_list_or_nothing() {
    for (lines, expected) in [
        (&["*"][..], Some(&["*"][..])),
        (&[" , *", ""], Some(&["*"])),
        (&["\"a\""], Some(&["\"a\""])),
        (
            &["\"a\", W/\"b,c\"\t,,", "\"d\\\", \"e\""],
            Some(&["\"a\"", "W/\"b,c\"", "\"d\\\"", "\"e\""]),
        ),
        (&["\"a\",\"b\""], Some(&["\"a\"", "\"b\""])),
        (&["\"a\" \"b\""], None),
        (&["\"a\"\"b\""], None),
        (&["\"a\", b"], None),
        (&["\"a\"", "\"b"], None),
        (&["*, \"a\""], None),
        (&["\"a\"", "*"], None),
        (&["*", "*"], None),
        (&["", ","], None),
        (&[], None),
    ] {
        let map = map(&IF_NONE_MATCH, lines);
        let found = entity_tags(&map, &IF_NONE_MATCH).map(|tags| match tags {
            EntityTags::Any => vec!["*".to_owned()],
            EntityTags::List(tags) => tags
                .map(|tag| {
                    format!("{}\"{}\"", if tag.is_weak() { "W/" } else { "" }, text(tag.opaque()))
                })
                .collect(),
        });
        assert_eq!(found, expected.map(|tags| tags.iter().map(text).collect()), "{lines:?}");
    }
}
