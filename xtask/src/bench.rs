//! Measures the gate beside an empty Worker; the measuring itself is in `xtask/node/bench-gate.mjs`.

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
    let mut bench = workspace.node("xtask/node/bench-gate.mjs");
    if json {
        bench.arg("--json");
    }
    let status = bench.status().context("cannot start node")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}
