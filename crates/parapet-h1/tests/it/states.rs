use std::fmt::Debug;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_h1::{
    Connection, DecodeError, EncodeError, Framing, InboundRequest, InboundResponse, Limits,
    RequestContext, RequestDecoder, RequestEncoder, RequestEvent, RequestKind, ResponseDecoder,
    ResponseEncoder, ResponseEvent, Target, Wrap, WrapBytes,
};

fn requests(input: &str) -> (RequestDecoder, BytesMut) {
    (RequestDecoder::new(Limits::request()), BytesMut::from(input))
}

fn request_head(decoder: &mut RequestDecoder, buffer: &mut BytesMut) -> (InboundRequest, Framing) {
    match decoder.next(buffer) {
        Ok(RequestEvent::Head(head, framing)) => (head, framing),
        other => panic!("{other:?}"),
    }
}

fn responses(input: &str, kind: RequestKind) -> (ResponseDecoder, BytesMut) {
    let mut decoder = ResponseDecoder::new(Limits::response());
    decoder.start(kind);
    (decoder, BytesMut::from(input))
}

fn response_head(
    decoder: &mut ResponseDecoder,
    buffer: &mut BytesMut,
) -> (InboundResponse, Framing) {
    match decoder.next(buffer) {
        Ok(ResponseEvent::Head(head, framing)) => (head, framing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_end_of_input_is_an_end_between_messages_and_an_error_inside() {
    let rows: &[(&str, bool)] = &[
        ("", true),
        ("\r\n", true),
        ("\r", true),
        ("G", false),
        ("GET / HTTP/1.1\r\n", false),
        ("GET / HTTP/1.1\r\n\r\n", true),
        ("GET / HTTP/1.1\r\n\r\n\r\n", true),
        ("GET / HTTP/1.1\r\n\r\nG", false),
        ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", false),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", false),
    ];
    for (input, clean) in rows {
        let (mut decoder, mut buffer) = requests(input);
        loop {
            match decoder.next(&mut buffer).unwrap() {
                RequestEvent::NeedMore => break,
                RequestEvent::End => decoder.next_message(),
                _ => {}
            }
        }
        assert_eq!(decoder.is_idle(), *clean, "{input:?}");
        match decoder.eof() {
            Ok(RequestEvent::End) => assert!(clean, "{input:?}"),
            Err(DecodeError::EarlyEnd) => assert!(!clean, "{input:?}"),
            other => panic!("{input:?}: {other:?}"),
        }
    }
}

#[test]
fn the_next_message_begins_only_after_this_one() {
    let (mut decoder, mut buffer) = requests("POST / HTTP/1.1\r\nContent-Length: 18\r\n\r\n");
    request_head(&mut decoder, &mut buffer);
    decoder.next_message();
    buffer.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    assert!(
        matches!(decoder.next(&mut buffer), Ok(RequestEvent::Data(data)) if data.starts_with(b"GET"))
    );
    assert!(decoder.is_done());
    assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::End)));
    assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::End)), "an end stays an end");
    assert_eq!(decoder.consumed(), 57);
    decoder.next_message();
    assert!(decoder.is_idle() && !decoder.is_done());
    assert_eq!(decoder.consumed(), 0);
}

#[test]
fn a_refused_head_takes_nothing_after_it() {
    let good = "GET /next HTTP/1.1\r\n\r\n";
    for bad in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
    ] {
        let (mut decoder, mut buffer) = requests(&format!("{bad}{good}"));
        decoder.next(&mut buffer).unwrap_err();
        assert!(buffer.ends_with(good.as_bytes()), "{bad:?}");
        let left = buffer.clone();
        decoder.next_message();
        decoder.next(&mut buffer).unwrap_err();
        assert_eq!(buffer, left, "{bad:?}");
    }
}

