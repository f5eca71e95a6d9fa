use std::ops::RangeInclusive;

use http::HeaderValue;
use parapet_header::{Ranges, byte_ranges};

fn check(value: &str, size: u64, expected: Expected<'_>) {
    let value = HeaderValue::from_str(value).unwrap();
    match (byte_ranges(&value, size, 16), expected) {
        (Ranges::Ignore, Expected::Ignore) | (Ranges::Unsatisfiable, Expected::Unsatisfiable) => {}
        (Ranges::Some(ranges), Expected::Some(expected)) => {
            assert_eq!(ranges.len(), expected.len(), "{value:?} of {size}");
            assert_eq!(ranges.collect::<Vec<_>>(), expected, "{value:?} of {size}");
        }
        (found, expected) => panic!("{value:?} of {size}: {found:?} instead of {expected:?}"),
    }
}

#[derive(Debug)]
enum Expected<'a> {
    Ignore,
    Unsatisfiable,
    Some(&'a [RangeInclusive<u64>]),
}
use Expected::{Ignore, Some, Unsatisfiable};

#[test]
fn ranges_are_cut_to_the_content() {
    check("bytes=0-3", 10, Some(&[0..=3]));
    check("bytes=-4", 10, Some(&[6..=9]));
    check("bytes=-40", 10, Some(&[0..=9]));
    check("bytes=4-", 10, Some(&[4..=9]));
    check("bytes=0-0,2-3", 10, Some(&[0..=0, 2..=3]));
    check("bytes=9-20", 10, Some(&[9..=9]));
    check("bytes=0-99999999999999999999999", 10, Some(&[0..=9]));
    check("Bytes= 0-0 ,, 1-1,", 10, Some(&[0..=0, 1..=1]));
    check("bytes=3-4,1-3", 10, Some(&[3..=4, 1..=3])); // order and overlap as asked
    check("bytes=0-", u64::MAX, Some(&[0..=u64::MAX - 1]));
}

#[test]
fn unsatisfiable_members_are_left_out_until_none_is_left() {
    check("bytes=10-", 10, Unsatisfiable);
    check("bytes=-0", 10, Unsatisfiable);
    check("bytes=10-12,-0,99999999999999999999999-", 10, Unsatisfiable);
    check("bytes=10-,0-1,-0,5-5", 10, Some(&[0..=1, 5..=5]));
}

#[test]
fn bad_syntax_is_ignored() {
    for value in [
        "bytes=5-4",
        "bytes=0-1,5-4",
        "bytes=",
        "bytes=,",
        "bytes",
        "",
        "bytes=-",
        "bytes=a-1",
        "bytes=1-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes =0-1",
        "bytes=\"0-1\"",
        "items=0-1",
        "bytes:0-1",
        "bytes=0-1;2-3",
    ] {
        check(value, 10, Ignore);
    }
}

#[test]
fn more_than_the_whole_is_ignored() {
    check("bytes=0-9", 10, Some(&[0..=9]));
    check("bytes=0-9,0-0", 10, Ignore);
    check("bytes=0-,0-", u64::MAX, Ignore);
    check("bytes=0-0", 0, Ignore);
    check("bytes=-1", 0, Ignore);
}

#[test]
fn more_members_than_allowed_are_ignored() {
    let members = |count| format!("bytes={}", vec!["0-0"; count].join(","));
    check(&members(16), 100, Some(&[const { 0..=0 }; 16]));
    check(&members(17), 100, Ignore);
    let unsatisfiable = format!("bytes={}", vec!["-0"; 17].join(","));
    check(&unsatisfiable, 100, Ignore);
}
