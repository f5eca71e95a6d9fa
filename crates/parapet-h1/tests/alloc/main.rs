//! Allocations, counted: the head's bytes, the map, one for each name that is not standard, and nothing else. One
//! test in a binary of its own, because the counter sees every thread.

#[cfg(test)]
mod counted {
    use std::alloc::System;

    use bytes::BytesMut;
    use http::{HeaderMap, HeaderValue, Method, Version};
    use parapet_h1::{
        Connection, Framing, Limits, RequestContext, RequestDecoder, RequestEncoder, RequestEvent,
        RequestKind, ResponseDecoder, ResponseEncoder, ResponseEvent,
    };
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    const REQUEST: &[u8] = b"GET /index.html?a=b HTTP/1.1\r\nHost: example.com\r\nUser-Agent: Mozilla/5.0\r\n\
        Accept: text/html\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\nCache-Control: no-cache\r\n\
        Sec-Fetch-Mode: navigate\r\nX-One: 1\r\n\r\n";
    const RESPONSE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: x\r\nX-One: 1\r\n\
        Content-Length: 5\r\n\r\nhello";

    /// Allocations while `run` runs.
    fn count<T>(run: impl FnOnce() -> T) -> (usize, T) {
        let region = Region::new(COUNTED);
        let value = run();
        let change = region.change();
        (change.allocations + change.reallocations, value)
    }

    fn decode_request(
        decoder: &mut RequestDecoder,
        buffer: &mut BytesMut,
        map: HeaderMap,
    ) -> HeaderMap {
        let Ok(RequestEvent::Head(head, Framing::None)) = decoder.next_with(buffer, map) else {
            panic!("no head")
        };
        assert!(matches!(decoder.next(buffer), Ok(RequestEvent::End)));
        decoder.next_message();
        head.headers
    }

    fn decode_response(
        decoder: &mut ResponseDecoder,
        buffer: &mut BytesMut,
        map: HeaderMap,
    ) -> HeaderMap {
        decoder.start(RequestKind::default());
        let Ok(ResponseEvent::Head(head, _)) = decoder.next_with(buffer, map) else {
            panic!("no head")
        };
        assert!(matches!(decoder.next(buffer), Ok(ResponseEvent::Data(_))));
        assert!(matches!(decoder.next(buffer), Ok(ResponseEvent::End { .. })));
        head.headers
    }

    #[test]
    fn only_what_has_to_be_is_allocated() {
        // Two names of the request are not standard, one of the response.
        let mut buffer = BytesMut::with_capacity(8 << 10);
        buffer.extend_from_slice(REQUEST);
        let mut decoder = RequestDecoder::new(Limits::request());
        let (cold, mut map) = count(|| decode_request(&mut decoder, &mut buffer, HeaderMap::new()));
        assert_eq!(cold, 2 + 1 + 1 + 2, "map 2, line ends of the first head, shared buffer, names");
        for round in 0..100 {
            map.clear(); // the values let go of the buffer
            buffer.extend_from_slice(REQUEST);
            let (warm, used) = count(|| decode_request(&mut decoder, &mut buffer, map));
            let expected = match round {
                0 => 2 + 2,     // the names; the second head is learned
                1 => 2 + 2 + 1, // the names, which are shared from now on, as what was learned is
                _ => 0,
            };
            assert_eq!(warm, expected, "{round}");
            map = used;
        }
        // News on every line: its names, and once in a while what is learned anew.
        let (mut total, rounds) = (0, 600);
        for round in 0..rounds {
            map.clear();
            let news =
                std::str::from_utf8(REQUEST).unwrap().replace("\r\n", &format!("{round}\r\n"));
            let news = news.replace(&format!("HTTP/1.1{round}"), "HTTP/1.1");
            let news = news.replace(&format!("\r\n{round}\r\n"), "\r\n\r\n");
            buffer.extend_from_slice(news.as_bytes());
            let (warm, used) = count(|| decode_request(&mut decoder, &mut buffer, map));
            total += warm;
            map = used;
        }
        assert!(total < rounds * 2 + 60, "{total} in {rounds} rounds");

        let mut buffer = BytesMut::with_capacity(8 << 10);
        let mut decoder = ResponseDecoder::new(Limits::response());
        for round in 0..100 {
            map.clear();
            buffer.extend_from_slice(RESPONSE);
            let (warm, used) = count(|| decode_response(&mut decoder, &mut buffer, map));
            assert!(warm == 0 || round < 3, "{warm}");
            map = used;
        }

        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.headers = map.clone();
        parts.headers.insert("host", HeaderValue::from_static("example.com"));
        let (answer, ()) = http::Response::new(()).into_parts();
        let context = RequestContext { version: Version::HTTP_11, method: &Method::GET };
        let mut out = BytesMut::with_capacity(4 << 10);
        let (mut request, mut response) = (RequestEncoder::new(), ResponseEncoder::new());
        let (written, ()) = count(|| {
            request
                .start(&parts, Framing::Chunked, Connection::KeepAlive, false, &mut out)
                .unwrap();
            let wrap = request.data(5).unwrap();
            out.extend_from_slice(wrap.before.as_slice());
            request.end(None, &mut out).unwrap();
            response
                .head(&answer, &context, Framing::Length(7), Connection::Close, None, &mut out)
                .unwrap();
        });
        assert_eq!(written, 0, "encoding into a buffer with room");

        // An announced size costs nothing.
        for framing in [
            "Content-Length: 9223372036854775807\r\n\r\nx",
            "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
        ] {
            let input = format!("POST / HTTP/1.1\r\n{framing}");
            let mut buffer = BytesMut::from(input.as_bytes());
            let mut decoder = RequestDecoder::new(Limits::request());
            let region = Region::new(COUNTED);
            assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::Head(..))));
            assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::Data(_))));
            assert!(matches!(decoder.next(&mut buffer), Ok(RequestEvent::NeedMore)));
            let bytes = region.change().bytes_allocated;
            assert!(bytes < 8 << 10, "{bytes} bytes for {framing:?}");
        }
    }
}
