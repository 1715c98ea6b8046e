//! Measures the gate beside an empty Worker, verification and the list beside their peers, and how soon a revocation is known;
//! the measuring itself is in `xtask/node/bench-gate.mjs`, in `xtask/node/propagation.mjs` and in `benches/`.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use crate::build;
use crate::progress::Progress;
use crate::test;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// Prints what a request through the gate costs.
pub(crate) fn gate(workspace: &Workspace, progress: &Progress, json: bool) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_WORKER)?;
    build::cli(workspace, progress)?;
    build::worker(workspace, progress)?;
    run(workspace, "xtask/node/bench-gate.mjs", json, &[])
}

/// Prints how long it takes until a revocation is known everywhere, and what the ledger takes in.
pub(crate) fn propagation(
    workspace: &Workspace,
    progress: &Progress,
    json: bool,
    revocations: u32,
    entries: u32,
) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_WORKER)?;
    build::cli(workspace, progress)?;
    build::worker(workspace, progress)?;
    let arguments = [("--revocations", revocations), ("--entries", entries)];
    run(workspace, "xtask/node/propagation.mjs", json, &arguments)
}

/// Prints what verifying a token costs beside `jose`.
pub(crate) fn verify(workspace: &Workspace, progress: &Progress, json: bool) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_PACKAGE)?;
    build::package(workspace, progress)?;
    run(workspace, "benches/verify/run.mjs", json, &[])
}

/// Prints what the list weighs and how quick it is, beside other structures and beside what people publish today.
pub(crate) fn list(workspace: &Workspace, progress: &Progress, json: bool, huge: bool) -> Result<()> {
    tools::install(workspace, progress, FOR_LIST)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "revocable-bench-list", "--package", "revocable-cli"]);
    progress.run("compile the measurements and the command-line tool", &mut cargo)?;
    let mut document = Map::new();
    let mut natively =
        vec![vec!["structures"], vec!["sizes"], vec!["beside"], vec!["building"], vec!["reading"]];
    if huge {
        natively.push(vec!["reading", "--entries", "100000000"]);
    }
    for arguments in natively {
        let mut bench = workspace.command(workspace.target("release/bench-list"));
        bench.args(&arguments).env("REVOCABLE_CLI", workspace.target("release/revocable"));
        part(&mut document, &arguments.join(" "), &mut bench, json)?;
    }
    let files = workspace.target("bench-list");
    for entries in ["1000000", "10000000"] {
        let mut bench = workspace.command(workspace.target("release/bench-list"));
        bench.args(["files", "--entries", entries, "--to"]).arg(files.join(entries));
        progress.run(&format!("write a list of {entries} entries for the Wasm"), &mut bench)?;
    }
    let mut node = workspace.node("benches/list/run.mjs");
    node.arg("--files").arg(&files);
    test::point_to_chromium(&mut node);
    part(&mut document, "wasm", &mut node, json)?;
    fs::remove_dir_all(&files).with_context(|| format!("cannot remove {}", files.display()))?;
    if json {
        println!("{}", Value::Object(document));
    }
    Ok(())
}

/// Lets one program print its tables, or keeps what it says as JSON.
fn part(document: &mut Map<String, Value>, name: &str, bench: &mut Command, json: bool) -> Result<()> {
    if !json {
        let status = bench.status().context("cannot start a measurement")?;
        ensure!(status.success(), "the measurement of {name} ended with {status}");
        return Ok(());
    }
    let output =
        bench.arg("--json").stderr(Stdio::inherit()).output().context("cannot start a measurement")?;
    ensure!(output.status.success(), "the measurement of {name} ended with {}", output.status);
    let said = serde_json::from_slice(&output.stdout).context("a measurement has not printed JSON")?;
    document.insert(name.to_owned(), said);
    Ok(())
}

fn run(workspace: &Workspace, script: &str, json: bool, arguments: &[(&str, u32)]) -> Result<()> {
    let mut bench = workspace.node(script);
    for (name, value) in arguments {
        bench.arg(name).arg(value.to_string());
    }
    if json {
        bench.arg("--json");
    }
    let status = bench.status().context("cannot start node")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}

/// What measuring the list in workerd and in Chromium needs.
const FOR_LIST: &[Tool] = &[Tool::Browsers, Tool::NpmPackages, Tool::WasmTarget, Tool::WasmBindgen];
