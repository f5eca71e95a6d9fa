//! Windows (RFC 9113 §5.2, §6.9).

use parapet_testkit::{flag, kind, setting};

use super::{
    BIG, Expect, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, WINDOW, case, check, frame,
    get, post, settings,
};

fn update(stream: u32, increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

#[tokio::test(start_paused = true)]
async fn windows_bound_what_is_sent() {
    const ONE: &[(u16, u32)] = &[(setting::INITIAL_WINDOW_SIZE, 1)];
    const SHUT: &[(u16, u32)] = &[(setting::INITIAL_WINDOW_SIZE, 0)];
    let resized = settings(setting::INITIAL_WINDOW_SIZE, 10);
    // 30,000 bytes taken of 65,535, then 10,000 in all: 20,000 below zero.
    let below = settings(setting::INITIAL_WINDOW_SIZE, 10_000);
    check([
        case("6.9.1 a window of one byte", get(1, "/big"), Expect::Data(1)).settings(ONE),
        case("6.9.1 a shut window", get(1, "/big"), Expect::Data(0)).settings(SHUT),
        case("6.9.1 a shut window that opens", get(1, "/big"), Expect::Data(7))
            .settings(SHUT)
            .then(update(1, 7)),
        case("6.9.1 the window of the connection", get(1, "/big"), Expect::Data(65_535))
            .then(update(1, 1_000_000)),
        case("6.9.1 both windows open", get(1, "/big"), Expect::Data(BIG))
            .then([update(1, 1_000_000), update(0, 1_000_000)].concat()),
        case("6.9.2 a new size holds for streams that are open", get(1, "/big"), Expect::Data(10))
            .settings(SHUT)
            .then(resized),
        case("6.9.2 a window below zero", get(1, "/big"), Expect::Data(65_535))
            .then(below)
            .then(update(0, 1_000_000))
            .then(update(1, 55_535)),
        case("6.9.2 a window above zero again", get(1, "/big"), Expect::Data(65_540))
            .then(settings(setting::INITIAL_WINDOW_SIZE, 10_000))
            .then(update(0, 1_000_000))
            .then(update(1, 55_540)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn windows_are_checked() {
    const MOST: u32 = (1 << 31) - 1;
    let piece = |bytes: usize| frame(kind::DATA, 0, 1, vec![0; bytes]);
    let fill: Vec<u8> = (0..4).flat_map(|_| piece(16_000)).collect();
    let over = usize::try_from(WINDOW).unwrap() - 64_000 + 1;
    check([
        case(
            "6.9 an increment of zero on the connection",
            update(0, 0),
            Expect::Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.9 an increment of zero on a stream",
            [post(1, "/wait"), update(1, 0)].concat(),
            Expect::Stream(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.9 WINDOW_UPDATE of three bytes",
            frame(kind::WINDOW_UPDATE, 0, 0, [0; 3]),
            Expect::Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.9.1 a window of the connection over 2^31 - 1",
            update(0, MOST),
            Expect::Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.9.1 a window of a stream over 2^31 - 1",
            [post(1, "/wait"), update(1, MOST)].concat(),
            Expect::Stream(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.9.2 a new size that lifts a window over 2^31 - 1",
            [post(1, "/wait"), update(1, 1 << 30), settings(setting::INITIAL_WINDOW_SIZE, MOST)]
                .concat(),
            Expect::Connection(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "5.2 DATA up to the window",
            [post(1, "/wait"), fill.clone()].concat(),
            Expect::Ignored,
        ),
        case(
            "5.2 DATA beyond the window",
            [post(1, "/wait"), fill, piece(over)].concat(),
            Expect::Stream(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "5.2 a body larger than the window, as it is read",
            [post(1, "/"), (0..4).flat_map(|_| piece(16_000)).collect()].concat(),
            Expect::Answer(200),
        )
        .then((0..4).flat_map(|_| piece(16_000)).collect::<Vec<_>>())
        .then(frame(kind::DATA, flag::END_STREAM, 1, "x")),
    ])
    .await;
}
