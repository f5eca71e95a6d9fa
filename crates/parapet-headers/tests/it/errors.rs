use http::HeaderValue;
use parapet_headers::{self as headers, Error, RequestHeaders, ResponseHeaders};

#[test]
fn errors_name_operation_entry_and_field() {
    let rows: [(Error, &str); 7] = [
        (
            headers::set_request([("x", "1"), ("bad name", "x")]).unwrap_err(),
            "set_request, entry 2: \"bad name\" is not a header field name",
        ),
        (
            headers::add_response([("x", "a\nb")]).unwrap_err(),
            "add_response, entry 1: \"a\\nb\" is not a value for header field x",
        ),
        (
            headers::delete_response(["Content-Length"]).unwrap_err(),
            "delete_response, entry 1: header field Content-Length frames the message or its connection, the server writes it",
        ),
        (
            headers::set_request([("Host", "a b")]).unwrap_err(),
            "set_request, entry 1: \"a b\" is no host: write example.com or example.com:8080",
        ),
        (
            RequestHeaders::default().delete_prefix("x").unwrap_err(),
            "delete_prefix, entry 1: \"x\" is not a header field name",
        ),
        (
            headers::map_request(":path", str::to_owned).unwrap_err(),
            "map_request, entry 1: \":path\" is not a header field name",
        ),
        (
            headers::rewrite_location("", "/").unwrap_err(),
            "rewrite_location, entry 1: \"\" is not a value for header field location",
        ),
    ];
    for (error, text) in rows {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn reserved_fields_are_refused_in_every_operation_but_where_they_may_stand() {
    let value = |_: &HeaderValue| None;
    for name in ["connection", "content-length", "transfer-encoding"] {
        assert!(headers::add_request([(name, "1")]).is_err(), "{name}");
        assert!(headers::set_request([(name, "1")]).is_err(), "{name}");
        assert!(headers::delete_request([name]).is_err(), "{name}");
        assert!(headers::map_request(name, str::to_owned).is_err(), "{name}");
        assert!(headers::set_response([(name, "1")]).is_err(), "{name}");
        assert!(headers::delete_response([name]).is_err(), "{name}");
        assert!(ResponseHeaders::default().map_value(name, value).is_err(), "{name}");
        assert!(RequestHeaders::default().set_with(name, |_| None).is_err(), "{name}");
    }
    for name in ["keep-alive", "proxy-connection", "te", "trailer", "upgrade"] {
        assert!(headers::add_response([(name, "1")]).is_err(), "{name}");
        assert!(headers::map_response(name, str::to_owned).is_err(), "{name}");
        assert!(headers::delete_response([name]).is_ok(), "{name}");
        assert!(headers::delete_request([name]).is_ok(), "{name}");
    }
    assert!(headers::add_request([("host", "a")]).is_err());
    assert!(headers::delete_request(["host"]).is_err());
    assert!(headers::set_response([("connection", "keep-alive")]).is_err());
    assert!(headers::add_response([("connection", "close")]).is_err());
}
