use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::list::elements;
use crate::names::{KEEP_ALIVE, PROXY_CONNECTION, X_REAL_IP};

/// Removes what belongs to an HTTP/1.1 connection, so that the message can go out over HTTP/2
/// (RFC 9113 §8.2.2).
///
/// Removed are `Connection` and every field that it names, `Keep-Alive`, `Proxy-Connection`,
/// `Transfer-Encoding` and `Upgrade`. Kept even if `Connection` names them: `Host`,
/// `Content-Length`, `Cookie`, `Authorization`, `X-Forwarded-*` and `X-Real-Ip`, since a client
/// must not be able to strip what a proxy set or what the origin authorizes on. An option that is
/// no token is skipped. Does not allocate.
pub fn strip_connection_fields(map: &mut HeaderMap) {
    strip(map, CONNECTION_FIELDS);
}

/// Removes what is meant for the next hop alone (RFC 9110 §7.6.1, §11.7).
///
/// As [`strip_connection_fields`], and `TE`, `Proxy-Authenticate` and `Proxy-Authorization`.
/// `Trailer` stays, so that announced trailers reach the recipient. Does not allocate.
pub fn strip_hop_by_hop(map: &mut HeaderMap) {
    strip(map, NEXT_HOP_FIELDS);
}

/// Removes the fields that `Connection` names, but for the protected ones of [`strip_connection_fields`], `TE` and
/// `Upgrade`; what is left of `Connection` are the options `close`, `keep-alive`, `te` and `upgrade` (RFC 9110 §7.6.1).
///
/// For whoever receives a request from a stranger, before anything is added to it: a name that a client could leave
/// there would take away at the next hop what a layer has set meanwhile.
pub fn remove_fields_named_by_connection(map: &mut HeaderMap) {
    let mut kept = [false; OPTIONS.len()];
    for_each_connection_option(map, |map, option| {
        let known = OPTIONS.iter().position(|name| option.eq_ignore_ascii_case(name.as_bytes()));
        match known.and_then(|index| kept.get_mut(index)) {
            Some(kept) => *kept = true,
            None if is_protected(option) => {}
            None => remove(map, option),
        }
    });
    let mut line = String::new();
    for (name, _) in OPTIONS.iter().zip(kept).filter(|(_, kept)| *kept) {
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name);
    }
    match HeaderValue::try_from(line) {
        // A map that has the field has room for it.
        Ok(line) if !line.is_empty() => drop(map.try_insert(CONNECTION, line)),
        _ => drop(map.remove(CONNECTION)),
    }
}

/// What `Connection` says of the connection itself, or of fields that have rules of their own.
const OPTIONS: [&str; 4] = ["close", "keep-alive", "te", "upgrade"];

/// `Connection` first: what it names goes before it does.
static FIELDS: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
];
/// How many of [`FIELDS`] belong to an HTTP/1.1 connection; the others are for the next hop alone.
const CONNECTION_FIELDS: usize = 5;
const NEXT_HOP_FIELDS: usize = FIELDS.len();

/// Removes the first `fields` of [`FIELDS`] and what `Connection` names.
///
/// Most messages have none or one of them, and a pass over their names costs less than looking for each.
fn strip(map: &mut HeaderMap, fields: usize) {
    let mut found = 0u16;
    let mut names_fields = false;
    for (name, value) in &*map {
        let place = place(name);
        found |= 1 << place;
        names_fields |= place == 1 && !names_nothing(value);
    }
    found >>= 1;
    if names_fields {
        strip_named_by_connection(map);
    }
    for (index, name) in FIELDS.iter().enumerate().take(fields) {
        if found >> index & 1 == 1 {
            map.remove(name);
        }
    }
}

/// 1 + the name's place in [`FIELDS`], 0 for any other. By length first: few names have one of these.
#[inline]
fn place(name: &HeaderName) -> u8 {
    let name = name.as_str();
    match name.len() {
        2 if name == "te" => 6,
        7 if name == "upgrade" => 5,
        10 if name == "connection" => 1,
        10 if name == "keep-alive" => 2,
        16 if name == "proxy-connection" => 3,
        17 if name == "transfer-encoding" => 4,
        18 if name == "proxy-authenticate" => 7,
        19 if name == "proxy-authorization" => 8,
        _ => 0,
    }
}

