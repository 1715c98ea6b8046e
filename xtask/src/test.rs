//! Runs every suite, goes on after one that fails, adds up their own counts, and closes with one line.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::build;
use crate::count::{self, Counts};
use crate::debian;
use crate::progress::{Outcome, Progress};
use crate::tools::{self, Tool, WASM_TARGET};
use crate::workspace::Workspace;

/// A group of checks, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// `cargo fmt --check`.
    Fmt,
    /// Clippy on the native crates and their tests; a warning is an error.
    Clippy,
    /// Clippy on the crates that become WebAssembly and on the tests that browsers run, for that target.
    ClippyWasm,
    /// rustdoc on the native libraries; a warning is an error.
    Doc,
    /// rustdoc on the crates that become WebAssembly, for that target.
    DocWasm,
    /// TypeScript on the JavaScript of `xtask/node/`, `tests/worker/` and `tests/typed/`.
    Types,
    /// `cargo test`, doc tests included.
    Native,
    /// `wasm-pack test --headless --chrome`.
    Chromium,
    /// `wasm-pack test --headless --firefox`.
    Firefox,
    /// The Worker on workerd: `tests/worker/`.
    Worker,
    /// The npm package in Node, against a gate among others: `tests/npm/`.
    Npm,
    /// The npm package held against jose: `tests/differential/`.
    Differential,
    /// The npm package and the page in Chromium, the npm package in Firefox: `tests/browser/`.
    Browser,
    /// What the README tells people to type, as typed: `tests/typed/`.
    Typed,
}

/// Runs the chosen suites, or all of them if none is chosen. The exit code tells whether all passed.
pub(crate) fn test(workspace: &Workspace, progress: &Progress, only: &[Suite]) -> Result<ExitCode> {
    let chosen = |suite: &Suite| only.is_empty() || only.contains(suite);
    let suites: Vec<Suite> = Suite::value_variants().iter().copied().filter(chosen).collect();
    let wanted: Vec<Tool> = suites.iter().flat_map(|suite| suite.tools()).copied().collect();
    tools::install(workspace, progress, &wanted)?;

    let mut parts = Parts::default();
    let mut rows = Vec::new();
    for suite in suites {
        let started = Instant::now();
        let counts = match parts.build_for(workspace, progress, suite) {
            Ok(()) => run(workspace, progress, suite)?,
            Err(error) => {
                progress.say(&format!("FAIL {} cannot run: {error:#}", suite.name()));
                Counts::ONE_FAILED
            }
        };
        rows.push(Row { name: suite.name(), counts, took: started.elapsed() });
    }
    Ok(close(&rows))
}

/// Runs one suite: all its commands, also after one that fails.
fn run(workspace: &Workspace, progress: &Progress, suite: Suite) -> Result<Counts> {
    let mut commands = suite.commands(workspace)?;
    if commands.is_empty() {
        let (name, folder) = (suite.name(), suite.folder().unwrap_or_default());
        progress.say(&format!("FAIL {name}: there is no test in {folder}"));
        return Ok(Counts::ONE_FAILED);
    }
    let mut counts = Counts::default();
    for command in &mut commands {
        let outcome = progress.watch(&format!("test: {}", suite.name()), command)?;
        counts.add(count(suite, &outcome));
    }
    Ok(counts)
}

/// What a command of a suite reports. One that cannot count is one check that passed or failed.
fn count(suite: Suite, outcome: &Outcome) -> Counts {
    let success = outcome.status.success();
    let mut counts = match suite {
        Suite::Fmt | Suite::Clippy | Suite::ClippyWasm | Suite::Doc | Suite::DocWasm | Suite::Types => {
            if success {
                Counts::ONE_PASSED
            } else {
                Counts::ONE_FAILED
            }
        }
        Suite::Native => count::libtest(&outcome.output),
        Suite::Chromium | Suite::Firefox => count::wasm_bindgen_test(&outcome.output),
        Suite::Worker | Suite::Npm | Suite::Differential | Suite::Browser | Suite::Typed => {
            count::node_test(&outcome.output)
        }
    };
    // A runner that breaks down, or that found nothing to run, has not passed.
    if (!success && counts.failed == 0) || counts.is_empty() {
        counts.add(Counts::ONE_FAILED);
    }
    counts
}

