use parapet_h1::{DecodeError, Limits, RequestKind};

use crate::corpus;
use crate::drive::{self, Seen};

const GOOD: &[u8] = b"POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

fn request_error(input: &[u8]) -> (usize, Option<DecodeError>) {
    let seen = drive::requests(&[input], Limits::request());
    let ends = seen.iter().filter(|s| matches!(s, Seen::End(_))).count();
    match seen.last() {
        Some(Seen::Error(error)) => (ends, Some(*error)),
        _ => (ends, None),
    }
}

#[test]
fn every_bad_request_is_refused_with_its_kind_alone_and_between_good_ones() {
    for (input, kind) in corpus::BAD_REQUESTS {
        let name = input.escape_ascii();
        assert_eq!(request_error(input), (0, Some(*kind)), "{name}");
        assert_eq!(
            request_error(&[input, GOOD].concat()),
            (0, Some(*kind)),
            "{name} before a good one"
        );
        // An empty line before the request line is the good one's, when there is one to skip.
        assert_eq!(
            request_error(&[GOOD, input].concat()),
            (1, Some(*kind)),
            "{name} after a good one"
        );
    }
}

#[test]
fn every_bad_response_is_refused_with_its_kind() {
    for (input, kind) in corpus::BAD_RESPONSES {
        let seen = drive::response(&[input], RequestKind::default(), Limits::response());
        let Some(Seen::Error(error)) = seen.last() else {
            panic!("{} was taken: {seen:?}", input.escape_ascii())
        };
        assert_eq!(error, kind, "{}", input.escape_ascii());
    }
}

#[test]
fn every_good_response_is_taken_and_says_whether_the_connection_lives() {
    for (input, reusable) in corpus::RESPONSES {
        let seen =
            drive::response(&[input, b"HTTP/1.1"], RequestKind::default(), Limits::response());
        let [.., Seen::End(end), Seen::Left(left)] = &seen[..] else {
            panic!("{}: {seen:?}", input.escape_ascii())
        };
        assert!(end.starts_with(&reusable.to_string()), "{}: {end}", input.escape_ascii());
        assert_eq!(left, b"HTTP/1.1", "{}", input.escape_ascii());
    }
    for input in corpus::UNTIL_CLOSE {
        let seen = drive::response(&[input], RequestKind::default(), Limits::response());
        assert!(matches!(seen.last(), Some(Seen::End(end)) if end == "false None"), "{seen:?}");
    }
}

#[test]
fn every_good_request_is_taken() {
    for input in corpus::REQUESTS {
        let (ends, error) = request_error(input);
        let switches = input.starts_with(b"CONNECT") || input.starts_with(b"GET /ws");
        assert_eq!((ends, error), (usize::from(!switches), None), "{}", input.escape_ascii());
    }
}

#[test]
fn every_byte_of_names_values_and_targets_is_taken_or_refused_as_the_grammar_says() {
    for byte in 0..=255u8 {
        let run = |before: &[u8], after: &[u8], limits: Limits| {
            let input = [before, &[byte], after].concat();
            !matches!(drive::requests(&[&input], limits).last(), Some(Seen::Error(_)))
        };
        let strict = Limits::request();
        let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(
            run(b"GET / HTTP/1.1\r\nA", b"B: c\r\n\r\n", strict),
            token || byte == b':',
            "name {byte:#x}"
        );
        let value = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        assert_eq!(run(b"GET / HTTP/1.1\r\nA: b", b"c\r\n\r\n", strict), value, "value {byte:#x}");
        assert_eq!(run(b"G", b"T / HTTP/1.1\r\n\r\n", strict), token, "method {byte:#x}");
        let visible = matches!(byte, 0x21..=0x7e) && byte != b'#';
        let path = visible && !b"\\<>`%".contains(&byte);
        assert_eq!(run(b"GET /a", b"b HTTP/1.1\r\n\r\n", strict), path, "path {byte:#x}");
        let query = visible && !b"\"<>".contains(&byte);
        assert_eq!(run(b"GET /?a", b"b HTTP/1.1\r\n\r\n", strict), query, "query {byte:#x}");
        // Alone, no byte above ASCII is UTF-8.
        let utf8 = Limits::request().allow_utf8_target(true);
        assert_eq!(run(b"GET /a", b"b HTTP/1.1\r\n\r\n", utf8), path, "lenient path {byte:#x}");
    }
}

#[test]
fn utf8_targets_pass_as_received_when_allowed() {
    let input = "GET /ä?ö=ü HTTP/1.1\r\n\r\n".as_bytes();
    let seen = drive::requests(&[input], Limits::request().allow_utf8_target(true));
    let Some(Seen::Request(request, _)) = seen.first() else { panic!("{seen:?}") };
    assert_eq!(format!("{:?}", request.target), "Origin(/ä?ö=ü)");
    assert_eq!(request_error(input).1, Some(DecodeError::TargetByte));
}

#[test]
fn bare_lf_is_taken_in_heads_and_trailers_of_responses_when_allowed_and_nowhere_else() {
    let lenient = Limits::response().allow_bare_lf(true);
    let rows: &[(&[u8], Option<DecodeError>)] = &[
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok", None),
        (b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\r\nok\r\n0\r\nA: b\n\n", None),
        (b"HTTP/1.1 200 OK\nA: b\rc\n\n", Some(DecodeError::ControlByte)),
        (
            b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\r\n0\r\n\r\n",
            Some(DecodeError::BareLf),
        ),
        (
            b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\r\nok\n0\r\n\r\n",
            Some(DecodeError::BareLf),
        ),
    ];
    for (input, expected) in rows {
        let seen = drive::response(&[input], RequestKind::default(), lenient);
        let error = if let Some(Seen::Error(error)) = seen.last() { Some(*error) } else { None };
        assert_eq!(error, *expected, "{}", input.escape_ascii());
    }
    let seen = drive::requests(&[b"GET / HTTP/1.1\n\n"], Limits::request().allow_bare_lf(true));
    assert!(matches!(seen[..], [Seen::Error(DecodeError::BareLf)]), "{seen:?}");
}
