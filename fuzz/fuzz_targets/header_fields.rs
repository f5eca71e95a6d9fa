//! Every parser of field values, on any bytes: no panic, and what they say keeps to their laws.
#![no_main]

#[path = "../../crates/parapet-header/tests/it/fields.rs"]
mod fields;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fields::fields(data));
