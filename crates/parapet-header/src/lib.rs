//! Names of header fields that [`http::header`] lacks, and small parsers of field values.
//!
//! For middleware that reads fields by the grammar of RFC 9110: lists over several lines, weights,
//! parameters, entity tags, ranges. The parsers are pure functions over borrowed bytes: one pass,
//! no panic on any input.
//!
//! ```
//! use http::header::{ACCEPT_ENCODING, CONNECTION, HeaderMap, HeaderValue, ORIGIN, VARY};
//! use parapet_header::{add_vary, coding_quality, has_token, strip_hop_by_hop};
//!
//! let mut request = HeaderMap::new();
//! request.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0.5, br;q=0"));
//! request.insert(CONNECTION, HeaderValue::from_static("close, x-hop"));
//! request.insert("x-hop", HeaderValue::from_static("for the proxy alone"));
//!
//! assert_eq!(coding_quality(&request, "gzip").map(|quality| quality.get()), Some(500));
//! assert_eq!(coding_quality(&request, "br"), None);
//! assert!(has_token(&request, &CONNECTION, "Close"));
//!
//! strip_hop_by_hop(&mut request);
//! assert_eq!(request.len(), 1); // `Accept-Encoding` is for the origin
//!
//! let mut response = HeaderMap::new();
//! add_vary(&mut response, &ORIGIN);
//! assert_eq!(response.get(VARY), Some(&HeaderValue::from_static("origin")));
//! ```
//!
//! Only [`quoted`], [`weaken`] and a quoted value that holds an escape allocate. There are no
//! settings. Dates are the crate `httpdate`'s work, structured fields (RFC 9651) the crate `sfv`'s.

mod byte_ranges;
mod client_ip;
mod cookies;
mod directives;
mod entity_tag;
mod hop_by_hop;
mod list;
mod lookup;
mod media_type;
mod names;
mod params;
mod pieces;
mod quality;
mod quoted;
mod trailers;
mod vary;

pub use self::byte_ranges::{ByteRanges, Ranges, byte_ranges};
pub use self::client_ip::client_ip;
pub use self::cookies::cookies;
pub use self::directives::{delta_seconds, directives};
pub use self::entity_tag::{EntityTag, EntityTagList, EntityTags, entity_tags, weaken};
pub use self::hop_by_hop::{
    remove_fields_named_by_connection, strip_connection_fields, strip_hop_by_hop,
};
pub use self::list::{elements, has_token, is_upgrade, list, split_commas, te_trailers};
pub use self::lookup::{Repeated, append_if_absent, first_str, has_value, one_line};
pub use self::media_type::MediaType;
pub use self::names::{
    KEEP_ALIVE, PROXY_CONNECTION, SEC_FETCH_SITE, X_FORWARDED_FOR, X_FORWARDED_HOST,
    X_FORWARDED_METHOD, X_FORWARDED_PROTO, X_FORWARDED_URI, X_REAL_IP, X_REQUEST_ID,
};
pub use self::params::{Params, params};
pub use self::pieces::is_token;
pub use self::quality::{Quality, coding_quality, weighted};
pub use self::quoted::quoted;
pub use self::trailers::forbidden_in_trailers;
pub use self::vary::add_vary;
