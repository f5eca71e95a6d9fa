use std::path::Path;

use crate::{drive, relay};

fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        property(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{} holds {inputs} inputs", folder.display());
}

#[test]
fn the_corpus_of_h1_request_holds() {
    replay("h1_request", drive::request_cuts_do_not_matter);
}

#[test]
fn the_corpus_of_h1_response_holds() {
    replay("h1_response", drive::response_cuts_do_not_matter);
}

#[test]
fn the_corpus_of_h1_relay_holds() {
    replay("h1_relay", relay::relay);
}

#[test]
#[ignore = "writes the seeds of the corpora anew; run by hand when the shared corpus has grown"]
fn write_the_seeds() {
    use crate::corpus;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let write = |target: &str, index: usize, input: Vec<u8>| {
        std::fs::create_dir_all(root.join(target)).unwrap();
        std::fs::write(root.join(target).join(format!("seed-{index:03}")), input).unwrap();
    };
    let responses = corpus::RESPONSES
        .iter()
        .map(|(input, _)| *input)
        .chain(corpus::UNTIL_CLOSE.iter().copied());
    for (index, input) in corpus::REQUESTS.iter().enumerate() {
        write("h1_request", index, [b"\x01\x07\x1f", *input].concat());
        write("h1_relay", index, input.to_vec());
    }
    for (index, input) in responses.enumerate() {
        write("h1_response", index, [b"\x00\x01\x07\x1f", input].concat());
        write("h1_relay", 100 + index, [b"\x00", input].concat());
    }
}
