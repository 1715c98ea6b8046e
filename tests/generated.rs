//! The README's tables and the npm package's codes are those of the code.
//!
//! `cargo run --example codes -- --write` writes both.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "common/generated.rs"]
mod generated;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use revocable::{Algorithm, Code};

fn file(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_readme_has_the_tables() {
    let readme = file("README.md");
    for table in generated::TABLES {
        assert_eq!(table.written_into(&readme).as_deref(), Some(readme.as_str()), "type `cargo xtask codes`");
    }
}

#[test]
fn the_npm_package_has_the_codes() {
    assert_eq!(file("pkg/ts/codes.ts"), generated::typescript(), "type `cargo xtask codes`");
}

#[test]
fn no_line_of_the_table_breaks_it() {
    let texts: HashSet<&str> =
        Code::ALL.iter().flat_map(|code| [code.as_str(), code.meaning(), code.verified_before()]).collect();
    assert!(texts.iter().all(|text| !text.contains(['|', '\n', '<']) && !text.is_empty()));
    let [engines, codes] = generated::TABLES.map(|table| (table.markdown)().lines().count());
    assert_eq!((engines, codes), (Algorithm::ALL.len() + 2, Code::ALL.len() + 2));
}
