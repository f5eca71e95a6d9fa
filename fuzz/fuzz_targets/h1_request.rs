//! Where the bytes of a request are cut does not matter. The first bytes of the input choose the cuts.
#![no_main]
#![expect(dead_code, reason = "the driver serves both directions")]

#[path = "../../crates/parapet-h1/tests/it/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::request_cuts_do_not_matter(data));
