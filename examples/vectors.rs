//! Runs the published test vectors of `tests/vectors/suites` and prints, suite by suite and engine by engine, one line of
//! JSON each; `cargo xtask vectors` makes a table of them. With a name, only that suite.

#[path = "../tests/common/suites.rs"]
mod suites;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let rows = suites::run(env::args().nth(1).as_deref());
    for row in &rows {
        println!("{}", row.json());
    }
    if rows.iter().all(|row| row.failures.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
