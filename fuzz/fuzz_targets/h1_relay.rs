//! What is accepted and written again is read by a slow, strict reader with the same meaning.
#![no_main]

#[path = "../../crates/parapet-h1/tests/it/relay.rs"]
mod relay;
#[path = "../../crates/parapet-h1/tests/it/strict.rs"]
mod strict;

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay::relay(data));