/// Prints the table and the closing line.
fn close(rows: &[Row]) -> ExitCode {
    println!("\n{:<12} {:>7} {:>7} {:>8} {:>8}", "suite", "passed", "failed", "skipped", "seconds");
    let mut total = Counts::default();
    for Row { name, counts, took } in rows {
        let Counts { passed, failed, skipped } = counts;
        println!("{name:<12} {passed:>7} {failed:>7} {skipped:>8} {:>8.1}", took.as_secs_f64());
        total.add(*counts);
    }
    println!("\n{}", closing_line(total));
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn closing_line(total: Counts) -> String {
    let Counts { passed, failed, skipped } = total;
    let rest = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{passed} passed, {failed} failed{rest}")
}

struct Row {
    name: String,
    counts: Counts,
    took: Duration,
}

impl Suite {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn tools(self) -> &'static [Tool] {
        match self {
            Self::Fmt | Self::Clippy | Self::Doc | Self::Native => &[],
            Self::ClippyWasm | Self::DocWasm => &[Tool::WasmTarget],
            Self::Types => &[Tool::NpmPackages],
            Self::Chromium | Self::Firefox => tools::FOR_BROWSERS,
            Self::Worker | Self::Npm => tools::FOR_WORKER,
            Self::Differential => tools::FOR_PACKAGE,
            Self::Browser => {
                &[Tool::Browsers, Tool::WasmTarget, Tool::NpmPackages, Tool::WasmBindgen, Tool::WorkerBuild]
            }
            Self::Typed => &[
                Tool::Browsers,
                Tool::WasmTarget,
                Tool::NpmPackages,
                Tool::WasmBindgen,
                Tool::WorkerBuild,
                Tool::WasmPack,
                Tool::Geckodriver,
            ],
        }
    }

    /// What has to be built before the suite can run.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Worker => &[Part::Cli, Part::Worker],
            Self::Differential => &[Part::Package],
            Self::Npm | Self::Browser | Self::Typed => &[Part::Cli, Part::Worker, Part::Package],
            _ => &[],
        }
    }

    /// The folder of a suite that `node --test` runs.
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Worker => Some("tests/worker"),
            Self::Npm => Some("tests/npm"),
            Self::Differential => Some("tests/differential"),
            Self::Browser => Some("tests/browser"),
            Self::Typed => Some("tests/typed"),
            _ => None,
        }
    }

    /// The commands that run the suite; none if its folder holds no test.
    fn commands(self, workspace: &Workspace) -> Result<Vec<Command>> {
        if let Some(folder) = self.folder() {
            return Ok(node_test(workspace, folder)?.into_iter().collect());
        }
        let mut cargo = workspace.cargo();
        match self {
            Self::Fmt => cargo.args(["fmt", "--all", "--check"]),
            Self::Clippy => build::native_crates(cargo.args(["clippy", "--all-targets", "--all-features"])),
            Self::ClippyWasm => build::wasm_crates(cargo.args(["clippy", "--all-features"])),
            // Libraries only: the tool's binary has the library's name and would overwrite its pages.
            Self::Doc => build::native_crates(cargo.args(["doc", "--lib", "--no-deps", "--all-features"])),
            Self::DocWasm => build::wasm_crates(cargo.args(["doc", "--lib", "--no-deps", "--all-features"])),
            Self::Native => build::native_crates(cargo.args(["test", "--all-features", "--no-fail-fast"])),
            Self::Types => return Ok(vec![tsc(workspace)]),
            Self::Chromium => return Ok(vec![wasm_pack(workspace, "--chrome")]),
            Self::Firefox => return Ok(vec![wasm_pack(workspace, "--firefox")]),
            Self::Worker | Self::Npm | Self::Differential | Self::Browser | Self::Typed => {
                return Ok(Vec::new());
            }
        };
        match self {
            Self::Clippy | Self::ClippyWasm => cargo.args(["--", "-D", "warnings"]),
            Self::Doc | Self::DocWasm => cargo.env("RUSTDOCFLAGS", "-D warnings"),
            _ => &mut cargo,
        };
        let more = (self == Self::ClippyWasm).then(|| clippy_browser_tests(workspace));
        Ok([cargo].into_iter().chain(more).collect())
    }
}

