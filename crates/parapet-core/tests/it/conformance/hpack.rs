//! The compression of fields (RFC 7541): everything wrong in it ends the connection, since the tables differ from then
//! on (RFC 9113 §4.3).

use parapet_testkit::{flag, kind, literals, pseudo};

use super::{COMPRESSION_ERROR, Case, Expect, case, check, frame, get};

const BOTH: u8 = flag::END_HEADERS | flag::END_STREAM;
const WRONG: Expect = Expect::Connection(&[COMPRESSION_ERROR]);

/// A GET whose block ends in `tail`.
fn ends_in(name: &'static str, tail: &[u8], expect: Expect) -> Case {
    let block = [&literals(pseudo("GET", "/"))[..], tail].concat();
    case(name, frame(kind::HEADERS, BOTH, 1, block), expect)
}

/// A GET whose block begins with `front`.
fn begins_with(name: &'static str, front: &[u8], expect: Expect) -> Case {
    let block = [front, &literals(pseudo("GET", "/"))].concat();
    case(name, frame(kind::HEADERS, BOTH, 1, block), expect)
}

#[tokio::test(start_paused = true)]
async fn indexes_and_sizes_of_the_table() {
    let static_get = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    let seen = frame(kind::HEADERS, BOTH, 3, [0x82, 0x86, 0x84, 0xbe]);
    check([
        ends_in("2.3.3 an index beyond both tables", &[0xc6], WRONG),
        ends_in("2.3.3 a name's index beyond both tables", &[0x7f, 0, 1, b'x'], WRONG),
        ends_in("6.1 the index zero", &[0x80], WRONG),
        ends_in("4.2 a size update at the end of a block", &[0x21], WRONG),
        begins_with("6.3 a size above the setting", &[0x3f, 0xe2, 0x1f], WRONG),
        begins_with("6.3 a size of zero", &[0x20], Expect::Answer(200)),
        begins_with("6.3 the size of the setting", &[0x3f, 0xe1, 0x1f], Expect::Answer(200)),
        begins_with("4.2 two sizes", &[0x20, 0x3f, 0xe1, 0x1f], Expect::Answer(200)),
        case("A the static table", frame(kind::HEADERS, BOTH, 1, static_get), Expect::Answer(200)),
        case(
            "2.3.2 the dynamic table",
            [frame(kind::HEADERS, BOTH, 1, static_get), seen.clone()].concat(),
            Expect::Answer(200),
        ),
        case("2.3.2 an entry that nobody made", seen, WRONG),
        case(
            "4.4 an entry larger than the table empties it",
            [
                frame(kind::HEADERS, BOTH, 1, static_get),
                frame(
                    kind::HEADERS,
                    BOTH,
                    3,
                    [&[0x82, 0x86, 0x84][..], &[0x40, 1, b'x', 0x7f, 0xa1, 0x1f], &[b'y'; 4128]]
                        .concat(),
                ),
                frame(kind::HEADERS, BOTH, 5, [0x82, 0x86, 0x84, 0xbe]),
            ]
            .concat(),
            WRONG,
        ),
        case(
            "6.2.3 a field that is never indexed",
            {
                frame(
                    kind::HEADERS,
                    BOTH,
                    1,
                    [&literals(pseudo("GET", "/"))[..], &[0x10, 1, b'x', 1, b'y']].concat(),
                )
            },
            Expect::Answer(200),
        ),
        case(
            "4.3 blocks share their table",
            [get(1, "/empty"), get(3, "/empty")].concat(),
            Expect::Answer(200),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn integers_and_texts() {
    // `x: a` in the Huffman code: `a` is 00011, and the rest of the byte ones.
    check([
        ends_in("5.2 the Huffman code", &[0, 1, b'x', 0x81, 0x1f], Expect::Answer(200)),
        ends_in("5.2 padding of more than seven bits", &[0, 1, b'x', 0x82, 0x1f, 0xff], WRONG),
        ends_in("5.2 padding of zeros", &[0, 1, b'x', 0x81, 0x18], WRONG),
        ends_in("5.2 the end-of-string symbol", &[0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff], WRONG),
        ends_in("5.2 a text that the block ends within", &[0, 1, b'x', 0x09, b'y'], WRONG),
        ends_in("5.2 a name without a value", &[0, 1, b'x'], WRONG),
        ends_in("5.1 an integer that never ends", &[0, 0x7f, 0x80, 0x80], WRONG),
        ends_in(
            "5.1 an integer beyond every bound",
            &[0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            WRONG,
        ),
    ])
    .await;
}
