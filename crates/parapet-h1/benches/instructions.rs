//! Runs one machine some number of times, for an instruction count that repeats on a noisy machine:
//!
//! ```text
//! cargo bench -p parapet-h1 --bench instructions --no-run
//! valgrind --tool=callgrind target/release/deps/instructions-* decode-request 1000
//! ```
//!
//! The difference between two counts is the cost of the messages between them. `map` makes names and values of the
//! request's fields, whose places it knows, and fills a map: the part of `decode-request` that is not this crate's.

use std::error::Error;
use std::hint::black_box;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use parapet_h1::{
    Connection, Framing, Limits, RequestContext, RequestDecoder, RequestEncoder, RequestEvent,
    RequestKind, ResponseDecoder, ResponseEncoder, ResponseEvent,
};

/// What a browser sends: a request line, fourteen fields, an empty line.
const REQUEST: &[u8] = b"GET /articles/2026/11/index.html?utm_source=feed HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/articles/2026/11/\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Priority: u=0, i\r\n\
    Cache-Control: max-age=0\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx\r\n\
    Date: Tue, 24 Nov 2026 13:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 5\r\n\
    Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"5f3c-1a2b3c4d\"\r\n\
    Cache-Control: max-age=60\r\n\
    Vary: Accept-Encoding\r\n\
    Accept-Ranges: bytes\r\n\
    Strict-Transport-Security: max-age=31536000\r\n\
    X-Content-Type-Options: nosniff\r\n\
    \r\nhello";

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds an argument of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let machine = arguments.next();
    let count = arguments.next().map_or(Ok(1), |count| count.parse())?;
    match machine.as_deref() {
        Some("decode-request") => decode_request(count),
        Some("decode-response") => decode_response(count),
        Some("encode-request") => encode_request(count),
        Some("encode-response") => encode_response(count),
        Some("map") => fill_map(count),
        None => {
            decode_request(count)?;
            decode_response(count)?;
            encode_request(count)?;
            encode_response(count)?;
            fill_map(count)
        }
        Some(other) => Err(format!("no machine {other:?}").into()),
    }
}

fn decode_request(count: u32) -> Result<(), Box<dyn Error>> {
    let mut decoder = RequestDecoder::new(Limits::request());
    let mut buffer = BytesMut::with_capacity(8 << 10);
    let mut map = HeaderMap::new();
    for _ in 0..count {
        map.clear();
        buffer.extend_from_slice(black_box(REQUEST));
        let RequestEvent::Head(head, _) = decoder.next_with(&mut buffer, map)? else {
            return Err("no head".into());
        };
        let RequestEvent::End = decoder.next(&mut buffer)? else {
            return Err("no end".into());
        };
        decoder.next_message();
        map = black_box(head).headers;
    }
    Ok(())
}

fn decode_response(count: u32) -> Result<(), Box<dyn Error>> {
    let mut decoder = ResponseDecoder::new(Limits::response());
    let mut buffer = BytesMut::with_capacity(8 << 10);
    let mut map = HeaderMap::new();
    for _ in 0..count {
        map.clear();
        buffer.extend_from_slice(black_box(RESPONSE));
        decoder.start(RequestKind::default());
        let ResponseEvent::Head(head, _) = decoder.next_with(&mut buffer, map)? else {
            return Err("no head".into());
        };
        let ResponseEvent::Data(_) = decoder.next(&mut buffer)? else {
            return Err("no content".into());
        };
        let ResponseEvent::End { .. } = decoder.next(&mut buffer)? else {
            return Err("no end".into());
        };
        map = black_box(head).headers;
    }
    Ok(())
}

/// A head of eight fields: `Host`, six others, the framing.
fn encode_request(count: u32) -> Result<(), Box<dyn Error>> {
    let request = http::Request::builder()
        .method(Method::POST)
        .uri("/articles/2026/11/index.html?utm_source=feed")
        .header("host", "www.example.com")
        .header("accept", "text/html,application/xhtml+xml")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-proto", "https")
        .header("x-real-ip", "203.0.113.9")
        .header("cookie", "session=0123456789abcdef0123456789abcdef")
        .body(())?;
    let (parts, ()) = request.into_parts();
    let mut encoder = RequestEncoder::new();
    let mut out = BytesMut::with_capacity(8 << 10);
    for _ in 0..count {
        out.clear();
        encoder.start(
            black_box(&parts),
            Framing::Length(0),
            Connection::KeepAlive,
            false,
            &mut out,
        )?;
        encoder.end(None, &mut out)?;
        black_box(&out);
    }
    Ok(())
}

/// A head of eight fields: six of the map, `Date`, the framing.
fn encode_response(count: u32) -> Result<(), Box<dyn Error>> {
    let response = http::Response::builder()
        .header("server", "nginx")
        .header("content-type", "text/html; charset=utf-8")
        .header("last-modified", "Mon, 23 Nov 2026 10:00:00 GMT")
        .header("etag", "\"5f3c-1a2b3c4d\"")
        .header("cache-control", "max-age=60")
        .header("vary", "Accept-Encoding")
        .body(())?;
    let (parts, ()) = response.into_parts();
    let date = HeaderValue::from_static("Tue, 24 Nov 2026 13:00:00 GMT");
    let context = RequestContext { version: Version::HTTP_11, method: &Method::GET };
    let mut encoder = ResponseEncoder::new();
    let mut out = BytesMut::with_capacity(8 << 10);
    for _ in 0..count {
        out.clear();
        let framing = Framing::Length(0);
        encoder.head(
            black_box(&parts),
            &context,
            framing,
            Connection::KeepAlive,
            Some(&date),
            &mut out,
        )?;
        encoder.end(None, &mut out)?;
        black_box(&out);
    }
    Ok(())
}

fn fill_map(count: u32) -> Result<(), Box<dyn Error>> {
    let text = std::str::from_utf8(REQUEST)?;
    let section = BytesMut::from(text).split().freeze();
    let mut fields = Vec::new();
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        fields.push((name, start..start + value.len()));
    }
    let mut map = HeaderMap::with_capacity(16);
    for _ in 0..count {
        map.clear();
        for (name, value) in black_box(&fields) {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            map.try_append(name, HeaderValue::from_maybe_shared(section.slice(value.clone()))?)?;
        }
        black_box(&map);
    }
    Ok(())
}
