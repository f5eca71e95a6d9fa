use http::header::CACHE_CONTROL;
use parapet_header::{delta_seconds, directives};

use crate::{map, text};

#[test]
fn directives_have_an_argument_or_none() {
    for (lines, expected) in [
        (&["public, max-age=60"][..], &[("public", None), ("max-age", Some("60"))][..]),
        (
            &["no-cache=\"Set-Cookie, X\"", "Private"],
            &[("no-cache", Some("Set-Cookie, X")), ("Private", None)],
        ),
        (&["max-age=\"6\\0\""], &[("max-age", Some("60"))]),
        (&["max-age="], &[("max-age", Some(""))]),
        (&["max-age='60', x=a=b"], &[("max-age", Some("'60'")), ("x", Some("a=b"))]),
        // A malformed argument must not hide that the answer is private.
        (&["private=@"], &[("private", Some("@"))]),
        (&["max-age =1, max-age= 2, max-age = 3, no-store"], &[("no-store", None)]),
        (&["max-age 1, =2, a b=c, \"no-store\""], &[]),
        (&["", ",,"], &[]),
        (&[], &[]),
    ] {
        let map = map(&CACHE_CONTROL, lines);
        let found: Vec<_> = directives(&map, &CACHE_CONTROL)
            .map(|(name, argument)| (text(name), argument.map(text)))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, argument)| (text(name), argument.map(text))).collect();
        assert_eq!(found, expected, "{lines:?}");
    }
}

#[test]
fn delta_seconds_are_digits_up_to_two_to_the_31() {
    for (digits, expected) in [
        ("0", Some(0)),
        ("003600", Some(3600)),
        ("2147483647", Some(2_147_483_647)),
        ("2147483648", Some(1 << 31)),
        ("2147483649", Some(1 << 31)),
        ("4294967296", Some(1 << 31)),
        ("99999999999999999999999999", Some(1 << 31)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("'60'", None),
        ("60.0", None),
        ("60a", None),
        (" 60", None),
        ("٣", None),
    ] {
        assert_eq!(delta_seconds(digits.as_bytes()), expected, "{digits}");
    }
}
