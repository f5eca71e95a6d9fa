use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use parapet_h1::{
    Connection, EncodeError, Framing, RequestContext, RequestEncoder, ResponseEncoder,
};

fn request(
    method: &str,
    uri: &str,
    fields: &[(&'static str, &'static str)],
) -> http::request::Parts {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn response(status: u16, fields: &[(&'static str, &'static str)]) -> http::response::Parts {
    let mut builder = Response::builder().status(status);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// Writes a request with `frames` as its content.
fn sent(
    parts: &http::request::Parts,
    framing: Framing,
    connection: Connection,
    title_case: bool,
    frames: &[&str],
    trailers: Option<&HeaderMap>,
) -> Result<String, EncodeError> {
    let mut encoder = RequestEncoder::new();
    let mut out = BytesMut::from("before");
    let started = encoder.start(parts, framing, connection, title_case, &mut out);
    if let Err(error) = started {
        assert_eq!(out, "before", "a head that cannot be sent leaves nothing");
        return Err(error);
    }
    for frame in frames {
        let wrap = encoder.data(frame.len())?;
        for bytes in [wrap.before.as_slice(), frame.as_bytes(), wrap.after.as_slice()] {
            out.extend_from_slice(bytes);
        }
    }
    encoder.end(trailers, &mut out)?;
    assert!(encoder.is_complete());
    Ok(String::from_utf8(out["before".len()..].to_vec()).unwrap())
}

/// Writes a response's head.
fn answered(
    parts: &http::response::Parts,
    (version, method): (Version, Method),
    framing: Framing,
    connection: Connection,
) -> Result<String, EncodeError> {
    let mut out = BytesMut::new();
    let context = RequestContext { version, method: &method };
    ResponseEncoder::new().head(parts, &context, framing, connection, None, &mut out)?;
    Ok(String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn a_request_is_written_exactly() {
    use Connection::{Close, KeepAlive, Upgrade};
    let framed = &[
        ("x-a", "1"),
        ("content-length", "99"),
        ("transfer-encoding", "gzip"),
        ("connection", "x-a"),
        ("keep-alive", "timeout=5"),
        ("host", "h"),
    ][..];
    let post = request("POST", "/p?q", framed);
    let rows = [
        (
            request("GET", "/", &[("host", "h")]),
            Framing::None,
            KeepAlive,
            "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        ),
        (
            request("GET", "http://h:8/a?b", &[]),
            Framing::None,
            Close,
            "GET /a?b HTTP/1.1\r\nhost: h:8\r\nconnection: close\r\n\r\n",
        ),
        (
            post.clone(),
            Framing::Length(2),
            KeepAlive,
            "POST /p?q HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nhi",
        ),
        (
            post.clone(),
            Framing::Chunked,
            KeepAlive,
            "POST /p?q HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        (
            post.clone(),
            Framing::None,
            KeepAlive,
            "POST /p?q HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            request("CONNECT", "h:443", &[("host", "h:443")]),
            Framing::None,
            KeepAlive,
            "CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n",
        ),
        (
            request("OPTIONS", "*", &[("host", "h")]),
            Framing::None,
            KeepAlive,
            "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n",
        ),
        (
            request("GET", "/", &[("host", "h"), ("te", "trailers")]),
            Framing::None,
            KeepAlive,
            "GET / HTTP/1.1\r\nhost: h\r\nte: trailers\r\nconnection: TE\r\n\r\n",
        ),
        (
            request("GET", "/", &[("host", "h"), ("upgrade", "websocket")]),
            Framing::None,
            Upgrade,
            "GET / HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n",
        ),
        (
            request("GET", "/", &[("host", "h"), ("upgrade", "websocket")]),
            Framing::None,
            KeepAlive,
            "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        ),
    ];
    for (parts, framing, connection, expected) in rows {
        let frames = if matches!(framing, Framing::None) { &[][..] } else { &["h", "", "i"][..] };
        let frames = if framing == Framing::Chunked { &["", "hi"][..] } else { frames };
        assert_eq!(sent(&parts, framing, connection, false, frames, None).unwrap(), expected);
    }
}

#[test]
fn userinfo_is_never_sent() {
    let rows = [
        ("GET", "http://user:secret@h:8/", "GET / HTTP/1.1\r\nhost: h:8\r\n\r\n"),
        ("CONNECT", "user:secret@h:443", "CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n"),
    ];
    for (method, uri, expected) in rows {
        let parts = request(method, uri, &[]);
        assert_eq!(
            sent(&parts, Framing::None, Connection::KeepAlive, false, &[], None).unwrap(),
            expected
        );
    }
}

#[test]
fn title_case_is_written_exactly() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-check-sum", HeaderValue::from_static("a-b"));
    let parts = request("PUT", "/", &[("host", "h"), ("content-md5", "x-y"), ("te", "trailers")]);
    let written = sent(
        &parts,
        Framing::Chunked,
        Connection::KeepAlive,
        true,
        &["0123456789abcdef"],
        Some(&trailers),
    );
    assert_eq!(
        written.unwrap(),
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Md5: x-y\r\nTe: trailers\r\nTransfer-Encoding: chunked\r\n\
         Connection: TE\r\n\r\n10\r\n0123456789abcdef\r\n0\r\nX-Check-Sum: a-b\r\n\r\n"
    );
    let parts = request("POST", "/", &[("host", "h")]);
    let written =
        sent(&parts, Framing::Length(1), Connection::KeepAlive, true, &["x"], Some(&trailers));
    assert_eq!(written.unwrap(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
}

#[test]
fn a_request_that_cannot_be_sent_is_an_error_and_leaves_no_bytes() {
    let twice = request("GET", "/", &[("host", "a"), ("host", "a")]);
    let rows = [
        (request("GET", "/", &[]), Framing::None, EncodeError::Host),
        (twice, Framing::None, EncodeError::Host),
        (request("GET", "*", &[("host", "h")]), Framing::None, EncodeError::Target),
        (request("CONNECT", "/", &[("host", "h")]), Framing::None, EncodeError::Target),
        (request("CONNECT", "h:1", &[("host", "h")]), Framing::Length(1), EncodeError::Framing),
        (request("GET", "/", &[("host", "h")]), Framing::UntilClose, EncodeError::Framing),
    ];
    for (parts, framing, expected) in rows {
        let result = sent(&parts, framing, Connection::KeepAlive, false, &[], None);
        assert_eq!(result.unwrap_err(), expected, "{parts:?}");
    }
}

#[test]
fn a_body_that_does_not_keep_to_its_length_never_ends_cleanly() {
    let parts = request("PUT", "/", &[("host", "h")]);
    let run = |framing, frames: &[&str]| {
        sent(&parts, framing, Connection::KeepAlive, false, frames, None)
    };
    assert_eq!(run(Framing::Length(3), &["ab"]).unwrap_err(), EncodeError::Short);
    assert_eq!(run(Framing::Length(3), &["ab", "cd"]).unwrap_err(), EncodeError::Overrun);
    assert_eq!(run(Framing::None, &["a"]).unwrap_err(), EncodeError::Overrun);

    let (mut encoder, mut out) = (RequestEncoder::new(), BytesMut::new());
    encoder.start(&parts, Framing::Length(1), Connection::KeepAlive, false, &mut out).unwrap();
    assert_eq!(encoder.data(2).unwrap_err(), EncodeError::Overrun);
    assert_eq!(
        encoder.end(None, &mut out).unwrap_err(),
        EncodeError::Overrun,
        "a failure is final"
    );
    let again = encoder.start(&parts, Framing::None, Connection::KeepAlive, false, &mut out);
    assert_eq!(again.unwrap_err(), EncodeError::Overrun, "a failure is final");
}

/// What a handler or an origin gave for framing and connection; none of it may be sent as it is.
const FRAMED: &[(&str, &str)] =
    &[("x-a", "1"), ("content-length", "99"), ("transfer-encoding", "gzip"), ("connection", "x-a")];

/// One row: status, fields, the client's version and method, framing, connection, the head.
type Row<'a> =
    (u16, &'static [(&'static str, &'static str)], Version, Method, Framing, Connection, &'a str);

fn check_heads(rows: &[Row<'_>]) {
    for (status, fields, version, method, framing, connection, expected) in rows {
        let client = (*version, method.clone());
        let written = answered(&response(*status, fields), client, *framing, *connection).unwrap();
        assert_eq!(
            written,
            format!("HTTP/1.1 {expected}\r\n"),
            "{status} {framing:?} {version:?} {method}"
        );
    }
}

#[rustfmt::skip] // a table
#[test]
fn a_head_with_content_is_written_exactly() {
    use Connection::{Close, KeepAlive, Upgrade};
    let (v11, v10, get) = (Version::HTTP_11, Version::HTTP_10, Method::GET);
    let max = Framing::Length(u64::MAX);
    check_heads(&[
        (200, FRAMED, v11, get.clone(), Framing::Length(2), KeepAlive, "200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n"),
        (200, FRAMED, v11, get.clone(), Framing::None, Close,
            "200 OK\r\nx-a: 1\r\ncontent-length: 0\r\nconnection: close\r\n"),
        (200, FRAMED, v11, get.clone(), Framing::Chunked, KeepAlive,
            "200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n"),
        (200, FRAMED, v11, get.clone(), Framing::UntilClose, KeepAlive, "200 OK\r\nx-a: 1\r\nconnection: close\r\n"),
        (404, &[], v10, get.clone(), max, KeepAlive,
            "404 Not Found\r\ncontent-length: 18446744073709551615\r\nconnection: keep-alive\r\n"),
        (200, &[], v10, get.clone(), Framing::Chunked, KeepAlive, "200 OK\r\nconnection: close\r\n"),
        (405, &[], v11, Method::CONNECT, Framing::None, Close,
            "405 Method Not Allowed\r\ncontent-length: 0\r\nconnection: close\r\n"),
        (426, &[("upgrade", "tls")], v11, get.clone(), Framing::None, Upgrade,
            "426 Upgrade Required\r\nupgrade: tls\r\ncontent-length: 0\r\nconnection: Upgrade\r\n"),
        (799, &[], v11, get, Framing::None, KeepAlive, "799 \r\ncontent-length: 0\r\n"),
    ]);
}

#[rustfmt::skip] // a table
#[test]
fn a_head_without_content_is_written_exactly() {
    use Connection::{KeepAlive, Upgrade};
    let (v11, v10, get, head) = (Version::HTTP_11, Version::HTTP_10, Method::GET, Method::HEAD);
    let switch = &[("upgrade", "websocket"), ("content-length", "1")];
    check_heads(&[
        (200, FRAMED, v11, head.clone(), Framing::Length(5), KeepAlive, "200 OK\r\nx-a: 1\r\ncontent-length: 99\r\n"),
        (200, &[], v11, head.clone(), Framing::Length(5), KeepAlive, "200 OK\r\ncontent-length: 5\r\n"),
        (200, &[], v11, head.clone(), Framing::Length(0), KeepAlive, "200 OK\r\n"),
        (200, &[], v11, head.clone(), Framing::Chunked, KeepAlive, "200 OK\r\n"),
        (200, &[], v11, head, Framing::UntilClose, KeepAlive, "200 OK\r\n"),
        (304, FRAMED, v11, get.clone(), Framing::None, KeepAlive,
            "304 Not Modified\r\nx-a: 1\r\ncontent-length: 99\r\n"),
        (304, &[], v11, get.clone(), Framing::Length(7), KeepAlive, "304 Not Modified\r\n"),
        (204, FRAMED, v11, get.clone(), Framing::Length(0), KeepAlive, "204 No Content\r\nx-a: 1\r\n"),
        (204, &[], v10, get.clone(), Framing::None, KeepAlive, "204 No Content\r\nconnection: keep-alive\r\n"),
        (204, &[], v10, get.clone(), Framing::None, Upgrade, "204 No Content\r\nconnection: keep-alive\r\n"),
        (101, switch, v11, get, Framing::None, KeepAlive,
            "101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"),
        (200, FRAMED, v11, Method::CONNECT, Framing::None, KeepAlive, "200 OK\r\nx-a: 1\r\n"),
    ]);
}

#[test]
fn every_status_has_the_reason_phrase_of_the_registry() {
    for status in 200..1_000u16 {
        let status = StatusCode::from_u16(status).unwrap();
        let get = (Version::HTTP_11, Method::GET);
        let written =
            answered(&response(status.as_u16(), &[]), get, Framing::None, Connection::KeepAlive)
                .unwrap();
        let reason = status.canonical_reason().unwrap_or_default();
        assert_eq!(
            written.lines().next().unwrap(),
            format!("HTTP/1.1 {} {reason}", status.as_str())
        );
    }
}

#[test]
fn date_is_written_once() {
    let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");
    let context = RequestContext { version: Version::HTTP_11, method: &Method::GET };
    for (fields, expected) in
        [(&[][..], "date: Thu, 01"), (&[("date", "mine")][..], "date: mine\r\n")]
    {
        let mut out = BytesMut::new();
        let parts = response(200, fields);
        ResponseEncoder::new()
            .head(&parts, &context, Framing::None, Connection::KeepAlive, Some(&date), &mut out)
            .unwrap();
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert_eq!(text.matches("date: ").count(), 1, "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn informational_heads_have_no_framing() {
    let (mut encoder, mut out) = (ResponseEncoder::new(), BytesMut::new());
    let hints =
        response(200, &[("link", "</a>"), ("content-length", "3"), ("connection", "close")]);
    encoder.informational(StatusCode::EARLY_HINTS, &hints.headers, &mut out).unwrap();
    encoder.informational(StatusCode::CONTINUE, &HeaderMap::new(), &mut out).unwrap();
    assert_eq!(out, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::OK] {
        let result = encoder.informational(status, &HeaderMap::new(), &mut out);
        assert_eq!(result.unwrap_err(), EncodeError::Status);
    }
}

#[test]
fn a_1xx_is_no_final_answer_and_101_none_for_http_1_0() {
    for (status, version) in
        [(100, Version::HTTP_11), (103, Version::HTTP_11), (101, Version::HTTP_10)]
    {
        let get = (version, Method::GET);
        let result = answered(&response(status, &[]), get, Framing::None, Connection::Upgrade);
        assert_eq!(result.unwrap_err(), EncodeError::Status, "{status}");
    }
}

#[test]
fn chunk_lines_are_written_exactly() {
    let context = RequestContext { version: Version::HTTP_11, method: &Method::GET };
    let (mut encoder, mut out) = (ResponseEncoder::new(), BytesMut::new());
    encoder
        .head(
            &response(200, &[]),
            &context,
            Framing::Chunked,
            Connection::KeepAlive,
            None,
            &mut out,
        )
        .unwrap();
    for size in [1usize, 9, 10, 15, 16, 255, 256, 65_536, 0xdead_beef, usize::MAX] {
        let wrap = encoder.data(size).unwrap();
        assert_eq!(wrap.before.as_slice(), format!("{size:x}\r\n").as_bytes());
        assert_eq!(wrap.before.len(), wrap.before.as_slice().len());
        assert_eq!(wrap.after.as_slice(), b"\r\n");
    }
    let empty = encoder.data(0).unwrap();
    assert!(empty.before.is_empty() && empty.after.is_empty(), "an empty chunk would end the body");
    assert_eq!(format!("{:?}", encoder.data(10).unwrap().before), "b\"a\\r\\n\"");
}

#[test]
fn a_head_inside_a_body_is_out_of_turn() {
    let context = RequestContext { version: Version::HTTP_11, method: &Method::GET };
    let (mut encoder, mut out) = (ResponseEncoder::new(), BytesMut::new());
    assert_eq!(encoder.data(1).unwrap_err(), EncodeError::OutOfTurn);
    for (framing, ready) in
        [(Framing::Length(1), false), (Framing::Chunked, false), (Framing::None, true)]
    {
        encoder = ResponseEncoder::new();
        let parts = response(200, &[]);
        encoder.head(&parts, &context, framing, Connection::KeepAlive, None, &mut out).unwrap();
        let second = encoder.head(&parts, &context, framing, Connection::KeepAlive, None, &mut out);
        assert_eq!(second, if ready { Ok(()) } else { Err(EncodeError::OutOfTurn) }, "{framing:?}");
        assert_eq!(encoder.is_complete(), ready, "{framing:?}");
    }
}
