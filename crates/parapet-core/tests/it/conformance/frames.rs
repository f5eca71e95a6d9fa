//! Preface, frame format, and the rules of each frame (RFC 9113 §3.4, §4, §6).

use parapet_testkit::{flag, kind, literals, pseudo, setting};

use super::{
    Expect, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, case, check,
    frame, get, post, preface, settings,
};

const PROTOCOL: Expect = Expect::Connection(&[PROTOCOL_ERROR]);
const SIZE: Expect = Expect::Connection(&[FRAME_SIZE_ERROR]);
/// A size is looked at before the frame's other rules, or after them.
const SIZE_OR_PROTOCOL: Expect = Expect::Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]);
const PADDED_END: u8 = flag::PADDED | flag::END_HEADERS | flag::END_STREAM;

#[tokio::test(start_paused = true)]
async fn the_preface_and_the_frame_format() {
    let block = literals(pseudo("GET", "/"));
    let too_long = literals([(":method", "GET"), ("x", &"y".repeat(17_000))]);
    check([
        case("3.4 a preface of another protocol", "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n", PROTOCOL)
            .ungreeted(),
        case("3.4 a preface that breaks off wrong", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", PROTOCOL)
            .ungreeted(),
        case("3.4 a first frame that is no SETTINGS", &preface()[..24], PROTOCOL)
            .ungreeted()
            .then(frame(kind::PING, 0, 0, [0; 8])),
        case(
            "3.4 frames right behind the preface",
            [preface(), get(1, "/empty")].concat(),
            Expect::Ignored,
        )
        .ungreeted(),
        case("4.1 an unknown frame type", frame(0x16, 0, 0, [0; 8]), Expect::Ignored),
        case("4.1 an unknown frame on a stream", frame(0x16, 0xff, 1, [0; 8]), Expect::Ignored),
        case("4.1 undefined flags", frame(kind::PING, 0x16, 0, [0; 8]), Expect::Ignored),
        case("4.1 the reserved bit", frame(kind::PING, 0, 1 << 31, [0; 8]), Expect::Ignored),
        case(
            "4.2 DATA of 2^14 bytes",
            [post(1, "/"), frame(kind::DATA, flag::END_STREAM, 1, vec![0; 1 << 14])].concat(),
            Expect::Answer(200),
        ),
        case(
            "4.2 DATA over the largest frame",
            [post(1, "/"), frame(kind::DATA, flag::END_STREAM, 1, vec![0; (1 << 14) + 1])].concat(),
            Expect::Stream(&[FRAME_SIZE_ERROR]),
        ),
        case("4.2 HEADERS over the largest frame", frame(kind::HEADERS, 5, 1, too_long), SIZE),
        case(
            "4.3 a PRIORITY inside a block",
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]),
                frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 1]),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]),
            ]
            .concat(),
            PROTOCOL,
        ),
        case(
            "4.3 HEADERS of another stream inside a block",
            [frame(kind::HEADERS, flag::END_STREAM, 1, &block), get(3, "/")].concat(),
            PROTOCOL,
        ),
        case(
            "4.3 an unknown frame inside a block",
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]),
                frame(0x16, 0, 1, [0; 4]),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]),
            ]
            .concat(),
            PROTOCOL,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn data_headers_and_continuation() {
    let block = literals(pseudo("GET", "/"));
    let padded = |pad: u8, bytes: &[u8]| [&[pad][..], bytes, &vec![0; pad.into()]].concat();
    let with_priority = |on: u32| [&on.to_be_bytes()[..], &[16], &block].concat();
    let open = frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]);
    let more = |flags, bytes: &[u8]| frame(kind::CONTINUATION, flags, 1, bytes);
    check([
        case("6.1 DATA on stream 0", frame(kind::DATA, flag::END_STREAM, 0, "x"), PROTOCOL),
        case(
            "6.1 DATA on a stream that is closed",
            [get(1, "/"), frame(kind::DATA, flag::END_STREAM, 1, "x")].concat(),
            Expect::Stream(&[STREAM_CLOSED]),
        ),
        case(
            "6.1 padding as long as the frame",
            [post(1, "/"), frame(kind::DATA, flag::PADDED, 1, [5, b'a', b'b', b'c', b'd'])]
                .concat(),
            PROTOCOL,
        ),
        case(
            "6.1 a padded frame without a length",
            [post(1, "/"), frame(kind::DATA, flag::PADDED, 1, [])].concat(),
            SIZE_OR_PROTOCOL,
        ),
        case(
            "6.1 padded DATA",
            [
                post(1, "/"),
                frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, padded(20, b"four")),
            ]
            .concat(),
            Expect::Answer(200),
        ),
        case("6.2 HEADERS on stream 0", frame(kind::HEADERS, 5, 0, &block), PROTOCOL),
        case(
            "6.2 padding beyond the frame",
            frame(kind::HEADERS, PADDED_END, 1, [&[255][..], &block].concat()),
            PROTOCOL,
        ),
        case(
            "6.2 padded HEADERS",
            frame(kind::HEADERS, PADDED_END, 1, padded(9, &block)),
            Expect::Answer(200),
        ),
        case(
            "6.2 HEADERS with a priority",
            frame(kind::HEADERS, 5 | flag::PRIORITY, 1, with_priority(3)),
            Expect::Answer(200),
        ),
        case(
            "6.2 HEADERS that depend on themselves",
            frame(kind::HEADERS, 5 | flag::PRIORITY, 1, with_priority(1)),
            Expect::StreamOrIgnored(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.2 HEADERS too short for their priority",
            frame(kind::HEADERS, 5 | flag::PRIORITY, 1, [0, 0, 0]),
            SIZE_OR_PROTOCOL,
        ),
        case(
            "6.10 several CONTINUATION frames",
            [
                open.clone(),
                more(0, &block[10..20]),
                more(0, &[]),
                more(flag::END_HEADERS, &block[20..]),
            ]
            .concat(),
            Expect::Answer(200),
        ),
        case(
            "6.10 CONTINUATION behind the end of a block",
            [get(1, "/"), more(flag::END_HEADERS, &block)].concat(),
            PROTOCOL,
        ),
        case(
            "6.10 CONTINUATION on stream 0",
            [open.clone(), frame(kind::CONTINUATION, flag::END_HEADERS, 0, &block[10..])].concat(),
            PROTOCOL,
        ),
        case(
            "6.10 CONTINUATION of another stream",
            [open.clone(), frame(kind::CONTINUATION, flag::END_HEADERS, 3, &block[10..])].concat(),
            PROTOCOL,
        ),
        case("6.10 CONTINUATION first of all", more(flag::END_HEADERS, &block), PROTOCOL),
        case(
            "6.10 CONTINUATION behind DATA",
            [post(1, "/"), frame(kind::DATA, 0, 1, "x"), more(flag::END_HEADERS, &block)].concat(),
            PROTOCOL,
        ),
        case("6.10 DATA inside a block", [open, frame(kind::DATA, 0, 1, "x")].concat(), PROTOCOL),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn settings_are_validated() {
    let two = [setting::INITIAL_WINDOW_SIZE, 0, 0, setting::INITIAL_WINDOW_SIZE, 0, 100];
    let two: Vec<u8> = two.iter().flat_map(|word| word.to_be_bytes()).collect();
    let sized = |bytes: u32| settings(setting::MAX_FRAME_SIZE, bytes);
    check([
        case("6.5 an ACK with content", frame(kind::SETTINGS, flag::ACK, 0, [0; 6]), SIZE),
        case(
            "6.5 SETTINGS on a stream",
            frame(kind::SETTINGS, 0, 1, [0, 3, 0, 0, 0, 100]),
            PROTOCOL,
        ),
        case("6.5 a length that is no multiple of six", frame(kind::SETTINGS, 0, 0, [0; 7]), SIZE),
        case("6.5.2 ENABLE_PUSH of 2", settings(setting::ENABLE_PUSH, 2), PROTOCOL),
        case(
            "6.5.2 INITIAL_WINDOW_SIZE over 2^31 - 1",
            settings(setting::INITIAL_WINDOW_SIZE, 1 << 31),
            Expect::Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case("6.5.2 MAX_FRAME_SIZE under 2^14", sized((1 << 14) - 1), PROTOCOL),
        case("6.5.2 MAX_FRAME_SIZE over 2^24 - 1", sized(1 << 24), PROTOCOL),
        case("6.5.2 MAX_FRAME_SIZE of 2^24 - 1", sized((1 << 24) - 1), Expect::Ignored),
        case("6.5.2 an unknown setting", settings(0xff, 1), Expect::Ignored),
        case(
            "RFC 8441 §3 ENABLE_CONNECT_PROTOCOL of 2",
            settings(setting::ENABLE_CONNECT_PROTOCOL, 2),
            PROTOCOL,
        ),
        case(
            "6.5.3 the later of two values counts",
            [frame(kind::SETTINGS, 0, 0, two), get(1, "/big")].concat(),
            Expect::Data(100),
        ),
        case("6.5.3 SETTINGS are acknowledged", frame(kind::SETTINGS, 0, 0, []), Expect::Ignored),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn priority_reset_ping_and_goaway() {
    let goaway = |stream| frame(kind::GOAWAY, 0, stream, [0; 8]);
    check([
        case("6.3 PRIORITY on stream 0", frame(kind::PRIORITY, 0, 0, [0, 0, 0, 1, 1]), PROTOCOL),
        case(
            "6.3 PRIORITY of four bytes",
            [post(1, "/"), frame(kind::PRIORITY, 0, 1, [0; 4])].concat(),
            Expect::Stream(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.3 a stream that depends on itself",
            [post(1, "/"), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 1, 1])].concat(),
            Expect::StreamOrIgnored(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.3 PRIORITY of an idle stream",
            frame(kind::PRIORITY, 0, 5, [0, 0, 0, 3, 1]),
            Expect::Ignored,
        ),
        case("6.4 RST_STREAM on stream 0", frame(kind::RST_STREAM, 0, 0, [0, 0, 0, 8]), PROTOCOL),
        case("6.4 RST_STREAM of an idle stream", frame(kind::RST_STREAM, 0, 1, [0; 4]), PROTOCOL),
        case(
            "6.4 RST_STREAM of three bytes",
            [post(1, "/"), frame(kind::RST_STREAM, 0, 1, [0; 3])].concat(),
            SIZE,
        ),
        case(
            "6.4 an unknown code",
            [post(1, "/"), frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 0xff])].concat(),
            Expect::Ignored,
        ),
        case("6.4 RST_STREAM of an answered stream", get(1, "/"), Expect::Answer(200)).then(frame(
            kind::RST_STREAM,
            0,
            1,
            [0, 0, 0, 8],
        )),
        case("6.7 PING", frame(kind::PING, 0, 0, [7; 8]), Expect::Ignored),
        case(
            "6.7 an ACK that nobody waits for",
            frame(kind::PING, flag::ACK, 0, [0; 8]),
            Expect::Ignored,
        ),
        case("6.7 PING on a stream", frame(kind::PING, 0, 1, [0; 8]), PROTOCOL),
        case("6.7 PING of six bytes", frame(kind::PING, 0, 0, [0; 6]), SIZE),
        case("6.8 GOAWAY on a stream", goaway(1), PROTOCOL),
        case(
            "6.6 PUSH_PROMISE of a client",
            [post(1, "/"), frame(kind::PUSH_PROMISE, 4, 1, [0, 0, 0, 2])].concat(),
            PROTOCOL,
        ),
    ])
    .await;
}