/// Without the feature `publish`: the tests that need it run natively only.
fn clippy_browser_tests(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--package", "revocable", "--target", WASM_TARGET, "--tests"]);
    cargo.args(["--", "-D", "warnings"]);
    cargo
}

fn tsc(workspace: &Workspace) -> Command {
    let mut command = workspace.node("node_modules/typescript/bin/tsc");
    command.args(["--project", "xtask/node"]);
    command
}

fn wasm_pack(workspace: &Workspace, browser: &str) -> Command {
    let mut command = workspace.command(workspace.path(".tools/bin/wasm-pack"));
    command.args(["test", "--headless", browser, "--mode", "no-install"]);
    command
}

/// `node --test` on the files `*.test.mjs` of a folder. They are listed here because Node's own search differs from
/// one major version to the next.
fn node_test(workspace: &Workspace, folder: &str) -> Result<Option<Command>> {
    let path = workspace.path(folder);
    if !path.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&path).with_context(|| format!("cannot read {folder}"))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Ok(None);
    }
    files.sort();
    let mut node = workspace.command("node");
    // One file at a time: several of them build, and they share the folders that are built into.
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1", NODE_TEST_TIMEOUT]).args(files);
    point_to_chromium(&mut node);
    Ok(Some(node))
}

/// Tells a script which Chromium to drive, unless its caller does.
pub(crate) fn point_to_chromium(node: &mut Command) {
    if let (None, Some(chromium)) = (env::var_os(CHROMIUM), debian::chromium()) {
        node.env(CHROMIUM, chromium);
    }
}

/// Something that suites share and that is built once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Cli,
    Worker,
    Package,
}

/// What has been built so far, and what could not be.
#[derive(Default)]
struct Parts {
    done: HashMap<Part, Result<(), String>>,
}

impl Parts {
    fn build_for(&mut self, workspace: &Workspace, progress: &Progress, suite: Suite) -> Result<()> {
        for part in suite.parts() {
            let outcome = self.done.entry(*part).or_insert_with(|| {
                let built = match part {
                    Part::Cli => build::cli(workspace, progress),
                    Part::Worker => build::worker(workspace, progress),
                    Part::Package => build::package(workspace, progress),
                };
                built.map_err(|error| format!("{error:#}"))
            });
            outcome.clone().map_err(anyhow::Error::msg)?;
        }
        Ok(())
    }
}

/// Which Chromium the tests drive. Whoever sets it is not overruled.
const CHROMIUM: &str = "CHROMIUM_BIN";
/// A test that hangs ends after ten minutes: the longest builds something.
const NODE_TEST_TIMEOUT: &str = "--test-timeout=600000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_leaves_out_skipped_when_there_is_none() {
        assert_eq!(closing_line(Counts { passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
        assert_eq!(
            closing_line(Counts { passed: 3, failed: 1, skipped: 2 }),
            "3 passed, 1 failed, 2 skipped"
        );
    }

    #[test]
    fn every_suite_has_a_name_to_type() {
        let names: Vec<String> = Suite::value_variants().iter().map(|suite| suite.name()).collect();
        assert_eq!(names.first().map(String::as_str), Some("fmt"));
        assert!(names.contains(&"clippy-wasm".to_owned()));
    }
}
