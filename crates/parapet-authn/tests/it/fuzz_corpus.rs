use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::jws::jws;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/jws")
}

#[test]
fn the_corpus_of_jws_holds() {
    let (mut inputs, mut accepted) = (0, 0);
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // named where it fails
        accepted += usize::from(jws(&std::fs::read(path).unwrap()));
        inputs += 1;
    }
    assert!(inputs >= SEEDS.len(), "the corpus holds {inputs} inputs");
    assert!(accepted >= 5, "{accepted} are good tokens: nothing is known of the others");
}

proptest! {
    #[test]
    fn the_property_holds_for_seeds_with_a_few_other_bytes(
        seed in 0..SEEDS.len(),
        other in 0..SEEDS.len(),
        at: u16,
        bytes in proptest::collection::vec(any::<u8>(), 0..6)
    ) {
        let (seed, other) = (SEEDS[seed].as_bytes(), SEEDS[other].as_bytes());
        let (front, back) = seed.split_at(usize::from(at) % (seed.len() + 1));
        jws(&[front, &bytes, back].concat());
        jws(&[front, &bytes, other, back].concat());
    }
}

#[test]
#[ignore = "writes the seeds of the corpus anew; run by hand when they have grown"]
fn write_the_seeds() {
    std::fs::create_dir_all(folder()).unwrap();
    for (index, seed) in SEEDS.iter().enumerate() {
        std::fs::write(folder().join(format!("seed-{index:03}")), seed).unwrap();
    }
}

/// One byte for the mode, then a token (`0`), or header and payload that are signed (`1` by the secret, `2` by the key).
const SEEDS: &[&str] = &[
    "1{\"alg\":\"HS256\"}\n{\"sub\":\"u\",\"exp\":9007199254740991}",
    "1{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\"}\n{}",
    "2{\"alg\":\"EdDSA\",\"kid\":\"ed\"}\n{\"iat\":1767225660,\"nbf\":1.5e9,\"exp\":1767225540.5}",
    "2{\"alg\":\"EdDSA\"}\n{\"aud\":[\"a\",\"b\"],\"scope\":\"r w\"}",
    "2{\"alg\":\"EdDSA\"}\n{\"exp\":1767225540}",
    "1{\"alg\":\"HS256\",\"alg\":\"none\"}\n{}",
    "1{\"alg\":\"none\"}\n{}",
    "2{\"alg\":\"HS256\",\"kid\":\"ed\"}\n{}",
    "1{\"alg\":\"EdDSA\",\"kid\":\"hs\"}\n{}",
    "1{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}\n{}",
    "1{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"jku\":\"https://x\"}\n{}",
    "1{\"alg\":\"HS256\"}\n{\"a\":[[[[[[[[{\"b\":{\"c\":{}}}]]]]]]]]}",
    "1{\"alg\":\"HS256\"}\n{\"sub\":7,\"exp\":\"1\",\"nbf\":-1,\"iat\":1e400}",
    "1{\"alg\":\"HS256\"}\n{\"sub\":\"a\",\"s\\u0075b\":\"b\"}",
    "1 {\"alg\" : \"HS256\"}\n \t{\"sub\":\"\\ud83d\\ude00\"}\r\n",
    "1{\"alg\":\"HS256\"}\n[]",
    // The example of RFC 7515 §A.1 and of RFC 8037 §A.4.
    "0eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "0eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    // {"alg":"HS256"} and {}, with no signature, one of zeros, padding, one part too many.
    "0eyJhbGciOiJIUzI1NiJ9.e30.",
    "0eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "0eyJhbGciOiJIUzI1NiJ9==.e30=.AA==",
    "0eyJhbGciOiJub25lIn0.e30.",
    "0eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d",
    "0   ..  ",
];
