use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::exchange::{SEPARATOR, exchanges};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/h1_exchange")
}

#[test]
fn the_corpus_of_h1_exchange_holds() {
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // named where it fails
        exchanges(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 100, "the corpus holds {inputs} inputs");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_turn_of_events_keeps_a_connection_that_must_go(
        parts in vec((any::<[u8; 6]>(), 0..ANSWERS.len(), any::<Option<(u16, u8)>>()), 1..5)
    ) {
        let parts = parts.into_iter().map(|(control, answer, change)| {
            let mut answer = ANSWERS[answer].as_bytes().to_vec();
            if let Some((place, byte)) = change {
                let place = usize::from(place) % answer.len();
                answer[place] = byte;
            }
            [&control[..], &answer].concat()
        });
        exchanges(&parts.collect::<Vec<_>>().join(&SEPARATOR));
    }
}

/// What origins send.
const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok+",
    "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
    "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok",
    "HTTP/1.1 200 OK\r\n\r\nuntil close",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nok\r\n3\r\nyes\r\n0\r\nx-t: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nbytes",
    "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nbad line\r\n\r\n",
];

#[test]
#[ignore = "writes the seeds of the corpus anew; run by hand when the answers have grown"]
fn write_the_seeds() {
    // Kind, upload, cut, take, end, stop: plain; a silent upload; byte by byte; stuck writes; news while idle; drops.
    let ways: &[[u8; 6]] = &[
        [0, 0, 63, 63, 0, 0xFF],
        [2, 0, 63, 63, 1, 0xFF],
        [3, 0x13, 63, 63, 0, 0xFF],
        [4, 0x85, 5, 63, 0, 0xFF],
        [5, 0xC5, 0, 3, 2, 0xFF],
        [3, 0x2F, 0, 0x82, 1, 0xFF],
        [6, 0, 7, 0, 0x14, 0xFF],
        [7, 0, 63, 63, 0x0C, 0xFF],
        [0, 0, 15, 63, 0x18, 0x22],
        [1, 0, 63, 63, 0x04, 0x1F],
    ];
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    let part = |way: &[u8; 6], answer: &str| [&way[..], answer.as_bytes()].concat();
    for (index, answer) in ANSWERS.iter().enumerate() {
        for (number, way) in ways.iter().enumerate() {
            let parts = [part(way, answer), part(&ways[0], ANSWERS[0]), part(way, answer)];
            let seed = folder.join(format!("seed-{:03}", index * ways.len() + number));
            std::fs::write(seed, parts.join(&SEPARATOR)).unwrap();
        }
    }
}
