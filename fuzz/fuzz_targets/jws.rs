//! Any bytes as a bearer token: no panic, and nothing passes that the test's own keys have not signed.
#![no_main]

#[path = "../../crates/parapet-authn/tests/it/jws.rs"]
mod jws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jws::jws(data);
});