/// Whether a `Connection` line is what nearly everyone sends: no field bears the one name (RFC 9110 §18.4 reserves it),
/// and the other goes in any case.
fn names_nothing(value: &HeaderValue) -> bool {
    matches!(value.as_bytes(), b"keep-alive" | b"close")
}

/// Removes what the `Connection` lines name, and leaves these lines empty.
fn strip_named_by_connection(map: &mut HeaderMap) {
    for_each_connection_option(map, |map, option| {
        if !is_protected(option) {
            remove(map, option);
        }
    });
}

/// Calls `f` with each option of the `Connection` lines, and leaves these lines empty.
///
/// Removal needs the map for itself, so the lines are taken out of it first, some at a time: an
/// array needs no allocation, and few messages have a second line.
fn for_each_connection_option(map: &mut HeaderMap, mut f: impl FnMut(&mut HeaderMap, &[u8])) {
    loop {
        let mut taken = [const { HeaderValue::from_static("") }; LINES_AT_ONCE];
        let unread = map.iter_mut().filter(|(name, line)| **name == CONNECTION && !line.is_empty());
        for (slot, (_, line)) in taken.iter_mut().zip(unread) {
            std::mem::swap(slot, line);
        }
        for option in taken.iter().flat_map(|line| elements(line.as_bytes())) {
            f(map, option);
        }
        if taken.last().is_none_or(HeaderValue::is_empty) {
            return;
        }
    }
}

const LINES_AT_ONCE: usize = 4;

/// Does nothing for what is no token, since no field of the map bears such a name.
fn remove(map: &mut HeaderMap, name: &[u8]) {
    // `Connection` must stay until all of its lines have been read.
    if !name.eq_ignore_ascii_case(CONNECTION.as_str().as_bytes())
        && let Ok(name) = std::str::from_utf8(name)
    {
        map.remove(name);
    }
}

fn is_protected(name: &[u8]) -> bool {
    const FORWARDED: &[u8] = b"x-forwarded-";
    name.get(..FORWARDED.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORWARDED))
        || [HOST, CONTENT_LENGTH, COOKIE, AUTHORIZATION, X_REAL_IP]
            .iter()
            .any(|kept| name.eq_ignore_ascii_case(kept.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_gone_before_anything_is_added() {
        for (lines, left, connection) in [
            (&["close, X-A"][..], "x-b te upgrade cookie", "close"),
            (&["x-a", "TE, x-b"], "te upgrade cookie", "te"),
            (&["Keep-Alive, Upgrade"], "x-a x-b te upgrade cookie", "keep-alive, upgrade"),
            (&["cookie, upgrade, connection"], "x-a x-b te upgrade cookie", "upgrade"),
            (&["x-a", "x-a", "", "\"x-b\"", "x-b", "close"], "te upgrade cookie", "close"),
            (&["x-a, no token, x-c"], "x-b te upgrade cookie", ""),
        ] {
            let mut map = HeaderMap::new();
            for name in ["x-a", "x-b", "te", "upgrade", "cookie"] {
                map.append(name, HeaderValue::from_static("1"));
            }
            for line in lines {
                map.append(CONNECTION, HeaderValue::from_static(line));
            }
            remove_fields_named_by_connection(&mut map);
            let found: Vec<_> = map.get_all(CONNECTION).iter().collect();
            assert_eq!(
                found,
                if connection.is_empty() { vec![] } else { vec![connection] },
                "{lines:?}"
            );
            map.remove(CONNECTION);
            let names: Vec<_> = ["x-a", "x-b", "te", "upgrade", "cookie"]
                .into_iter()
                .filter(|name| map.contains_key(*name))
                .collect();
            assert_eq!(names.join(" "), left, "{lines:?}");
        }
    }

    #[test]
    fn each_field_has_its_place() {
        for (index, name) in FIELDS.iter().enumerate() {
            assert_eq!(usize::from(place(name)), index + 1, "{name}");
        }
        assert_eq!(place(&COOKIE), 0);
        assert_eq!(place(&http::header::USER_AGENT), 0, "as long as Connection");
    }
}
