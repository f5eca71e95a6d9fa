use std::hint::black_box;

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, IF_NONE_MATCH, ORIGIN, RANGE,
    TE, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::*;
use stats_alloc::Region;

use crate::ALLOCATOR;

/// The fewest allocations in a number of runs: other tests allocate beside this one at times.
fn fewest_allocations(mut run: impl FnMut()) -> usize {
    let count = |_| {
        let region = Region::new(ALLOCATOR);
        run();
        let change = region.change();
        change.allocations + change.reallocations
    };
    (0..1000).map(count).min().unwrap()
}

fn request() -> HeaderMap {
    let mut map = HeaderMap::with_capacity(64);
    for (name, line) in [
        (ACCEPT_ENCODING, "gzip;q=0.8, deflate, br;q=0.5, zstd, identity;q=0.1, *;q=0"),
        (CONNECTION, "keep-alive, x-hop, Upgrade"),
        (CONNECTION, "x-other"),
        (UPGRADE, "websocket"),
        (TE, "trailers"),
        (COOKIE, "a=1; b=\"2\""),
        (CONTENT_TYPE, "text/html; charset=\"utf-8\""),
        (CACHE_CONTROL, "max-age=60, no-cache=\"a, b\""),
        (IF_NONE_MATCH, "\"a\", W/\"b\""),
        (RANGE, "bytes=0-1, 4-5"),
        (X_FORWARDED_FOR, "192.0.2.1, [2001:db8::1]:80"),
        (HeaderName::from_static("x-hop"), "1"),
        (HeaderName::from_static("x-other"), "2"),
    ] {
        map.append(name, HeaderValue::from_static(line));
    }
    map
}

#[test]
fn reading_allocates_nothing() {
    let map = request();
    let found = fewest_allocations(|| {
        assert_eq!(list(&map, &ACCEPT_ENCODING).count(), 6);
        assert_eq!(weighted(&map, &ACCEPT_ENCODING).count(), 6);
        assert_eq!(coding_quality(&map, "br").map(Quality::get), Some(500));
        assert!(is_upgrade(&map) && te_trailers(&map) && has_token(&map, &CONNECTION, "upgrade"));
        assert_eq!(cookies(&map).count(), 2);
        assert!(
            MediaType::of(&map).is_some_and(|m| m.is("text/html") && m.param("charset").is_some())
        );
        assert_eq!(directives(&map, &CACHE_CONTROL).count(), 2);
        let Some(EntityTags::List(tags)) = entity_tags(&map, &IF_NONE_MATCH) else { panic!() };
        assert_eq!(tags.count(), 2);
        let Ranges::Some(ranges) = byte_ranges(&map[RANGE], 10, 16) else { panic!() };
        assert_eq!(ranges.count(), 2);
        assert_eq!(split_commas(&map, &X_FORWARDED_FOR).rev().filter_map(client_ip).count(), 2);
        assert!(!forbidden_in_trailers(&ORIGIN));
    });
    assert_eq!(found, 0);
}

#[test]
fn stripping_and_vary_allocate_nothing() {
    let mut maps: Vec<_> = (0..1000).map(|_| request()).collect();
    let mut left = maps.iter_mut();
    let found = fewest_allocations(|| {
        let map = left.next().unwrap();
        strip_hop_by_hop(map);
        assert_eq!(map.len(), 7);
        map.insert(VARY, HeaderValue::from_static("a")); // a second line may let the map grow
        map.remove(VARY);
        add_vary(black_box(map), &ORIGIN);
        assert_eq!(map[VARY], "origin");
    });
    assert_eq!(found, 0);
}
