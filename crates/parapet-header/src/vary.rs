use http::header::VARY;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::list::any_element;

/// Makes `Vary` name the field (RFC 9110 §12.5.5).
///
/// Nothing happens if a member equals `name`, ASCII case ignored, or is `*`; else a line is
/// appended, unless the map is full (32,768 lines). Does not allocate for the names of
/// `http::header`, but the map may grow.
pub fn add_vary(map: &mut HeaderMap, name: &HeaderName) {
    let text = name.as_str().as_bytes();
    let first = map.get(VARY);
    // Two layers that depend on the same field are the usual case, none the other.
    if first.is_some_and(|line| line.as_bytes().eq_ignore_ascii_case(text)) {
        return;
    }
    if first.is_none()
        || !any_element(map, &VARY, |member| member == b"*" || member.eq_ignore_ascii_case(text))
    {
        // A full map cannot take the line, and by contract that is no error.
        let _full = map.try_append(VARY, HeaderValue::from(name.clone()));
    }
}
