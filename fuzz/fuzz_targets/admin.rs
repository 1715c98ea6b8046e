//! See `bodies::admin`; `tests/fuzz.rs` drives it too.
#![no_main]

#[path = "../../tests/common/fuzz_bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::admin(bytes));