#[test]
fn bytes_after_connect_and_upgrade_stay_in_the_buffer() {
    for head in [
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (mut decoder, mut buffer) = requests(&format!("{head}tunnel"));
        request_head(&mut decoder, &mut buffer);
        assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::End)));
        assert_eq!(buffer, "tunnel", "{head:?}");
    }
    let (mut decoder, mut buffer) = responses(
        "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\ntunnel",
        RequestKind { upgrade: true, ..Default::default() },
    );
    let (head, framing) = response_head(&mut decoder, &mut buffer);
    assert_eq!((head.status.as_u16(), framing), (101, Framing::None));
    let end = decoder.next(&mut buffer);
    assert!(matches!(end, Ok(ResponseEvent::End { reusable: false, .. })), "{end:?}");
    assert_eq!(buffer, "tunnel");

    let connect = RequestKind { connect: true, ..Default::default() };
    let (mut decoder, mut buffer) =
        responses("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntunnel", connect);
    let (head, framing) = response_head(&mut decoder, &mut buffer);
    assert_eq!((head.headers.len(), framing), (0, Framing::None));
    assert!(matches!(decoder.next(&mut buffer), Ok(ResponseEvent::End { reusable: false, .. })));
    assert_eq!(buffer, "tunnel");
    let (mut decoder, mut buffer) =
        responses("HTTP/1.1 403 F\r\nContent-Length: 3\r\n\r\nabc", connect);
    assert_eq!(response_head(&mut decoder, &mut buffer).1, Framing::Length(3));
}

#[test]
fn an_upgrade_needs_option_field_version_and_no_content() {
    let rows = [
        ("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", true),
        (
            "GET / HTTP/1.1\r\nConnection: a\r\nConnection: b, UPGRADE ,c\r\nUpgrade: x\r\n\r\n",
            true,
        ),
        ("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nConnection: Upgrade\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n", false),
        (
            "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
        ),
    ];
    for (input, expected) in rows {
        let (mut decoder, mut buffer) = requests(input);
        assert_eq!(request_head(&mut decoder, &mut buffer).0.upgrade, expected, "{input:?}");
    }
}

