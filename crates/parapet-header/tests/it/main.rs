//! What parapet-header promises, through its public API.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Which calls allocate; the bound of a call on a usual line.
#[cfg(test)]
mod allocations;
/// `Range` against a known size.
#[cfg(test)]
mod byte_ranges;
/// Addresses as forwarding fields write them.
#[cfg(test)]
mod client_ip;
/// The `Cookie` field.
#[cfg(test)]
mod cookies;
/// `Cache-Control` and its like.
#[cfg(test)]
mod directives;
/// `ETag` and the conditions on it.
#[cfg(test)]
mod entity_tag;
/// Laws of all parsers, for any bytes.
#[cfg(test)]
mod fields;
/// The corpus of the fuzz target `header_fields`, and inputs near it.
#[cfg(test)]
mod fuzz_corpus;
/// Which fields go no further than the next hop.
#[cfg(test)]
mod hop_by_hop;
/// Comma lists over several lines.
#[cfg(test)]
mod list;
/// Single lines: reading and adding them.
#[cfg(test)]
mod lookup;
/// `Content-Type`.
#[cfg(test)]
mod media_type;
/// The constants.
#[cfg(test)]
mod names;
/// Parameters of list elements.
#[cfg(test)]
mod params;
/// Any bytes: no panic, and one line says what several say.
#[cfg(test)]
mod properties;
/// Weights and `Accept-Encoding`.
#[cfg(test)]
mod quality;
/// Writing a quoted-string.
#[cfg(test)]
mod quoted;
/// What holds for every public type.
#[cfg(test)]
mod surface;
/// Which fields may stand in a trailer section.
#[cfg(test)]
mod trailers;
/// Additions to `Vary`.
#[cfg(test)]
mod vary;

/// Counts allocations for [`allocations`].
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A map with these lines of one field.
#[cfg(test)]
fn map(name: &http::HeaderName, lines: &[impl AsRef<[u8]>]) -> http::HeaderMap {
    lines
        .iter()
        .map(|line| (name.clone(), http::HeaderValue::from_bytes(line.as_ref()).unwrap()))
        .collect()
}

/// For messages and comparison in tables.
#[cfg(test)]
fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}
