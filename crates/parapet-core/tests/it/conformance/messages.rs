//! What makes a request malformed (RFC 9113 §8).

use parapet_testkit::{flag, kind, literals, pseudo};

use super::{Case, Expect, PROTOCOL_ERROR, case, check, frame, post};

const MALFORMED: Expect = Expect::Stream(&[PROTOCOL_ERROR]);
const OK: Expect = Expect::Answer(200);
const BOTH: u8 = flag::END_HEADERS | flag::END_STREAM;

/// A GET of these fields, in this order.
fn fields(name: &'static str, fields: &[(&str, &str)], expect: Expect) -> Case {
    case(name, frame(kind::HEADERS, BOTH, 1, literals(fields.iter().copied())), expect)
}

/// A GET with one more field.
fn with(name: &'static str, field: (&str, &str), expect: Expect) -> Case {
    fields(name, &[&pseudo("GET", "/")[..], &[field]].concat(), expect)
}

#[tokio::test(start_paused = true)]
async fn pseudo_fields() {
    let [method, scheme, path, authority] = pseudo("GET", "/");
    let whole = [method, scheme, path, authority];
    let and = |more: &[(&'static str, &'static str)]| [&whole[..], more].concat();
    check([
        fields("8.3 all four", &whole, OK),
        with("8.3 an unknown one", (":test", "x"), MALFORMED),
        with("8.3 one of a response", (":status", "200"), MALFORMED),
        fields("8.3 behind a field", &[method, scheme, path, ("x", "1"), authority], MALFORMED),
        fields("8.3.1 an empty path", &[method, scheme, (":path", ""), authority], MALFORMED),
        fields("8.3.1 no method", &[scheme, path, authority], MALFORMED),
        fields("8.3.1 no scheme", &[method, path, authority], MALFORMED),
        fields("8.3.1 no path", &[method, scheme, authority], MALFORMED),
        fields("8.3.1 two methods", &and(&[method]), MALFORMED),
        fields("8.3.1 two schemes", &and(&[scheme]), MALFORMED),
        fields("8.3.1 two paths", &and(&[path]), MALFORMED),
        fields("8.3.1 two authorities", &and(&[authority]), MALFORMED),
        fields("8.5 CONNECT with a path", &[(":method", "CONNECT"), authority, path], MALFORMED),
        fields("8.5 CONNECT without an authority", &[(":method", "CONNECT")], MALFORMED),
        fields("RFC 8441 §4 :protocol on a GET", &and(&[(":protocol", "websocket")]), MALFORMED),
        case(
            "8.1 a pseudo-field in the trailers",
            [post(1, "/"), frame(kind::HEADERS, BOTH, 1, literals([method]))].concat(),
            MALFORMED,
        )
        .unmet("h2 drops pseudo-fields of trailers before anybody sees them"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn fields_that_http2_forbids() {
    check([
        with("8.2 an upper-case name", ("X-Test", "ok"), MALFORMED),
        with("8.2.1 a blank in a name", ("x test", "ok"), MALFORMED),
        with("8.2.1 a colon in a name", ("x:test", "ok"), MALFORMED),
        with("8.2.1 an empty name", ("", "ok"), MALFORMED),
        with("8.2.1 a line feed in a value", ("x-test", "a\nb"), MALFORMED),
        with("8.2.1 a carriage return in a value", ("x-test", "a\rb"), MALFORMED),
        with("8.2.1 a NUL in a value", ("x-test", "a\0b"), MALFORMED),
        with("8.2.2 Connection", ("connection", "keep-alive"), MALFORMED),
        with("8.2.2 Proxy-Connection", ("proxy-connection", "keep-alive"), MALFORMED),
        with("8.2.2 Keep-Alive", ("keep-alive", "timeout=5"), MALFORMED),
        with("8.2.2 Transfer-Encoding", ("transfer-encoding", "chunked"), MALFORMED),
        with("8.2.2 Upgrade", ("upgrade", "foo"), MALFORMED),
        with("8.2.2 TE other than trailers", ("te", "trailers, deflate"), MALFORMED),
        with("8.2.2 TE: trailers", ("te", "trailers"), OK),
        with("8.2.3 Cookie in crumbs", ("cookie", "a=b"), OK),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_content_and_what_follows_it() {
    let long = |length: &'static str, end: bool| {
        let block = literals([&pseudo("POST", "/")[..], &[("content-length", length)]].concat());
        let end = if end { flag::END_STREAM } else { 0 };
        frame(kind::HEADERS, flag::END_HEADERS | end, 1, block)
    };
    let data = |end: bool| frame(kind::DATA, u8::from(end), 1, "test");
    let trailers = |flags| frame(kind::HEADERS, flags, 1, literals([("x-sum", "1")]));
    check([
        case("8.1.1 less than was declared", [long("5", false), data(true)].concat(), MALFORMED),
        case("8.1.1 more than was declared", [long("1", false), data(true)].concat(), MALFORMED),
        case(
            "8.1.1 more, in two frames",
            [long("7", false), data(false), data(true)].concat(),
            MALFORMED,
        ),
        case("8.1.1 nothing of what was declared", long("1", true), MALFORMED),
        case("8.1.1 a length that is none", [long("x", false), data(true)].concat(), MALFORMED),
        case("8.1.1 as declared", [long("8", false), data(false), data(true)].concat(), OK),
        case("8.1 trailers", [post(1, "/"), data(false), trailers(BOTH)].concat(), OK),
        case(
            "8.1 trailers that do not end the stream",
            [post(1, "/"), data(false), trailers(flag::END_HEADERS)].concat(),
            MALFORMED,
        ),
        case(
            "8.1 DATA behind the trailers",
            [post(1, "/wait"), trailers(BOTH), data(true)].concat(),
            Expect::Stream(&[super::STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
    ])
    .await;
}
