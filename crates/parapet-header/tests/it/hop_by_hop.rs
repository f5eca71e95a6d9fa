use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::{strip_connection_fields, strip_hop_by_hop};

/// A map of fields with the value `v`; `Connection` gets the given lines.
fn map(connection: &[impl AsRef<str>], names: &[impl AsRef<str>]) -> HeaderMap {
    let names = names.iter().map(|name| (HeaderName::try_from(name.as_ref()).unwrap(), "v"));
    let lines = connection.iter().map(|line| (CONNECTION, line.as_ref()));
    lines.chain(names).map(|(name, line)| (name, HeaderValue::from_str(line).unwrap())).collect()
}

fn names(map: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn check(connection: &[&str], fields: &[&str], expected: &[&str]) {
    let mut stripped = map(connection, fields);
    strip_hop_by_hop(&mut stripped);
    assert_eq!(names(&stripped), expected, "{connection:?} {fields:?}");
}

#[test]
fn connection_and_what_it_names_are_removed() {
    check(
        &["x-a, close, cookie, x-real-ip", "x-b"],
        &["cookie", "x-a", "x-b", "x-c", "x-real-ip"],
        &["cookie", "x-c", "x-real-ip"],
    );
    check(&["X-A,,\tx-B "], &["x-a", "x-b"], &[]);
    check(&["connection, x-a", "connection", "x-b"], &["x-a", "x-b"], &[]);
    check(&[""], &["x-a"], &["x-a"]);
    check(&["", "x-a"], &["x-a"], &[]);
}

#[test]
fn protected_fields_stay_whatever_connection_names() {
    let kept = [
        "authorization",
        "content-length",
        "cookie",
        "host",
        "x-forwarded-for",
        "x-forwarded-x",
        "x-real-ip",
    ];
    let line = kept.join(", ").to_uppercase();
    check(&[&line], &kept, &kept);
}

#[test]
fn option_that_is_no_token_is_skipped() {
    check(&["x a, \"x-b\", x-c;q=1, x-d"], &["x-a", "x-b", "x-c", "x-d"], &["x-a", "x-b", "x-c"]);
}

#[test]
fn every_connection_line_is_read() {
    for count in [1, 7, 8, 9, 16, 17, 100] {
        let named: Vec<_> = (0..count).map(|number| format!("x-{number}")).collect();
        let mut lines = named.clone();
        lines[0].push_str(", Connection"); // must not end the reading
        let mut stripped = map(&lines, &named);
        strip_hop_by_hop(&mut stripped);
        assert_eq!(names(&stripped), [""; 0], "{count} lines");
    }
}

#[test]
fn next_hop_fields_are_removed_without_connection() {
    const CONNECTION_FIELDS: [&str; 5] =
        ["keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "x"];
    const NEXT_HOP: [&str; 4] = ["proxy-authenticate", "proxy-authorization", "te", "trailer"];
    check(&[], &[&CONNECTION_FIELDS[..], &NEXT_HOP].concat(), &["trailer", "x"]);

    let mut stripped = map(&["close"], &[&CONNECTION_FIELDS[..], &NEXT_HOP].concat());
    strip_connection_fields(&mut stripped);
    assert_eq!(names(&stripped), [&NEXT_HOP[..], &["x"]].concat());
}

#[test]
fn every_line_of_a_removed_field_goes() {
    let mut stripped = map(&["x-a"], &["x-a", "x-b", "x-a", "te", "te", "x-b"]);
    strip_hop_by_hop(&mut stripped);
    assert_eq!(stripped, map(&[""; 0], &["x-b", "x-b"]));
}

#[test]
fn long_names_are_removed_too() {
    let long: String = "x".repeat(1000);
    let mut stripped = HeaderMap::new();
    stripped.insert(CONNECTION, HeaderValue::from_str(&long.to_uppercase()).unwrap());
    stripped.insert(HeaderName::try_from(&long).unwrap(), HeaderValue::from_static("v"));
    strip_hop_by_hop(&mut stripped);
    assert!(stripped.is_empty());
}
