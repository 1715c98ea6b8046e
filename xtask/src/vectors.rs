//! Runs the published test vectors through every engine, and says what came of them.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::build;
use crate::progress::Progress;
use crate::test;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// Prints a row for each suite and engine: how many cases passed, came out otherwise for a stated reason, and failed.
pub(crate) fn vectors(
    workspace: &Workspace,
    progress: &Progress,
    json: bool,
    suite: Option<&str>,
) -> Result<ExitCode> {
    let mut rows = native(workspace, progress, suite)?;
    rows.extend(javascript(workspace, progress, suite)?);
    if json {
        println!("{}", serde_json::to_string(&rows.iter().map(|row| &row.document).collect::<Vec<_>>())?);
    } else {
        print(&rows);
    }
    let failed = rows.iter().any(|row| row.failed > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn native(workspace: &Workspace, progress: &Progress, suite: Option<&str>) -> Result<Vec<Row>> {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", "revocable", "--example", "vectors", "--"]).args(suite);
    rows(progress, "vectors: native", &mut cargo)
}

fn javascript(workspace: &Workspace, progress: &Progress, suite: Option<&str>) -> Result<Vec<Row>> {
    tools::install(workspace, progress, TOOLS)?;
    build::package(workspace, progress)?;
    let mut node = workspace.node("tests/vectors/run.mjs");
    if let Some(suite) = suite {
        node.args(["--suite", suite]);
    }
    test::point_to_chromium(&mut node);
    rows(progress, "vectors: Node, workerd, Chromium, Firefox", &mut node)
}

/// What a runner prints, a line of JSON for each row. It ends with a failure where a case has failed, so what counts is
/// that it has said something.
fn rows(progress: &Progress, title: &str, runner: &mut Command) -> Result<Vec<Row>> {
    let outcome = progress.attempt(title, runner)?;
    let rows: Vec<Row> = outcome.output.lines().filter_map(Row::read).collect();
    let told = outcome.status.success() || rows.iter().any(|row| row.failed > 0);
    if !told || rows.is_empty() {
        progress.show_failure(title, &outcome);
    }
    ensure!(told && !rows.is_empty(), "{title} ended with {}", outcome.status);
    Ok(rows)
}

fn print(rows: &[Row]) {
    println!(
        "{:<32} {:<20} {:>7} {:>9} {:>7} {:>9}",
        "suite", "engine", "passed", "excepted", "failed", "unclaimed"
    );
    let mut total = [0_u64; 3];
    for Row { suite, engine, passed, excepted, failed, unclaimed, failures, .. } in rows {
        println!("{suite:<32} {engine:<20} {passed:>7} {excepted:>9} {failed:>7} {unclaimed:>9}");
        for failure in failures.iter().take(SHOWN) {
            println!("    {failure}");
        }
        let more = failures.len().saturating_sub(SHOWN);
        if more > 0 {
            println!("    and {more} more");
        }
        for (sum, count) in total.iter_mut().zip([passed, excepted, failed]) {
            *sum = sum.saturating_add(*count);
        }
    }
    let [passed, excepted, failed] = total;
    println!("\n{passed} passed, {excepted} excepted, {failed} failed");
}

/// What came of one suite with one engine.
#[derive(Debug)]
struct Row {
    suite: String,
    engine: String,
    passed: u64,
    excepted: u64,
    failed: u64,
    /// How many an engine has left to others because it does not know the algorithm.
    unclaimed: u64,
    failures: Vec<String>,
    document: Value,
}

impl Row {
    /// Reads a line; one that is not a row is something else that a tool has said.
    fn read(line: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(line).ok()?;
        let text = |member: &str| document.get(member)?.as_str().map(str::to_owned);
        let count = |member: &str| document.get(member)?.as_u64();
        let failures = document.get("failures")?.as_array()?.iter().filter_map(Value::as_str);
        Some(Self {
            suite: text("suite")?,
            engine: text("engine")?,
            passed: count("passed")?,
            excepted: count("excepted")?,
            failed: count("failed")?,
            unclaimed: count("unclaimed").unwrap_or(0),
            failures: failures.map(str::to_owned).collect(),
            document,
        })
    }
}

/// Whatever the JavaScript runtimes need, and building the core as a Wasm and the npm package for them.
const TOOLS: &[Tool] =
    &[Tool::Browsers, Tool::NpmPackages, Tool::Geckodriver, Tool::WasmTarget, Tool::WasmBindgen];
/// So many failures of a row are shown; `--json` has them all.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_and_other_lines_are_not() {
        let line = r#"{"suite":"s","engine":"e","passed":1,"excepted":2,"failed":1,"failures":["why"]}"#;
        let row = Row::read(line).unwrap();
        assert_eq!((row.passed, row.excepted, row.failed, row.unclaimed), (1, 2, 1, 0));
        assert_eq!(row.failures, ["why"]);
        assert!(Row::read("warning: something").is_none());
        assert!(Row::read(r#"{"suite":"s"}"#).is_none());
    }
}
