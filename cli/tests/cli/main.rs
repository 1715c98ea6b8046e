//! The `revocable` program as people run it: arguments in, files, streams and exit codes out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at the first surprise"
)]

mod authority;
mod bench;
mod build;
mod build_input;
mod build_recent;
mod check;
mod config;
mod diff;
mod import;
mod inspect;
mod keygen;
mod merge;
mod publish;
mod revocations;
mod support;
mod usage;
