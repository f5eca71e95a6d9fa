//! States and identifiers of streams (RFC 9113 §5).

use parapet_testkit::{flag, kind, literals, pseudo};

use super::{Expect, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED, case, check, frame, get, post};

const PROTOCOL: Expect = Expect::Connection(&[PROTOCOL_ERROR]);
/// §5.1 names both for frames that come after their stream has ended.
const CLOSED: Expect = Expect::Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]);
const CLOSED_CONNECTION: Expect = Expect::Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]);
const END: u8 = flag::END_STREAM;

#[tokio::test(start_paused = true)]
async fn frames_in_the_wrong_state() {
    let block = literals(pseudo("GET", "/"));
    let data = || frame(kind::DATA, END, 1, "test");
    let again = || frame(kind::HEADERS, END | flag::END_HEADERS, 1, &block);
    let more = || frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block);
    let cancel = || frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 8]);
    check([
        case("5.1 idle: DATA", data(), PROTOCOL),
        case("5.1 idle: RST_STREAM", cancel(), PROTOCOL),
        case("5.1 idle: WINDOW_UPDATE", frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 100]), PROTOCOL),
        case("5.1 idle: CONTINUATION", more(), PROTOCOL),
        case("5.1 half-closed: DATA", [get(1, "/wait"), data()].concat(), CLOSED),
        case("5.1 half-closed: HEADERS", [get(1, "/wait"), again()].concat(), CLOSED),
        case(
            "5.1 half-closed: CONTINUATION",
            [get(1, "/wait"), more()].concat(),
            CLOSED_CONNECTION,
        ),
        case(
            "5.1 half-closed: WINDOW_UPDATE, PRIORITY, RST_STREAM",
            [
                get(1, "/wait"),
                frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 100]),
                frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 1]),
                cancel(),
            ]
            .concat(),
            Expect::Ignored,
        ),
        case(
            "5.1 reset by the client: DATA",
            [post(1, "/wait"), cancel(), data()].concat(),
            CLOSED,
        ),
        case(
            "5.1 reset by the client: HEADERS",
            [post(1, "/wait"), cancel(), again()].concat(),
            CLOSED,
        ),
        case(
            "5.1 reset by the client: CONTINUATION",
            [post(1, "/wait"), cancel(), more()].concat(),
            CLOSED_CONNECTION,
        ),
        case(
            "5.1 reset by the client: PRIORITY",
            [post(1, "/wait"), cancel(), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 1])].concat(),
            Expect::Ignored,
        ),
        case(
            "5.1 ended on both sides: WINDOW_UPDATE and PRIORITY",
            get(1, "/empty"),
            Expect::Answer(200),
        )
        .then(frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 100]))
        .then(frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 1])),
    ])
    .await;
}

/// What an answered stream still gets: the answer came first, so the error is looked for behind it.
#[tokio::test(start_paused = true)]
async fn frames_of_streams_that_are_over() {
    let block = literals(pseudo("GET", "/"));
    check([
        case("5.1 closed: HEADERS", get(1, "/empty"), CLOSED_CONNECTION).then(frame(
            kind::HEADERS,
            END | flag::END_HEADERS,
            1,
            &block,
        )),
        case("5.1 closed: CONTINUATION", get(1, "/empty"), CLOSED_CONNECTION).then(frame(
            kind::CONTINUATION,
            flag::END_HEADERS,
            1,
            &block,
        )),
        case("5.1 closed: DATA", get(1, "/empty"), CLOSED).then(frame(kind::DATA, END, 1, "test")),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn identifiers_and_the_number_of_streams() {
    let five: Vec<u8> = (0..5).flat_map(|number| get(1 + 2 * number, "/wait")).collect();
    let cancel: Vec<u8> = (0..5)
        .flat_map(|number| frame(kind::RST_STREAM, 0, 1 + 2 * number, [0, 0, 0, 8]))
        .collect();
    check([
        case("5.1.1 an even stream", get(2, "/"), PROTOCOL),
        case(
            "5.1.1 a stream below one that was opened",
            [get(5, "/"), get(3, "/")].concat(),
            CLOSED_CONNECTION,
        ),
        case(
            "5.1.1 streams may be left out",
            [get(1, "/empty"), get(51, "/empty")].concat(),
            Expect::Answer(200),
        ),
        case(
            "5.1.2 more streams than allowed",
            five,
            Expect::Stream(&[REFUSED_STREAM, PROTOCOL_ERROR]),
        )
        .then(cancel),
        case(
            "5.4.1 GOAWAY and the end of the connection",
            frame(kind::PING, 0, 0, [0; 5]),
            Expect::Connection(&[super::FRAME_SIZE_ERROR]),
        ),
    ])
    .await;
}
