//! Reads any bytes by every parser, and checks what has to hold of what they say. Shared with the fuzz target
//! `header_fields`.

use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue};
use parapet_header::*;

/// Property of the fuzz target: no panic, bounded work, and every parser agrees with its law. The first two bytes choose
/// size and bound of the ranges; lines end at a line feed.
pub(crate) fn fields(data: &[u8]) {
    let Some(([size, most], text)) = data.split_first_chunk::<2>() else { return };
    free_text(text);
    let lines: Vec<_> =
        text.split(|byte| *byte == b'\n').filter_map(|l| HeaderValue::from_bytes(l).ok()).collect();
    for line in &lines {
        ranges(line, u64::from(*size) * 3, usize::from(most % 8));
        tag(line);
    }
    lists(&of(&CONNECTION, &lines));
    conditions(&of(&IF_NONE_MATCH, &lines), &of(&IF_MATCH, &lines));
    let sent = of(&COOKIE, &lines);
    for (name, value) in cookies(&sent) {
        assert!(!name.is_empty() && !name.contains(&b';') && !name.contains(&b'='));
        assert!(!value.contains(&b';'));
    }
    assert!(cookies(&sent).count() <= 1024);
    if let Some(found) = MediaType::of(&of(&CONTENT_TYPE, &lines)) {
        assert!(lines.len() == 1 && found.is(found.essence()), "{found:?}");
        assert_eq!(found.essence().split('/').filter(|part| is_token(part.as_bytes())).count(), 2);
        let _ = found.param("charset");
    }
}

fn of(name: &HeaderName, lines: &[HeaderValue]) -> HeaderMap {
    lines.iter().map(|line| (name.clone(), line.clone())).collect()
}

/// Parsers that take bytes which are not yet a field value.
fn free_text(text: &[u8]) {
    for element in elements(text) {
        let blank = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
        assert!(!blank(element.first()) && !blank(element.last()), "{element:?}");
        let (head, found) = params(element);
        let said: usize =
            found.map(|(name, value)| name.len() + value.map_or(0, |v| v.len())).sum();
        assert!(head.len() + said <= element.len(), "more than was written: {element:?}");
    }
    if let Some(seconds) = delta_seconds(text) {
        assert!(seconds <= 1 << 31 && text.iter().all(u8::is_ascii_digit));
    }
    if let Some(address) = client_ip(text) {
        assert_eq!(client_ip(address.to_string().as_bytes()), Some(address), "{address}");
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    assert_eq!(quoted(text).is_none(), text.chars().any(char::is_control), "{text:?}");
    if let Some(quoted) = quoted(text) {
        // Written and read again it is the same.
        let element = format!("a;b={quoted}");
        let read: Vec<_> = params(element.as_bytes()).1.collect();
        assert_eq!(read.len(), 1, "{element:?}");
        assert_eq!(read[0].1.as_deref(), Some(text.as_bytes()), "{element:?}");
    }
}

fn ranges(line: &HeaderValue, size: u64, most: usize) {
    let whole = HeaderValue::from_bytes(&[b"bytes=", line.as_bytes()].concat()).unwrap();
    for value in [line, &whole] {
        let Ranges::Some(ranges) = byte_ranges(value, size, most) else { continue };
        let ranges: Vec<_> = ranges.collect();
        assert!((1..=most).contains(&ranges.len()), "{value:?}: {ranges:?}");
        assert!(ranges.iter().all(|r| r.start() <= r.end() && *r.end() < size), "{ranges:?}");
        let sum: u64 = ranges.iter().map(|range| range.end() - range.start() + 1).sum();
        assert!(sum <= size, "{value:?}: {sum} of {size} bytes");
    }
}

fn tag(line: &HeaderValue) {
    let weak = weaken(line);
    match EntityTag::parse(line.as_bytes()) {
        Some(tag) => {
            let weakened = EntityTag::parse(weak.as_bytes()).unwrap();
            assert!(weakened.is_weak() && weakened.weak_eq(&tag) && !weakened.strong_eq(&tag));
            assert_eq!(tag.strong_eq(&tag), !tag.is_weak());
        }
        None => assert_eq!(weak, line, "what is no tag stays"),
    }
}

fn conditions(none_match: &HeaderMap, is_match: &HeaderMap) {
    let read = |map: &HeaderMap, name| match entity_tags(map, &name) {
        None => None,
        Some(EntityTags::Any) => Some(Vec::new()),
        Some(EntityTags::List(tags)) => Some(tags.map(|tag| format!("{tag:?}")).collect()),
    };
    assert_eq!(read(none_match, IF_NONE_MATCH), read(is_match, IF_MATCH), "the name plays no part");
}

/// What is read of a list, by each parser of lists, on the lines of `Connection`.
fn lists(map: &HeaderMap) {
    let members: Vec<_> = list(map, &CONNECTION).collect();
    for member in &members {
        if let Ok(token) = std::str::from_utf8(member) {
            assert!(has_token(map, &CONNECTION, token), "{token:?}");
            assert!(has_token(map, &CONNECTION, &token.to_ascii_uppercase()), "{token:?}");
        }
    }
    assert!(weighted(map, &CONNECTION).count() <= members.len());
    assert!(weighted(map, &CONNECTION).all(|(_, quality)| quality.get() <= 1000));
    assert!(directives(map, &CONNECTION).all(|(name, _)| is_token(name)));
    assert!(
        split_commas(map, &CONNECTION).eq(split_commas(map, &CONNECTION)
            .rev()
            .collect::<Vec<_>>()
            .into_iter()
            .rev())
    );
    for coding in ["gzip", "identity", "br"] {
        let _ = coding_quality(map, coding);
    }
    let _ = (
        te_trailers(map),
        is_upgrade(map),
        one_line(map, &CONNECTION),
        first_str(map, &CONNECTION),
    );
    let mut stripped = map.clone();
    stripped.insert("x", HeaderValue::from_static("1"));
    stripped.insert("host", HeaderValue::from_static("h"));
    strip_hop_by_hop(&mut stripped);
    let named = members.iter().any(|member| member.eq_ignore_ascii_case(b"x"));
    assert_eq!(stripped.contains_key("x"), !named);
    assert!(stripped.contains_key("host") && !stripped.contains_key(CONNECTION));
}
