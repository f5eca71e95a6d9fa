use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::{KEEP_ALIVE, PROXY_CONNECTION, elements, is_token};

use crate::Error;

/// The name of a field that a check writes or copies.
pub(crate) fn name(text: &str) -> Result<HeaderName, Error> {
    free(text.parse().map_err(|_| Error::BadHeaderName(text.into()))?)
}

/// `name`, unless it frames messages: set by what somebody else says, it would let two hops see two messages.
pub(crate) fn free(name: HeaderName) -> Result<HeaderName, Error> {
    let reserved = [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HOST,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    if reserved.contains(&name) { Err(Error::ReservedHeader(name)) } else { Ok(name) }
}

/// Removes what the client sent under `names`, and under names that CGI-like backends cannot tell from them, since they
/// read `-` and `_` alike.
pub(crate) fn clear<'a>(
    headers: &mut HeaderMap,
    names: &(impl Iterator<Item = &'a HeaderName> + Clone),
) {
    for name in names.clone() {
        headers.remove(name);
    }
    let is_alike = |found: &HeaderName| names.clone().any(|name| reads_like(name, found));
    while let Some(name) = headers.keys().find(|name| is_alike(name)).cloned() {
        headers.remove(name);
    }
}

fn reads_like(a: &HeaderName, b: &HeaderName) -> bool {
    let (a, b) = (a.as_str().as_bytes(), b.as_str().as_bytes());
    let dash = |byte: &u8| matches!(byte, b'-' | b'_');
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || dash(a) && dash(b))
}

/// Takes `names` off the options of `Connection`. A client that names a field there has it removed by the next hop that
/// keeps to RFC 9110 §7.6.1: behind this check that would be what the check has set.
pub(crate) fn keep<'a>(
    headers: &mut HeaderMap,
    names: &(impl Iterator<Item = &'a HeaderName> + Clone),
) {
    let is_ours =
        |option: &[u8]| names.clone().any(|name| option.eq_ignore_ascii_case(name.as_ref()));
    let options = || headers.get_all(CONNECTION).iter().flat_map(|line| elements(line.as_bytes()));
    if !options().any(is_ours) {
        return;
    }
    // Tokens alone: a quote that is put beside others may end elsewhere, and show a name that it hid.
    let left = options().filter(|option| is_token(option) && !is_ours(option));
    let left: Vec<&[u8]> = left.collect();
    let left = HeaderValue::from_bytes(&left.join(&b", "[..]));
    headers.remove(CONNECTION);
    if let Ok(left) = left
        && !left.is_empty()
    {
        // It was there a moment ago: there is room.
        let _full = headers.try_insert(CONNECTION, left);
    }
}

#[cfg(test)]
mod tests {
    use parapet_header::strip_hop_by_hop;
    use proptest::prelude::*;

    use super::*;

    const OURS: HeaderName = HeaderName::from_static("x-user");

    fn survives(lines: &[impl AsRef<[u8]>]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONNECTION, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        headers.insert(OURS, HeaderValue::from_static("ann"));
        keep(&mut headers, &[OURS].iter());
        strip_hop_by_hop(&mut headers);
        headers.contains_key(OURS)
    }

    #[test]
    fn what_is_left_of_connection_does_not_read_as_something_else() {
        for lines in [
            &["x-user"][..],
            &["close", "X-User ,, x-user"],
            // Each line alone names it once or hides it in quotes; in one line the quotes would end elsewhere.
            &["x-user", "\"", "b\", x-user"],
            &["x-user", "\"a", "b\\\"", "c\", x-user, \""],
        ] {
            assert!(survives(lines), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_connection_says_a_field_of_ours_survives_it(
            lines in proptest::collection::vec(r#"(x-user|X-USER|a|close|[", \\\t;=]){0,8}"#, 0..5)
        ) {
            prop_assert!(survives(&lines), "{:?}", lines);
        }
    }
}
