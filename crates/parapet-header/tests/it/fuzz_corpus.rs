use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::fields::fields;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/header_fields")
}

#[test]
fn the_corpus_of_header_fields_holds() {
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // named where it fails
        fields(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= SEEDS.len(), "the corpus holds {inputs} inputs");
}

proptest! {
    #[test]
    fn the_laws_hold_for_seeds_with_a_few_other_bytes(
        seed in 0..SEEDS.len(),
        other in 0..SEEDS.len(),
        at: u16,
        bytes in proptest::collection::vec(any::<u8>(), 0..6)
    ) {
        let (seed, other) = (SEEDS[seed].as_bytes(), SEEDS[other].as_bytes());
        let (front, back) = seed.split_at(usize::from(at) % (seed.len() + 1));
        fields(&[front, &bytes, other, back].concat());
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

/// Two bytes for the ranges, then lines.
const SEEDS: &[&str] = &[
    "zzgzip;q=0.5, br;q=0, *;q=1.000\nidentity;q=0",
    "zzclose, x\nkeep-alive, \"x, y\"",
    "zz0-4, 5-, -3",
    "zzbytes=0-0,1-1,9999999999999999999999-",
    "zz\"a\", W/\"b,\\\"\", \"\"\n*",
    "zz*",
    "zzno-cache=\"set-cookie, x\", max-age=010, s-maxage=99999999999, private = 1",
    "zza=1; b=\"2\"; =3; c; d==; e=\";\"\nf=g",
    "zztext/html; charset=\"utf\\-8\"; q",
    "zzmultipart/form-data; boundary=\"--a;b\"",
    "zz[::1]:8080",
    "zz192.0.2.1:65535",
    "zz::ffff:192.0.2.1",
    "zz[fe80::1%25eth0]",
    "zz31536000",
    "zza \"quote\\\" and \u{e4}",
    "zz\"open, quote\nx",
    "zz,,, ,\t,\nx,,",
    "zztrailers, deflate;q=0.5\nwebsocket",
    "zz\\\"\\,\\;=\\",
];
