//! Measures the gate beside an empty Worker, and verification beside its peers; the measuring itself is in
//! `xtask/node/bench-gate.mjs` and in `benches/verify/`.

use anyhow::{Context, Result, ensure};

use crate::build;
use crate::progress::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// Prints what a request through the gate costs.
pub(crate) fn gate(workspace: &Workspace, progress: &Progress, json: bool) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_WORKER)?;
    build::cli(workspace, progress)?;
    build::worker(workspace, progress)?;
    run(workspace, "xtask/node/bench-gate.mjs", json)
}

/// Prints what verifying a token costs beside `jose`.
pub(crate) fn verify(workspace: &Workspace, progress: &Progress, json: bool) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_PACKAGE)?;
    build::package(workspace, progress)?;
    run(workspace, "benches/verify/run.mjs", json)
}

fn run(workspace: &Workspace, script: &str, json: bool) -> Result<()> {
    let mut bench = workspace.node(script);
    if json {
        bench.arg("--json");
    }
    let status = bench.status().context("cannot start node")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}
