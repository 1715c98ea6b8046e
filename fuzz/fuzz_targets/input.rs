//! See `bodies::input`; `cli/tests/fuzz/main.rs` drives it too.
#![no_main]

#[path = "../../cli/tests/fuzz/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::input(bytes));
