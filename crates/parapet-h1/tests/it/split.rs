use http::HeaderMap;
use parapet_h1::{Limits, RequestKind};
use proptest::prelude::*;

use crate::corpus;
use crate::drive::{self, Seen, print};

fn check_request(input: &[u8]) {
    let limits = Limits::request();
    let whole = print(&drive::requests(&[input], limits));
    for at in 0..=input.len() {
        let (a, b) = input.split_at(at);
        assert_eq!(
            whole,
            print(&drive::requests(&[a, b], limits)),
            "{} cut at {at}",
            input.escape_ascii()
        );
    }
    assert_eq!(
        whole,
        print(&drive::requests(&drive::cut(input, &[1]), limits)),
        "{}",
        input.escape_ascii()
    );
}

fn check_response(input: &[u8], kind: RequestKind) {
    let limits = Limits::response();
    let whole = print(&drive::response(&[input], kind, limits));
    for at in 0..=input.len() {
        let (a, b) = input.split_at(at);
        assert_eq!(
            whole,
            print(&drive::response(&[a, b], kind, limits)),
            "{} cut at {at}",
            input.escape_ascii()
        );
    }
    assert_eq!(
        whole,
        print(&drive::response(&drive::cut(input, &[1]), kind, limits)),
        "{}",
        input.escape_ascii()
    );
}

#[test]
fn a_request_cut_at_any_byte_gives_the_same_events() {
    let good = corpus::REQUESTS.iter().copied();
    let bad = corpus::BAD_REQUESTS.iter().map(|(input, _)| *input);
    good.chain(bad).for_each(check_request);
    check_request(
        &[corpus::REQUESTS[5], corpus::REQUESTS[9], corpus::REQUESTS[4], corpus::REQUESTS[0]]
            .concat(),
    );
}

#[test]
fn a_response_cut_at_any_byte_gives_the_same_events() {
    let good = corpus::RESPONSES
        .iter()
        .map(|(input, _)| *input)
        .chain(corpus::UNTIL_CLOSE.iter().copied());
    let bad = corpus::BAD_RESPONSES.iter().map(|(input, _)| *input);
    for input in good.chain(bad) {
        check_response(input, RequestKind::default());
        check_response(input, RequestKind { head: true, ..RequestKind::default() });
        check_response(
            input,
            RequestKind { connect: true, upgrade: true, ..RequestKind::default() },
        );
    }
}

#[test]
fn a_long_target_is_refused_alike_however_it_comes() {
    let limits = Limits::request().target_bytes(20);
    for fill in 15..40 {
        for end in [
            " HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
            "\n",
            " HTTP/1.1\n",
            "\r\r\n",
            " x HTTP/1.1\r\n\r\n",
            "",
            " ",
        ] {
            let input = format!("GET /{}{end}", "a".repeat(fill));
            let whole = print(&drive::requests(&[input.as_bytes()], limits));
            let trickled = print(&drive::requests(&drive::cut(input.as_bytes(), &[1]), limits));
            assert_eq!(whole, trickled, "{input:?}");
        }
    }
}

proptest! {
    #[test]
    fn random_cuts_of_mutated_input_give_the_same_events(
        input in crate::corpus::mutated_requests(),
        sizes in proptest::collection::vec(1usize..40, 1..6),
    ) {
        let limits = Limits::request().head_bytes(300).field_lines(8).target_bytes(30);
        let whole = print(&drive::requests(&[&input], limits));
        prop_assert_eq!(whole, print(&drive::requests(&drive::cut(&input, &sizes), limits)));
    }

    #[test]
    fn random_cuts_of_mutated_responses_give_the_same_events(
        input in crate::corpus::mutated_responses(),
        sizes in proptest::collection::vec(1usize..40, 1..6),
        bare_lf: bool,
        flags in 0u8..8,
    ) {
        let kind = RequestKind { head: flags & 1 > 0, connect: flags & 2 > 0, upgrade: flags & 4 > 0 };
        let limits = Limits::response().head_bytes(300).field_lines(8).allow_bare_lf(bare_lf);
        let whole = print(&drive::response(&[&input], kind, limits));
        prop_assert_eq!(whole, print(&drive::response(&drive::cut(&input, &sizes), kind, limits)));
    }
}

#[test]
fn the_corpus_means_what_it_should() {
    // (index, framing and flags, content, trailers)
    let rows: &[(usize, &str, &[u8], usize)] = &[
        (0, "None true false false", b"", 0),
        (2, "None false false false", b"", 0),
        (3, "None true false false", b"", 0),
        (5, "Length(5) true false false", b"hello", 0),
        (6, "Length(0) true false false", b"", 0),
        (7, "Length(3) true true false", b"abc", 0),
        (8, "Chunked true false false", b"hello0123456789", 0),
        (9, "Chunked true false false", b"0123456789abcde", 2),
        (15, "None true false false", b"", 0),
        (17, "None true false true", b"", 0),
        (18, "None false false false", b"", 0),
    ];
    for (index, expected, content, trailers) in rows {
        let input = corpus::REQUESTS[*index];
        let mut data = Vec::new();
        let mut found = HeaderMap::new();
        for seen in drive::requests(&[input], Limits::request()) {
            match seen {
                Seen::Request(r, framing) => {
                    let facts =
                        format!("{framing:?} {} {} {}", r.keep_alive, r.expect_continue, r.upgrade);
                    assert_eq!(facts, *expected, "{}", input.escape_ascii());
                }
                Seen::Data(bytes) => data = bytes,
                Seen::Trailers(map) => found = map,
                Seen::Error(error) => panic!("{error} for {}", input.escape_ascii()),
                _ => {}
            }
        }
        assert_eq!(
            (data.as_slice(), found.len()),
            (*content, *trailers),
            "{}",
            input.escape_ascii()
        );
    }
}
