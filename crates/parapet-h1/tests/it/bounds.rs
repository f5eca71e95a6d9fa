use bytes::{BufMut, BytesMut};
use parapet_h1::{
    DecodeError, Limits, RequestDecoder, RequestEvent, RequestKind, ResponseDecoder, ResponseEvent,
};

use crate::drive::{self, Seen};

const CHUNKED_REQUEST: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn request_error(input: &str, limits: Limits) -> Option<DecodeError> {
    last_error(&drive::requests(&[input.as_bytes()], limits))
}

fn response_error(input: &str, limits: Limits) -> Option<DecodeError> {
    last_error(&drive::response(&[input.as_bytes()], RequestKind::default(), limits))
}

fn last_error(seen: &[Seen]) -> Option<DecodeError> {
    if let Some(Seen::Error(error)) = seen.last() { Some(*error) } else { None }
}

/// A head of exactly `bytes`.
fn head(start: &str, bytes: usize) -> String {
    let fill = bytes - start.len() - "X: \r\n\r\n".len();
    format!("{start}X: {}\r\n\r\n", "v".repeat(fill))
}

#[test]
fn a_head_of_64_kib_passes_and_a_byte_more_does_not() {
    let (request, response) = ("GET / HTTP/1.1\r\n", "HTTP/1.1 204 No Content\r\n");
    for (bytes, expected) in [(65_536, None), (65_537, Some(DecodeError::HeadTooLarge))] {
        assert_eq!(request_error(&head(request, bytes), Limits::request()), expected, "{bytes}");
        assert_eq!(response_error(&head(response, bytes), Limits::response()), expected, "{bytes}");
        let interim = format!("{}{response}\r\n", head("HTTP/1.1 103 Early Hints\r\n", bytes));
        assert_eq!(response_error(&interim, Limits::response()), expected, "{bytes} in 103");
    }
    for (bytes, expected) in [(8_192, None), (8_193, Some(DecodeError::HeadTooLarge))] {
        assert_eq!(
            request_error(&head(request, bytes), Limits::request().head_bytes(8_192)),
            expected,
            "{bytes}"
        );
    }
}

