//! Memory of heads that are done with, for the heads that come next.
//!
//! A proxy builds two field maps and one set of extensions per request and drops them microseconds later. Whoever is done
//! with a head gives its parts back here, cleared, and the next head of this thread takes them: an allocation less each.
//! The list is bounded, and what is larger than most heads need is dropped.

use std::cell::RefCell;

use http::{Extensions, HeaderMap};

/// Parts kept per thread: enough for the requests that one worker has in the air.
const KEPT: usize = 64;
/// Fields of the largest map kept.
const LARGEST: usize = 128;

thread_local! {
    static MAPS: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
    static EXTENSIONS: RefCell<Vec<Extensions>> = const { RefCell::new(Vec::new()) };
}

/// An empty map, with room if one was given back.
pub fn map() -> HeaderMap {
    MAPS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a map back; its fields are dropped.
pub fn give_map(mut map: HeaderMap) {
    if map.capacity() == 0 || map.capacity() > LARGEST {
        return;
    }
    map.clear();
    MAPS.with_borrow_mut(|maps| {
        if maps.len() < KEPT {
            maps.push(map);
        }
    });
}

/// Empty extensions, with room if some were given back.
pub fn extensions() -> Extensions {
    EXTENSIONS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives extensions back; their values are dropped.
pub fn give_extensions(mut extensions: Extensions) {
    if extensions.is_empty() {
        return;
    }
    // Outside the borrow: what a value's drop does is not known here.
    extensions.clear();
    EXTENSIONS.with_borrow_mut(|kept| {
        if kept.len() < KEPT {
            kept.push(extensions);
        }
    });
}
