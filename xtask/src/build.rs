//! Builds the parts: the native crates, the Worker, the npm package.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::progress::Progress;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// A part that can be built by itself.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Target {
    /// The crates that run natively: the library and the command-line tool.
    Native,
    /// The Worker, into `worker/build/`.
    Worker,
    /// The npm package, into `pkg/dist/`, and the copy of it that the playground loads.
    Package,
}

/// Installs what building needs and builds the chosen parts, or all of them if none is chosen.
pub(crate) fn build(workspace: &Workspace, progress: &Progress, chosen: &[Target]) -> Result<()> {
    let targets = if chosen.is_empty() { Target::value_variants() } else { chosen };
    let needed: Vec<Tool> = targets.iter().flat_map(|target| target.tools()).copied().collect();
    tools::install(workspace, progress, &needed)?;
    for target in targets {
        match target {
            Target::Native => native(workspace, progress)?,
            Target::Worker => worker(workspace, progress)?,
            Target::Package => package(workspace, progress)?,
        }
    }
    Ok(())
}

impl Target {
    fn tools(self) -> &'static [Tool] {
        match self {
            Self::Native => &[],
            Self::Worker => tools::FOR_WORKER,
            Self::Package => tools::FOR_PACKAGE,
        }
    }
}

/// Builds the library and every native crate.
pub(crate) fn native(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut cargo = workspace.cargo();
    progress.run("build the native crates", native_crates(cargo.args(["build", "--all-features"])))?;
    Ok(())
}

/// Builds the command-line tool.
pub(crate) fn cli(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", "revocable-cli"]);
    progress.run("build the command-line tool", &mut cargo)?;
    Ok(())
}

/// Builds the Worker.
pub(crate) fn worker(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut worker_build = workspace.command(workspace.path(".tools/bin/worker-build"));
    worker_build.arg("--release").current_dir(workspace.path("worker"));
    progress.run("build the Worker", &mut worker_build)?;
    Ok(())
}

/// Builds the npm package.
pub(crate) fn package(workspace: &Workspace, progress: &Progress) -> Result<()> {
    progress.run("build the npm package", &mut workspace.node("pkg/scripts/build.mjs"))?;
    Ok(())
}

/// Narrows a Cargo command to the crates that run natively.
pub(crate) fn native_crates(cargo: &mut Command) -> &mut Command {
    WASM_ONLY.iter().fold(cargo.arg("--workspace"), |cargo, package| cargo.args(["--exclude", package]))
}

/// Narrows a Cargo command to the crates that only make sense as WebAssembly, for that target.
pub(crate) fn wasm_crates(cargo: &mut Command) -> &mut Command {
    let cargo = cargo.args(["--target", "wasm32-unknown-unknown"]);
    WASM_ONLY.iter().fold(cargo, |cargo, package| cargo.args(["--package", package]))
}

/// Thin leaves around the library. They hold no test that runs natively: the Worker's run on workerd, the npm package's
/// in Node and in browsers.
const WASM_ONLY: &[&str] = &["revocable-wasm", "revocable-worker"];
