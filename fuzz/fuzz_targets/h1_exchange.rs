//! Whatever comes in turn on an origin's connection, it is kept only after one whole request and its whole answer.
#![no_main]

#[path = "../../crates/parapet-upstream/tests/it/exchange.rs"]
mod exchange;
#[path = "../../crates/parapet-upstream/tests/it/judge.rs"]
mod judge;
#[path = "../../crates/parapet-h1/tests/it/strict.rs"]
#[expect(dead_code, reason = "it reads responses too")]
mod strict;

libfuzzer_sys::fuzz_target!(|data: &[u8]| exchange::exchanges(data));
