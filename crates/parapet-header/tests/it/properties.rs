use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, IF_MATCH, TE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{map, text};

/// Bytes that steer the parsers, and some that do not.
fn line(bytes: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![4 => select(bytes), 1 => any::<u8>()], 0..40)
}

/// A line that a header map takes.
fn field_line() -> impl Strategy<Value = Vec<u8>> {
    line(b" \t,;=\"\\*-/Wq01.gzipx")
        .prop_filter("a field value", |line| HeaderValue::from_bytes(line).is_ok())
}

/// Whether no quote is open at the end of the line, where the next one is joined on.
fn is_closed(line: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// All that the parsers make of one field, whatever its name, as text to compare.
fn read(map: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut read: Vec<String> = list(map, name).map(text).collect();
    read.extend(split_commas(map, name).map(text));
    read.extend(weighted(map, name).map(|(element, q)| format!("{} {q:?}", text(element))));
    read.extend(directives(map, name).map(|(d, argument)| format!("{} {argument:?}", text(d))));
    let tokens = ["x", "gzip", "trailers", ""].map(|token| has_token(map, name, token));
    let codings = ["gzip", "x-gzip", "identity", "z"].map(|coding| coding_quality(map, coding));
    read.push(format!("{tokens:?} {codings:?} {} {}", te_trailers(map), is_upgrade(map)));
    let mut varied = map.clone();
    add_vary(&mut varied, &CONNECTION);
    read.push(format!("added {}", varied.len() - map.len()));
    read
}

/// What a condition on entity tags says.
fn tags(map: &HeaderMap) -> Option<Vec<String>> {
    Some(match entity_tags(map, &IF_MATCH)? {
        EntityTags::Any => vec!["any".to_owned()],
        EntityTags::List(tags) => tags.map(|tag| format!("{tag:?}")).collect(),
    })
}

proptest! {
    #[test]
    fn one_line_says_what_several_say(lines in vec(field_line().prop_filter("quotes closed", |l| is_closed(l)), 1..5)) {
        let joined = [lines.join(&b","[..])];
        for name in [ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, TE, VARY] {
            prop_assert_eq!(read(&map(&name, &lines), &name), read(&map(&name, &joined), &name));
        }
    }

    #[test]
    fn one_line_of_tags_says_what_several_say(lines in vec(vec(select(&["*", "\"a\"", "W/\"b,\\\"", " ", ",", ""][..]), 0..4), 1..4)) {
        let lines: Vec<String> = lines.iter().map(|members| members.join(",")).collect();
        let joined = [lines.join(",")];
        prop_assert_eq!(tags(&map(&IF_MATCH, &lines)), tags(&map(&IF_MATCH, &joined)));
    }

    #[test]
    fn one_line_of_cookies_says_what_several_say(lines in vec(field_line(), 1..5)) {
        let [several, one] = [map(&COOKIE, &lines), map(&COOKIE, &[lines.join(&b";"[..])])];
        prop_assert!(cookies(&several).eq(cookies(&one)));
    }

    #[test]
    fn one_connection_line_strips_what_several_strip(lines in vec(field_line().prop_filter("quotes closed", |l| is_closed(l)), 1..20)) {
        let strip = |lines: &[Vec<u8>]| {
            let mut map = map(&CONNECTION, lines);
            for name in ["x", "z", "0", "g", "te", "host"] {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
            }
            let named: Vec<String> = list(&map, &CONNECTION).map(|option| text(option).to_lowercase()).collect();
            strip_hop_by_hop(&mut map);
            (map, named)
        };
        let (several, named) = strip(&lines);
        prop_assert_eq!(&several, &strip(&[lines.join(&b","[..])]).0);
        for name in ["x", "z", "0", "g"] {
            prop_assert_eq!(several.contains_key(name), !named.iter().any(|option| option == name));
        }
        prop_assert!(several.contains_key("host") && !several.contains_key("connection"));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in line(b" \t,;=\"\\*-/W[]:.%q0123"), size: u64, most in 0..20_usize) {
        let (_, found) = params(&bytes);
        found.for_each(drop);
        elements(&bytes).for_each(drop);
        let _ = (delta_seconds(&bytes), client_ip(&bytes), quoted(&text(&bytes)), EntityTag::parse(&bytes));
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let weak = weaken(&value);
        prop_assert!(EntityTag::parse(&bytes).is_none_or(|tag| EntityTag::parse(weak.as_bytes()).unwrap().weak_eq(&tag)));
        let content = map(&CONTENT_TYPE, &[&bytes]);
        let _ = MediaType::of(&content).map(|found| (found.is("a/b"), found.param("q")));
        let _ = tags(&map(&IF_MATCH, &[&bytes]));
        let _ = (first_str(&content, &CONTENT_TYPE), has_value(&content, &CONTENT_TYPE));
        let _ = one_line(&content, &CONTENT_TYPE);
        let ranged = HeaderValue::from_bytes(&[b"bytes=", &bytes[..]].concat()).unwrap();
        for range in [&value, &ranged] {
            let _ = byte_ranges(range, size, most);
        }
    }

    #[test]
    fn ranges_lie_in_the_content(members in vec((0..30_u64, 0..30_u64, 0..3_u8), 1..6), size in 0..25_u64) {
        let written = members.iter().map(|(a, b, form)| match form {
            0 => format!("{a}-{}", a + b),
            1 => format!("{a}-"),
            _ => format!("-{a}"),
        });
        let value = format!("bytes={}", written.collect::<Vec<_>>().join(", "));
        // The slow model: which bytes of the content each member names.
        let named: Vec<Vec<u64>> = members.iter().map(|&(a, b, form)| {
            let names = |at: &u64| match form {
                0 => (a..=a + b).contains(at),
                1 => *at >= a,
                _ => *at + a >= size,
            };
            (0..size).filter(names).collect()
        }).filter(|named: &Vec<u64>| !named.is_empty()).collect();
        let sum: usize = named.iter().map(Vec::len).sum();
        match byte_ranges(&HeaderValue::from_str(&value).unwrap(), size, 10) {
            Ranges::Some(ranges) => {
                prop_assert_eq!(ranges.map(Vec::from_iter).collect::<Vec<_>>(), named);
                prop_assert!(sum as u64 <= size);
            }
            Ranges::Unsatisfiable => prop_assert!(named.is_empty() && size > 0),
            _ => prop_assert!(size == 0 || sum as u64 > size),
        }
    }
}
