//! What a proxy does to a message: decode it, write it again. Whatever was accepted must come out with one meaning,
//! which the slow reader tells.

use bytes::{Bytes, BytesMut};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use parapet_h1::{
    Connection, EncodeError, Framing, InboundRequest, InboundResponse, Limits, RequestContext,
    RequestDecoder, RequestEncoder, RequestEvent, RequestKind, ResponseDecoder, ResponseEncoder,
    ResponseEvent, Target,
};

use crate::strict::{self, Message};

/// Property of the fuzz target `h1_relay`: requests in `data` and, by its first byte, the answer to one.
pub(crate) fn relay(data: &[u8]) {
    relay_requests(data);
    if let Some((kind, input)) = data.split_first() {
        let kind = RequestKind { head: kind & 1 > 0, connect: kind & 2 > 0, upgrade: kind & 4 > 0 };
        relay_response(input, kind);
    }
}

/// Relays every complete request in `input`; returns how many were.
pub(crate) fn relay_requests(input: &[u8]) -> usize {
    let mut decoder = RequestDecoder::new(Limits::request());
    let mut buffer = BytesMut::from(input);
    let mut relayed = 0;
    while let Ok(RequestEvent::Head(head, framing)) = decoder.next(&mut buffer) {
        let mut frames = Vec::new();
        let mut trailers = None;
        loop {
            match decoder.next(&mut buffer) {
                Ok(RequestEvent::Data(data)) => frames.push(data),
                Ok(RequestEvent::Trailers(map)) => trailers = Some(map),
                Ok(RequestEvent::End) => break,
                Ok(RequestEvent::Head(..)) => panic!("a head inside a message"),
                Ok(RequestEvent::NeedMore) | Err(_) => return relayed,
            }
        }
        let switches = head.upgrade || head.method == Method::CONNECT;
        relayed += usize::from(relay_request(head, framing, &frames, trailers.as_ref()));
        if switches {
            break;
        }
        decoder.next_message();
    }
    relayed
}

fn relay_request(
    head: InboundRequest,
    framing: Framing,
    frames: &[Bytes],
    trailers: Option<&HeaderMap>,
) -> bool {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    let connection = if head.upgrade { Connection::Upgrade } else { Connection::KeepAlive };
    parts.method = head.method;
    parts.headers = head.headers;
    let hosts = parts.headers.get_all(header::HOST).iter().count();
    if hosts == 0 {
        parts.headers.insert(header::HOST, HeaderValue::from_static("h"));
    }
    let target = match head.target {
        Target::Origin(path) => origin(path, &mut parts.uri),
        Target::Absolute { authority, path, .. } => {
            let host = HeaderValue::from_str(authority.as_str()).expect("an authority is a value");
            parts.headers.insert(header::HOST, host);
            origin(path, &mut parts.uri)
        }
        Target::Authority(authority) => {
            parts.uri = Uri::from(authority.clone());
            authority.to_string()
        }
        Target::Asterisk => origin(PathAndQuery::from_static("*"), &mut parts.uri),
    };
    let mut out = BytesMut::new();
    let mut encoder = RequestEncoder::new();
    let framing = if framing == Framing::Length(0) { Framing::None } else { framing };
    match encoder.start(&parts, framing, connection, false, &mut out) {
        Ok(()) => {}
        Err(EncodeError::Host) if hosts > 1 => return false,
        Err(error) => panic!("{error}: {parts:?}"),
    }
    for frame in frames {
        let wrap = encoder.data(frame.len()).expect("the decoder keeps to the length");
        for bytes in [wrap.before.as_slice(), frame, wrap.after.as_slice()] {
            out.extend_from_slice(bytes);
        }
    }
    encoder.end(trailers, &mut out).expect("the decoder keeps to the length");

    let mut rest = &out[..];
    let read = strict::request(&mut rest).unwrap_or_else(|e| panic!("{e}: {}", out.escape_ascii()));
    assert!(rest.is_empty(), "bytes after the message: {}", out.escape_ascii());
    assert_eq!(read.start, [parts.method.as_str(), &target]);
    assert_eq!(read.content, frames.concat());
    assert_eq!(read.trailers, pairs(trailers.unwrap_or(&HeaderMap::new()), |_| true));
    let mut expected = pairs(&parts.headers, |name| name == "host");
    expected.extend(pairs(&parts.headers, |name| {
        name != "host"
            && !is_framing(name)
            && (name != "upgrade" || connection == Connection::Upgrade)
    }));
    assert_eq!(without_framing(&read), expected);
    true
}

