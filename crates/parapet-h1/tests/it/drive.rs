//! Drives the decoders as a connection does: bytes come in pieces, events are taken until `NeedMore`.

use bytes::BytesMut;
use http::HeaderMap;
use parapet_h1::{
    DecodeError, Framing, InboundRequest, InboundResponse, Limits, RequestDecoder, RequestEvent,
    RequestKind, ResponseDecoder, ResponseEvent,
};

/// What came out of a decoder. Adjacent data is joined, so that it does not depend on the cuts.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Request(Box<InboundRequest>, Framing),
    Informational(Box<InboundResponse>),
    Response(Box<InboundResponse>, Framing),
    Data(Vec<u8>),
    Trailers(HeaderMap),
    End(String),
    /// What is left in the buffer belongs to another protocol.
    Left(Vec<u8>),
    Error(DecodeError),
}

/// Two runs are equal if they print the same: the heads have no `PartialEq`.
pub(crate) fn print(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|s| format!("{s:?}")).collect()
}

pub(crate) fn push(seen: &mut Vec<Seen>, next: Seen) {
    match (seen.last_mut(), next) {
        (Some(Seen::Data(before)), Seen::Data(data)) => before.extend(data),
        (_, next) => seen.push(next),
    }
}

/// All requests in the pieces, and what the end of input then means.
pub(crate) fn requests(pieces: &[&[u8]], limits: Limits) -> Vec<Seen> {
    let mut decoder = RequestDecoder::new(limits);
    let mut buffer = BytesMut::new();
    let mut seen = Vec::new();
    let mut switched = false;
    let mut fed = 0;
    let mut taken = 0;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        fed += piece.len();
        while !switched {
            let before = decoder.consumed();
            let event = decoder.next(&mut buffer);
            taken += decoder.consumed() - before;
            assert_eq!(taken + buffer.len() as u64, fed as u64, "consumed and left are the input");
            match event {
                Ok(RequestEvent::Head(head, framing)) => {
                    switched = head.upgrade || head.method == http::Method::CONNECT;
                    push(&mut seen, Seen::Request(Box::new(head), framing));
                }
                Ok(RequestEvent::Data(data)) => push(&mut seen, Seen::Data(data.to_vec())),
                Ok(RequestEvent::Trailers(map)) => push(&mut seen, Seen::Trailers(map)),
                Ok(RequestEvent::End) => {
                    push(&mut seen, Seen::End(String::new()));
                    decoder.next_message();
                }
                Ok(RequestEvent::NeedMore) => break,
                Err(error) => {
                    assert_eq!(decoder.next(&mut buffer).unwrap_err(), error, "a failure is final");
                    assert_eq!(decoder.eof().unwrap_err(), error, "a failure is final");
                    push(&mut seen, Seen::Error(error));
                    return seen;
                }
            }
        }
    }
    if switched {
        assert!(
            matches!(decoder.next(&mut buffer), Ok(RequestEvent::End)),
            "a switch ends the message"
        );
        push(&mut seen, Seen::Left(buffer.to_vec()));
        return seen;
    }
    match decoder.eof() {
        Ok(RequestEvent::End) => {}
        Ok(other) => panic!("end of input gave {other:?}"),
        Err(error) => push(&mut seen, Seen::Error(error)),
    }
    seen
}

/// One exchange's response in the pieces.
pub(crate) fn response(pieces: &[&[u8]], kind: RequestKind, limits: Limits) -> Vec<Seen> {
    let mut decoder = ResponseDecoder::new(limits);
    decoder.start(kind);
    let mut buffer = BytesMut::new();
    let mut seen = Vec::new();
    let mut ended = false;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while !ended {
            match decoder.next(&mut buffer) {
                Ok(ResponseEvent::Informational(head)) => {
                    push(&mut seen, Seen::Informational(Box::new(head)));
                }
                Ok(ResponseEvent::Head(head, framing)) => {
                    push(&mut seen, Seen::Response(Box::new(head), framing));
                }
                Ok(ResponseEvent::Data(data)) => push(&mut seen, Seen::Data(data.to_vec())),
                Ok(ResponseEvent::Trailers(map)) => push(&mut seen, Seen::Trailers(map)),
                Ok(ResponseEvent::End { reusable, keep_alive_hint }) => {
                    ended = true;
                    push(&mut seen, Seen::End(format!("{reusable} {keep_alive_hint:?}")));
                }
                Ok(ResponseEvent::NeedMore) => break,
                Err(error) => {
                    assert_eq!(decoder.next(&mut buffer).unwrap_err(), error, "a failure is final");
                    push(&mut seen, Seen::Error(error));
                    return seen;
                }
            }
        }
    }
    if ended {
        push(&mut seen, Seen::Left(buffer.to_vec()));
        return seen;
    }
    match decoder.eof() {
        Ok(ResponseEvent::End { reusable, keep_alive_hint }) => {
            push(&mut seen, Seen::End(format!("{reusable} {keep_alive_hint:?}")));
        }
        Ok(other) => panic!("end of input gave {other:?}"),
        Err(error) => push(&mut seen, Seen::Error(error)),
    }
    seen
}

/// Cuts `input` into pieces whose sizes repeat `sizes`.
pub(crate) fn cut<'a>(input: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = input;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() || sizes.iter().all(|size| *size == 0) {
            break;
        }
        let (piece, left) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// Property of the fuzz target `h1_request`: the first bytes choose the cuts, which must not matter.
pub(crate) fn request_cuts_do_not_matter(data: &[u8]) {
    let Some((seed, input)) = data.split_first_chunk::<3>() else { return };
    let sizes = seed.map(|byte| usize::from(byte % 32));
    if sizes == [0; 3] {
        return;
    }
    let limits = Limits::request().head_bytes(1_024).target_bytes(128).field_lines(16);
    let whole = requests(&[input], limits);
    assert_eq!(
        print(&whole),
        print(&requests(&cut(input, &sizes), limits)),
        "{}",
        input.escape_ascii()
    );
}

/// Property of the fuzz target `h1_response`: the same, and the first byte chooses the request.
pub(crate) fn response_cuts_do_not_matter(data: &[u8]) {
    let Some((seed, input)) = data.split_first_chunk::<4>() else { return };
    let [kind, sizes @ ..] = seed.map(|byte| usize::from(byte % 32));
    if sizes == [0; 3] {
        return;
    }
    let bare_lf = kind & 8 > 0;
    let kind = RequestKind { head: kind & 1 > 0, connect: kind & 2 > 0, upgrade: kind & 4 > 0 };
    let limits = Limits::response()
        .head_bytes(1_024)
        .field_lines(16)
        .trailer_bytes(512)
        .allow_bare_lf(bare_lf);
    let whole = response(&[input], kind, limits);
    assert_eq!(
        print(&whole),
        print(&response(&cut(input, &sizes), kind, limits)),
        "{}",
        input.escape_ascii()
    );
}
