use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use parapet_h1::{
    Connection, Framing, Limits, RequestContext, RequestEncoder, RequestKind, ResponseEncoder, Wrap,
};
use proptest::prelude::*;

use crate::drive::{self, Seen};
use crate::relay::{is_framing, pairs, relay_requests, relay_response, without_framing};
use crate::{corpus, strict};

#[test]
fn the_corpus_keeps_its_meaning_through_a_relay() {
    for input in corpus::REQUESTS {
        let repeated = input.windows(14).any(|w| w == b"Host: a\r\nHost:");
        assert_eq!(relay_requests(input), usize::from(!repeated), "{}", input.escape_ascii());
    }
    for input in
        corpus::RESPONSES.iter().map(|(input, _)| *input).chain(corpus::UNTIL_CLOSE.iter().copied())
    {
        assert!(relay_response(input, RequestKind::default()), "{}", input.escape_ascii());
    }
    let heads: &[(&[u8], RequestKind)] = &[
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            RequestKind { head: true, ..RequestKind::default() },
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            RequestKind { head: true, ..RequestKind::default() },
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            RequestKind { connect: true, ..RequestKind::default() },
        ),
        (
            b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            RequestKind { upgrade: true, ..RequestKind::default() },
        ),
    ];
    for (input, kind) in heads {
        assert!(relay_response(input, *kind), "{}", input.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn whatever_is_accepted_of_a_client_has_one_meaning_when_written_again(input in corpus::mutated_requests()) {
        relay_requests(&input);
    }

    #[test]
    fn whatever_is_accepted_of_an_origin_has_one_meaning_when_written_again(
        input in corpus::mutated_responses(),
        flags in 0u8..8,
    ) {
        let kind = RequestKind { head: flags & 1 > 0, connect: flags & 2 > 0, upgrade: flags & 4 > 0 };
        relay_response(&input, kind);
    }
}

fn fields() -> impl Strategy<Value = HeaderMap> {
    let names = [
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "date",
        "accept",
        "x-a",
        "x-b",
        "set-cookie",
        "a!",
    ];
    let value =
        prop_oneof!["[!-~]([ -~\t]{0,20}[!-~])?", Just(String::new()), Just("chunked".into())];
    let field = (prop::sample::select(names.to_vec()), value);
    prop::collection::vec(field, 0..12).prop_map(|fields| {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        map
    })
}

fn wrapped(out: &mut BytesMut, wrap: Wrap, frame: &[u8]) {
    for bytes in [wrap.before.as_slice(), frame, wrap.after.as_slice()] {
        out.extend_from_slice(bytes);
    }
}

proptest! {
    #[test]
    fn what_the_response_encoder_wrote_reads_back(
        headers in fields(),
        trailers in fields(),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..4),
        status in prop::sample::select(&[200u16, 204, 206, 304, 404, 418, 599, 999][..]),
        method in prop::sample::select(&[Method::GET, Method::HEAD, Method::POST, Method::CONNECT][..]),
        framing in 0..4usize,
        http10: bool,
        connection in prop::sample::select(&[Connection::KeepAlive, Connection::Close, Connection::Upgrade][..]),
    ) {
        let content = frames.concat();
        let length = content.len() as u64;
        let framing =
            [Framing::Length(length), Framing::Chunked, Framing::UntilClose, Framing::None][framing];
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(status).unwrap();
        parts.headers = headers;
        // A length that the map keeps for HEAD is one that a handler wrote.
        parts.headers.remove("content-length");
        let version = if http10 { Version::HTTP_10 } else { Version::HTTP_11 };
        let context = RequestContext { version, method: &method };
        let mut encoder = ResponseEncoder::new();
        let mut out = BytesMut::new();
        encoder.head(&parts, &context, framing, connection, None, &mut out).unwrap();
        let sends = encoder.expects_body() && framing != Framing::None;
        for frame in frames.iter().filter(|_| sends) {
            let wrap = encoder.data(frame.len()).unwrap();
            wrapped(&mut out, wrap, frame);
        }
        encoder.end(Some(&trailers), &mut out).unwrap();

        let mut rest = &out[..];
        let (_, read) = strict::response(&mut rest, method.as_str()).map_err(TestCaseError::fail)?;
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&read.start, &[parts.status.as_str()]);
        prop_assert_eq!(&read.content, if sends { &content } else { &[][..] });
        prop_assert_eq!(without_framing(&read), pairs(&parts.headers, |name| !is_framing(name)));
        let chunked = sends && framing == Framing::Chunked && !http10;
        let sent_trailers = if chunked { pairs(&trailers, |_| true) } else { Vec::new() };
        prop_assert_eq!(&read.trailers, &sent_trailers);
        if http10 {
            prop_assert!(read.values("transfer-encoding").is_empty());
        }
        let close = read.values("connection") == [b"close"];
        let tunnel = method == Method::CONNECT && parts.status.is_success();
        prop_assert!(tunnel || close == encoder.closes());
        prop_assert!(!read.until_close || close);

        let kind = RequestKind { head: method == Method::HEAD, connect: method == Method::CONNECT, upgrade: false };
        let seen = drive::response(&[&out], kind, Limits::response());
        let Some(Seen::Response(head, found)) = seen.first() else { panic!("{seen:?}") };
        prop_assert_eq!(head.status, parts.status);
        prop_assert_eq!(
            pairs(&head.headers, |name| !is_framing(name)),
            pairs(&parts.headers, |name| !is_framing(name))
        );
        if sends {
            let expected = if chunked || framing != Framing::Chunked { framing } else { Framing::UntilClose };
            prop_assert_eq!(*found, expected);
        }
        let data = seen.iter().find_map(|s| if let Seen::Data(data) = s { Some(data.as_slice()) } else { None });
        prop_assert_eq!(data.unwrap_or_default(), if sends { &content } else { &[][..] });
        let found = seen.iter().find_map(|s| if let Seen::Trailers(map) = s { Some(map.clone()) } else { None });
        prop_assert_eq!(pairs(&found.unwrap_or_default(), |_| true), sent_trailers);
    }

    #[test]
    fn what_the_request_encoder_wrote_reads_back(
        headers in fields(),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..4),
        target in "/[a-z/]{0,10}(\\?[a-z=&]{0,5})?",
        method in prop::sample::select(&[Method::GET, Method::PUT, Method::POST, Method::DELETE][..]),
        chunked: bool,
        title_case: bool,
        connection in prop::sample::select(&[Connection::KeepAlive, Connection::Close, Connection::Upgrade][..]),
        sizes in prop::collection::vec(1usize..60, 1..4),
    ) {
        let content = frames.concat();
        let framing = if chunked { Framing::Chunked } else { Framing::Length(content.len() as u64) };
        let (mut parts, ()) = http::Request::builder().uri(&target).body(()).unwrap().into_parts();
        parts.method = method;
        parts.headers = headers;
        parts.headers.insert("host", HeaderValue::from_static("example.com"));
        let mut encoder = RequestEncoder::new();
        let mut out = BytesMut::new();
        encoder.start(&parts, framing, connection, title_case, &mut out).unwrap();
        for frame in &frames {
            let wrap = encoder.data(frame.len()).unwrap();
            wrapped(&mut out, wrap, frame);
        }
        encoder.end(None, &mut out).unwrap();

        let mut rest = &out[..];
        let read = strict::request(&mut rest).map_err(TestCaseError::fail)?;
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&read.start, &[parts.method.as_str(), &target]);
        prop_assert_eq!(&read.content, &content);
        let upgrade = connection == Connection::Upgrade;
        let te = !read.values("te").is_empty();
        let options = match connection {
            Connection::KeepAlive => vec![],
            Connection::Close => vec!["close"],
            Connection::Upgrade => vec!["Upgrade"],
        };
        let options: Vec<_> = options.into_iter().chain(te.then_some("TE")).collect();
        let found: Vec<_> = read.values("connection");
        prop_assert_eq!(found.concat(), options.join(", ").into_bytes());

        let pieces = drive::cut(&out, &sizes);
        let seen = drive::requests(&pieces, Limits::request());
        let Some(Seen::Request(head, found)) = seen.first() else { panic!("{seen:?}") };
        prop_assert_eq!(*found, framing);
        let sent = |name: &str| !is_framing(name) && (name != "upgrade" || upgrade);
        let mut expected = pairs(&parts.headers, |name| sent(name) && name == "host");
        expected.extend(pairs(&parts.headers, |name| sent(name) && name != "host"));
        prop_assert_eq!(pairs(&head.headers, |name| !is_framing(name)), expected);
        let data = seen.iter().find_map(|s| if let Seen::Data(data) = s { Some(data.as_slice()) } else { None });
        prop_assert_eq!(data.unwrap_or_default(), &content);
    }
}
