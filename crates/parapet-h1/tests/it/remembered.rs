use bytes::BytesMut;
use parapet_h1::{Limits, RequestKind, ResponseDecoder};
use proptest::prelude::*;

use crate::drive::{self, Seen, print};

/// Field lines that differ in what a hasty comparison would miss: case, blanks, length, line end, prefixes of each other.
const LINES: &[&str] = &[
    "Host: a\r\n",
    "host: a\r\n",
    "Host:a\r\n",
    "Accept: */*\r\n",
    "Accept: */*, a\r\n",
    "Accept: */* \r\n",
    "X-Odd_Name!: \u{ff}\r\n",
    "X: \r\n",
    "X:\r\n",
    "Cookie: a=b; c=d\r\n",
    "Connection: keep-alive\r\n",
    "Connection: x\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 00\r\n",
    "Expect: 100-continue\r\n",
];

/// Lines that end a connection.
const BAD: &[&str] = &[
    " folded\r\n",
    "Accept: */*\n",
    "Accept : */*\r\n",
    "no colon\r\n",
    "Accept: */*\r\r\n",
    "Content-Length: 0x\r\n",
    "Transfer-Encoding: gzip\r\n",
    "A: \u{0}\r\n",
];

fn head() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(LINES), 0..7)
}

/// Heads of one connection: some lines stay, some change, come or go.
fn heads() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let change = (0..8usize, 0..3u8, proptest::sample::select(LINES));
    let changes = proptest::collection::vec(proptest::collection::vec(change, 0..3), 1..7);
    (head(), changes).prop_map(|(first, changes)| {
        let mut heads = vec![first];
        for changes in changes {
            let mut next = heads.last().cloned().unwrap_or_default();
            for (at, what, line) in changes {
                let at = at.min(next.len());
                match what {
                    0 => next.insert(at, line),
                    1 if at < next.len() => drop(next.remove(at)),
                    _ if at < next.len() => next[at] = line,
                    _ => {}
                }
            }
            heads.push(next);
        }
        heads
    })
}

fn request(lines: &[&str]) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{}\r\n", lines.concat()).into_bytes()
}

/// All heads by decoders of their own, up to the first that is refused.
fn apart(heads: &[Vec<u8>], limits: Limits) -> Vec<Seen> {
    let mut seen = Vec::new();
    for head in heads {
        seen.extend(drive::requests(&[head], limits));
        if matches!(seen.last(), Some(Seen::Error(_))) {
            break;
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_request_means_the_same_whatever_came_before(
        mut heads in heads(),
        bad in proptest::option::of((0..8usize, proptest::sample::select(BAD))),
        sizes in proptest::collection::vec(1usize..90, 1..5),
        few in any::<bool>(),
    ) {
        if let (Some((at, line)), Some(last)) = (bad, heads.last_mut()) {
            last.insert(at.min(last.len()), line);
        }
        let heads: Vec<_> = heads.iter().map(|lines| request(lines)).collect();
        let limits = if few { Limits::request().field_lines(5).head_bytes(70) } else { Limits::request() };
        let expected = print(&apart(&heads, limits));
        let all = heads.concat();
        prop_assert_eq!(&expected, &print(&drive::requests(&[&all], limits)));
        prop_assert_eq!(&expected, &print(&drive::requests(&drive::cut(&all, &sizes), limits)));
    }

    #[test]
    fn a_response_means_the_same_whatever_came_before(heads in heads(), bare_lf: bool) {
        let limits = Limits::response().allow_bare_lf(bare_lf);
        let mut together = ResponseDecoder::new(limits);
        for lines in heads {
            let end = if bare_lf { "\n" } else { "\r\n" };
            let lines = lines.concat().replace("\r\n", end);
            let text = format!("HTTP/1.1 204 No Content{end}{lines}{end}");
            let one = event(&mut together, &text);
            prop_assert_eq!(&one, &event(&mut ResponseDecoder::new(limits), &text));
            if one.starts_with("Err") {
                break;
            }
        }
    }
}

/// The one head and what follows it.
fn event(decoder: &mut ResponseDecoder, text: &str) -> String {
    let mut buffer = BytesMut::from(text.as_bytes());
    decoder.start(RequestKind::default());
    let head = decoder.next(&mut buffer);
    format!("{head:?} {:?} {}", decoder.next(&mut buffer), decoder.consumed())
}