/// Relays the answer in `input`; true if it was complete.
pub(crate) fn relay_response(input: &[u8], kind: RequestKind) -> bool {
    let mut decoder = ResponseDecoder::new(Limits::response());
    decoder.start(kind);
    let mut buffer = BytesMut::from(input);
    let mut interim = Vec::new();
    let mut head = None;
    let mut frames = Vec::new();
    let mut trailers = None;
    loop {
        match decoder.next(&mut buffer) {
            Ok(ResponseEvent::Informational(head)) => interim.push(head),
            Ok(ResponseEvent::Head(response, framing)) => head = Some((response, framing)),
            Ok(ResponseEvent::Data(data)) => frames.push(data),
            Ok(ResponseEvent::Trailers(map)) => trailers = Some(map),
            Ok(ResponseEvent::End { .. }) => break,
            Ok(ResponseEvent::NeedMore) => match decoder.eof() {
                Ok(_) => break,
                Err(_) => return false,
            },
            Err(_) => return false,
        }
    }
    let (head, framing) = head.expect("a message has a head");
    let method = match kind {
        RequestKind { head: true, .. } => Method::HEAD,
        RequestKind { connect: true, .. } => Method::CONNECT,
        _ => Method::GET,
    };
    if kind.head && kind.connect {
        return false; // no request is both
    }
    let out = write_response(&interim, &head, framing, &method, &frames, trailers.as_ref());

    let mut rest = &out[..];
    let (read_interim, read) = strict::response(&mut rest, method.as_str())
        .unwrap_or_else(|e| panic!("{e}: {}", out.escape_ascii()));
    assert!(rest.is_empty(), "bytes after the message: {}", out.escape_ascii());
    assert_eq!(read_interim.len(), interim.len());
    for (read, sent) in read_interim.iter().zip(&interim) {
        assert_eq!(read.start, [sent.status.as_str()]);
        assert_eq!(without_framing(read), pairs(&sent.headers, |name| !is_framing(name)));
    }
    assert_eq!(read.start, [head.status.as_str()]);
    assert_eq!(read.content, frames.concat());
    assert_eq!(read.trailers, pairs(trailers.as_ref().unwrap_or(&HeaderMap::new()), |_| true));
    assert_eq!(without_framing(&read), pairs(&head.headers, |name| !is_framing(name)));
    assert_eq!(read.until_close, framing == Framing::UntilClose);
    if framing == Framing::UntilClose {
        assert_eq!(read.values("connection"), [b"close"]);
    }
    if kind.head || head.status == StatusCode::NOT_MODIFIED {
        let kept = head.headers.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes);
        assert_eq!(read.values("content-length").first().copied(), kept);
    }
    true
}

fn write_response(
    interim: &[InboundResponse],
    head: &InboundResponse,
    framing: Framing,
    method: &Method,
    frames: &[Bytes],
    trailers: Option<&HeaderMap>,
) -> BytesMut {
    let mut out = BytesMut::new();
    let mut encoder = ResponseEncoder::new();
    for head in interim {
        encoder.informational(head.status, &head.headers, &mut out).expect("it came as 1xx");
    }
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = head.status;
    parts.headers = head.headers.clone();
    let context = RequestContext { version: Version::HTTP_11, method };
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    let connection = if switches { Connection::Upgrade } else { Connection::KeepAlive };
    encoder
        .head(&parts, &context, framing, connection, None, &mut out)
        .expect("it came as a response");
    for frame in frames {
        let wrap = encoder.data(frame.len()).expect("the decoder keeps to the length");
        for bytes in [wrap.before.as_slice(), frame, wrap.after.as_slice()] {
            out.extend_from_slice(bytes);
        }
    }
    encoder.end(trailers, &mut out).expect("the decoder keeps to the length");
    out
}

fn origin(path: PathAndQuery, uri: &mut Uri) -> String {
    let text = path.to_string();
    *uri = Uri::from(path);
    text
}

pub(crate) fn pairs(map: &HeaderMap, keep: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let kept = map.iter().filter(|(name, _)| keep(name.as_str()));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

pub(crate) fn is_framing(name: &str) -> bool {
    ["connection", "keep-alive", "content-length", "transfer-encoding"].contains(&name)
}

pub(crate) fn without_framing(message: &Message) -> Vec<(String, Vec<u8>)> {
    message.fields.iter().filter(|(name, _)| !is_framing(name)).cloned().collect()
}