#[test]
fn fields_of_an_upgrade_are_told_whether_they_mean_anything_or_not() {
    for (fields, expected) in [
        ("", false),
        ("Connection: upgrade\r\n", false),
        ("Upgrade: h2c\r\n", true),
        ("hTTP2-settings: AAMAAABk\r\n", true),
        ("HTTP2-Setting: x\r\nContent-Length: 0\r\n", false),
    ] {
        let (mut decoder, mut buffer) =
            requests(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let (head, _) = request_head(&mut decoder, &mut buffer);
        assert_eq!(head.upgrade_fields, expected, "{fields:?}");
    }
}

#[test]
fn keep_alive_and_expect_follow_version_and_options() {
    let rows = [
        ("GET / HTTP/1.1\r\n\r\n", true, false),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false, false),
        ("GET / HTTP/1.1\r\nConnection: keep-alive, CLOSE\r\n\r\n", false, false),
        ("GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true, false),
        ("GET / HTTP/1.0\r\n\r\n", false, false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false, false),
        ("GET / HTTP/1.1\r\nExpect: 100-CONTINUE\r\n\r\n", true, true),
        ("GET / HTTP/1.1\r\nExpect: 200-ok\r\n\r\n", true, false),
        ("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, false),
    ];
    for (input, keep_alive, expect) in rows {
        let (mut decoder, mut buffer) = requests(input);
        let (head, _) = request_head(&mut decoder, &mut buffer);
        assert_eq!((head.keep_alive, head.expect_continue), (keep_alive, expect), "{input:?}");
    }
}

#[test]
fn every_target_form_arrives_as_itself() {
    let absolute = |scheme: &str, authority: &str, path: &'static str| Target::Absolute {
        scheme: scheme.parse().unwrap(),
        authority: authority.parse().unwrap(),
        path: path.parse().unwrap(),
    };
    let rows = [
        ("GET /a?b", Target::Origin("/a?b".parse().unwrap())),
        ("GET //a", Target::Origin("//a".parse().unwrap())),
        ("OPTIONS *", Target::Asterisk),
        ("OPTIONS http://h", absolute("http", "h", "*")),
        ("OPTIONS http://h/", absolute("http", "h", "/")),
        ("GET HTTP://H:8", absolute("http", "H:8", "/")),
        ("GET https://[::1]/a?b/c", absolute("https", "[::1]", "/a?b/c")),
        ("GET http://h?b", absolute("http", "h", "/?b")),
        ("CONNECT h:443", Target::Authority("h:443".parse().unwrap())),
    ];
    for (line, expected) in rows {
        let (mut decoder, mut buffer) = requests(&format!("{line} HTTP/1.1\r\n\r\n"));
        assert_eq!(request_head(&mut decoder, &mut buffer).0.target, expected, "{line:?}");
    }
}

#[test]
fn a_map_is_reused_and_waits_for_its_head() {
    let mut used = HeaderMap::with_capacity(200);
    used.insert("left-over", HeaderValue::from_static("1"));
    let capacity = used.capacity();
    let (mut decoder, mut buffer) = requests("GET / HTTP/1.1\r\nA: b\r\n");
    assert!(matches!(decoder.next_with(&mut buffer, used), Ok(RequestEvent::NeedMore)));
    buffer.extend_from_slice(b"\r\n");
    let (head, _) = request_head(&mut decoder, &mut buffer);
    assert_eq!((head.headers.len(), head.headers.capacity()), (1, capacity));
    assert_eq!(decoder.take_map().capacity(), 0, "the head took it");

    let (mut decoder, mut buffer) =
        responses("HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n", RequestKind::default());
    let event = decoder.next_with(&mut buffer, head.headers);
    assert!(matches!(event, Ok(ResponseEvent::Informational(_))), "{event:?}");
    assert!(matches!(decoder.next(&mut buffer), Ok(ResponseEvent::NeedMore)));
    buffer.extend_from_slice(b"C: d\r\n\r\n");
    let (head, _) = response_head(&mut decoder, &mut buffer);
    assert_eq!(
        (head.headers.len(), head.headers.capacity()),
        (1, capacity),
        "an interim head leaves the map alone"
    );

    let (mut decoder, mut buffer) = requests("");
    assert!(matches!(decoder.next_with(&mut buffer, head.headers), Ok(RequestEvent::NeedMore)));
    assert_eq!(decoder.take_map().capacity(), capacity);
}

#[test]
fn values_and_content_are_slices_of_the_read_buffer() {
    let (mut decoder, mut buffer) =
        requests("POST / HTTP/1.1\r\nA: value\r\nContent-Length: 2\r\n\r\nhi");
    let range = buffer.as_ptr_range();
    let (head, _) = request_head(&mut decoder, &mut buffer);
    assert!(range.contains(&head.headers["a"].as_bytes().as_ptr()));
    let Ok(RequestEvent::Data(data)) = decoder.next(&mut buffer) else { panic!("no data") };
    assert!(range.contains(&data.as_ptr()));
}

#[test]
fn what_comes_without_a_request_is_out_of_turn() {
    let mut decoder = ResponseDecoder::new(Limits::response());
    let mut buffer = BytesMut::new();
    assert!(decoder.is_idle());
    assert!(matches!(decoder.next(&mut buffer), Ok(ResponseEvent::NeedMore)));
    buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(decoder.next(&mut buffer).unwrap_err(), DecodeError::OutOfTurn);

    let (mut decoder, _) = responses("", RequestKind::default());
    decoder.start(RequestKind::default());
    assert_eq!(
        decoder.next(&mut BytesMut::new()).unwrap_err(),
        DecodeError::OutOfTurn,
        "an answer is still owed"
    );
}

#[test]
fn a_connection_that_ended_is_not_reusable() {
    for input in ["HTTP/1.1 204 N\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil close"] {
        let (mut decoder, mut buffer) = responses(input, RequestKind::default());
        while !matches!(
            decoder.next(&mut buffer).unwrap(),
            ResponseEvent::End { .. } | ResponseEvent::NeedMore
        ) {}
        let end = decoder.eof();
        assert!(
            matches!(end, Ok(ResponseEvent::End { reusable: false, .. })),
            "{input:?}: {end:?}"
        );
        assert!(decoder.is_done());
    }
}

#[test]
fn what_a_connection_keeps_is_small() {
    assert!(size_of::<RequestDecoder>() <= 368, "{}", size_of::<RequestDecoder>());
    assert!(size_of::<ResponseDecoder>() <= 400, "{}", size_of::<ResponseDecoder>());
    assert!(size_of::<RequestEncoder>() <= 24, "{}", size_of::<RequestEncoder>());
    assert!(size_of::<ResponseEncoder>() <= 24, "{}", size_of::<ResponseEncoder>());
}

#[test]
fn the_keep_alive_hint_is_the_timeout_of_its_field() {
    let rows = [
        ("timeout=5", Some(5)),
        ("Timeout = 7, max=100", Some(7)),
        ("max=100, TIMEOUT=9", Some(9)),
        ("timeout=x", None),
        ("timeout", None),
        ("max=1", None),
    ];
    for (value, expected) in rows {
        let input = format!("HTTP/1.1 200 OK\r\nKeep-Alive: {value}\r\nContent-Length: 0\r\n\r\n");
        let (mut decoder, mut buffer) = responses(&input, RequestKind::default());
        response_head(&mut decoder, &mut buffer);
        let Ok(ResponseEvent::End { reusable: true, keep_alive_hint }) = decoder.next(&mut buffer)
        else {
            panic!("{value:?}")
        };
        assert_eq!(keep_alive_hint, expected.map(Duration::from_secs), "{value:?}");
    }
}

#[test]
fn one_statement_on_the_length_is_left_in_the_map() {
    let length = HeaderName::from_static("content-length");
    let rows: &[(&str, RequestKind, &[&str])] = &[
        (
            "200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\n",
            RequestKind::default(),
            &["2"],
        ),
        (
            "200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            RequestKind::default(),
            &[],
        ),
        ("204 N\r\nContent-Length: x\r\nTransfer-Encoding: y\r\n\r\n", RequestKind::default(), &[]),
        ("304 N\r\nContent-Length: 2\r\n\r\n", RequestKind::default(), &["2"]),
        (
            "200 OK\r\nContent-Length: 2\r\n\r\n",
            RequestKind { head: true, ..Default::default() },
            &["2"],
        ),
    ];
    for (input, kind, expected) in rows {
        let (mut decoder, mut buffer) = responses(&format!("HTTP/1.1 {input}"), *kind);
        let (head, _) = response_head(&mut decoder, &mut buffer);
        let found: Vec<_> =
            head.headers.get_all(&length).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(found, *expected, "{input:?}");
    }
}

#[test]
fn everything_public_is_debug_send_and_sync_and_errors_are_one_line() {
    fn check<T: Debug + Send + Sync + 'static>() {}
    check::<(Limits, Framing, Connection, Target, Wrap, WrapBytes)>();
    check::<(InboundRequest, InboundResponse, RequestEvent, ResponseEvent, RequestKind)>();
    check::<(RequestDecoder, RequestEncoder, ResponseDecoder, ResponseEncoder)>();
    check::<(DecodeError, EncodeError, RequestContext<'static>)>();
    assert_eq!(DecodeError::Version.as_str(), DecodeError::Version.to_string());
    for text in [DecodeError::BareLf.to_string(), EncodeError::Short.to_string()] {
        assert!(
            !text.is_empty()
                && !text.contains('\n')
                && text.starts_with(|c: char| c.is_lowercase()),
            "{text}"
        );
    }
}
