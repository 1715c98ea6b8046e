//! The README's table and the npm package's codes are those of `src/error/table.rs`.
//!
//! `cargo run --example codes -- --write` writes both.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "common/codes.rs"]
mod codes;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use revocable::Code;

fn file(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_readme_has_the_table_of_codes() {
    let readme = file("README.md");
    let table = codes::between_marks(&readme).unwrap();
    assert_eq!(table, format!("\n{}", codes::markdown()), "type `cargo xtask codes`");
}

#[test]
fn the_npm_package_has_the_codes() {
    assert_eq!(file("pkg/ts/codes.ts"), codes::typescript(), "type `cargo xtask codes`");
}

#[test]
fn no_line_of_the_table_breaks_it() {
    let texts: HashSet<&str> =
        Code::ALL.iter().flat_map(|code| [code.as_str(), code.meaning(), code.verified_before()]).collect();
    assert!(texts.iter().all(|text| !text.contains(['|', '\n', '<']) && !text.is_empty()));
    assert_eq!(codes::markdown().lines().count(), Code::ALL.len() + 2);
}