#[test]
fn a_head_without_end_is_refused_when_the_bound_is_reached_not_after() {
    let mut decoder = RequestDecoder::new(Limits::request());
    let mut buffer = BytesMut::from("GET / HTTP/1.1\r\nX: ");
    loop {
        match decoder.next(&mut buffer) {
            Ok(RequestEvent::NeedMore) => buffer.put_bytes(b'v', 1_000.min(65_536 - buffer.len())),
            Err(DecodeError::HeadTooLarge) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(buffer.len(), 65_536);
}

#[test]
fn a_hundred_field_lines_pass_and_one_more_does_not() {
    for (lines, error) in [(100, None), (101, Some(DecodeError::TooManyFields))] {
        let fields = "a:b\r\n".repeat(lines);
        assert_eq!(
            request_error(&format!("GET / HTTP/1.1\r\n{fields}\r\n"), Limits::request()),
            error
        );
        assert_eq!(
            response_error(&format!("HTTP/1.1 204 N\r\n{fields}\r\n"), Limits::response()),
            error
        );
        let error = error.map(|_| DecodeError::TrailersTooLarge);
        assert_eq!(
            request_error(&format!("{CHUNKED_REQUEST}0\r\n{fields}\r\n"), Limits::request()),
            error
        );
        assert_eq!(
            response_error(&format!("{CHUNKED}0\r\n{fields}\r\n"), Limits::response()),
            error
        );
    }
    let two = "GET / HTTP/1.1\r\na:b\r\na:b\r\n\r\n";
    assert_eq!(
        request_error(two, Limits::request().field_lines(1)),
        Some(DecodeError::TooManyFields)
    );
}

#[test]
fn targets_and_methods_have_their_bounds() {
    for (bytes, error) in [(16_384, None), (16_385, Some(DecodeError::TargetTooLong))] {
        let input = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(bytes - 1));
        assert_eq!(request_error(&input, Limits::request()), error, "{bytes}");
    }
    for (bytes, error) in [(32, None), (33, Some(DecodeError::MethodTooLong))] {
        let input = format!("{} / HTTP/1.1\r\n\r\n", "M".repeat(bytes));
        assert_eq!(request_error(&input, Limits::request()), error, "{bytes}");
    }
    // Refused before the line is complete.
    let early = format!("GET /{}", "a".repeat(16_384 + 1));
    assert_eq!(request_error(&early, Limits::request()), Some(DecodeError::TargetTooLong));
    assert_eq!(request_error(&"M".repeat(33), Limits::request()), Some(DecodeError::MethodTooLong));
}

#[test]
fn trailers_have_their_bound() {
    for (bytes, error) in [(16_384, None), (16_385, Some(DecodeError::TrailersTooLarge))] {
        let input = format!("{CHUNKED}0\r\n{}", head("", bytes));
        assert_eq!(response_error(&input, Limits::response()), error, "{bytes}");
    }
    for (bytes, error) in [(65_536, None), (65_537, Some(DecodeError::TrailersTooLarge))] {
        let input = format!("{CHUNKED_REQUEST}0\r\n{}", head("", bytes));
        assert_eq!(request_error(&input, Limits::request()), error, "{bytes}");
    }
    let input = format!("{CHUNKED_REQUEST}0\r\n{}", head("", 101));
    assert_eq!(
        request_error(&input, Limits::request().trailer_bytes(100)),
        Some(DecodeError::TrailersTooLarge)
    );
}

#[test]
fn a_chunk_of_a_client_has_256_bytes_of_extension_and_a_body_16_kib() {
    for (bytes, error) in [(256, None), (257, Some(DecodeError::ChunkExtension))] {
        let input = format!("{CHUNKED_REQUEST}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(bytes - 1));
        assert_eq!(request_error(&input, Limits::request()), error, "{bytes}");
    }
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(255));
    for (chunks, error) in [(64, None), (65, Some(DecodeError::ChunkExtension))] {
        let input = format!("{CHUNKED_REQUEST}{}0\r\n\r\n", chunk.repeat(chunks));
        assert_eq!(request_error(&input, Limits::request()), error, "{chunks}");
    }
    let short = Limits::request().chunk_extension_bytes(0);
    assert_eq!(
        request_error(&format!("{CHUNKED_REQUEST}1;\r\n"), short),
        Some(DecodeError::ChunkExtension)
    );
}

#[test]
fn a_chunk_line_of_an_origin_has_4_kib_and_small_chunks_cannot_have_them_for_long() {
    for (bytes, error) in [(4_096, None), (4_097, Some(DecodeError::ChunkExtension))] {
        let input = format!("{CHUNKED}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(bytes - 1));
        assert_eq!(response_error(&input, Limits::response()), error, "{bytes}");
    }
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(4_095));
    for (chunks, error) in [(3, None), (6, Some(DecodeError::ChunkExtension))] {
        let input = format!("{CHUNKED}{}0\r\n\r\n", chunk.repeat(chunks));
        assert_eq!(response_error(&input, Limits::response()), error, "{chunks}");
    }
}

#[test]
fn a_gibibyte_of_signed_chunks_passes_in_constant_memory() {
    let mut decoder = ResponseDecoder::new(Limits::response());
    decoder.start(RequestKind::default());
    let mut buffer = BytesMut::from(CHUNKED);
    assert!(matches!(decoder.next(&mut buffer), Ok(ResponseEvent::Head(..))));
    let line = format!("10000;{}\r\n", "s".repeat(84));
    let data = [&vec![b'd'; 65_536][..], b"\r\n"].concat();
    let mut left = 1u64 << 30;
    while left > 0 {
        buffer.extend_from_slice(line.as_bytes());
        buffer.extend_from_slice(&data);
        loop {
            match decoder.next(&mut buffer) {
                Ok(ResponseEvent::Data(data)) => left -= data.len() as u64,
                Ok(ResponseEvent::NeedMore) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(buffer.is_empty());
        assert!(buffer.capacity() <= 4 * 65_536, "{} bytes held", buffer.capacity());
    }
}

#[test]
fn eight_informational_heads_pass_and_a_ninth_does_not() {
    for (heads, error) in [(8, None), (9, Some(DecodeError::TooManyInformational))] {
        let input = format!("{}HTTP/1.1 204 N\r\n\r\n", "HTTP/1.1 102 P\r\n\r\n".repeat(heads));
        assert_eq!(response_error(&input, Limits::response()), error, "{heads}");
    }
    let none = Limits::response().informational(0);
    assert_eq!(
        response_error("HTTP/1.1 100 C\r\n\r\n", none),
        Some(DecodeError::TooManyInformational)
    );
}

#[test]
fn every_setting_is_clamped_to_its_range() {
    let low = Limits::request().head_bytes(0).field_lines(0).target_bytes(0).trailer_bytes(0);
    assert_eq!(
        low,
        Limits::request().head_bytes(128).field_lines(1).target_bytes(1).trailer_bytes(2)
    );
    let max = usize::MAX;
    let high =
        Limits::request().head_bytes(max).field_lines(max).target_bytes(max).trailer_bytes(max);
    let bound = 16 << 20;
    assert_eq!(
        high,
        Limits::request()
            .head_bytes(bound)
            .field_lines(1_000)
            .target_bytes(65_534)
            .trailer_bytes(bound)
    );
}
