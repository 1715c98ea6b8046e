//! Starts the stack of `xtask/node/`: once through for `demo`, until it is told to stop for `dev`.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result};

use crate::build;
use crate::progress::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// Builds what the demo needs and shows it. Ends the process with the demo's own exit code.
pub(crate) fn demo(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    prepare(workspace, progress)?;
    let mut demo = workspace.node("xtask/node/demo.mjs");
    demo.arg("--started").arg(started.as_millis().to_string());
    become_it(&mut demo)
}

/// Builds what the stack needs, starts it, and stays up.
pub(crate) fn dev(workspace: &Workspace, progress: &Progress, port: u16) -> Result<()> {
    prepare(workspace, progress)?;
    // For the playground.
    build::package(workspace, progress)?;
    let mut dev = workspace.node("xtask/node/dev.mjs");
    dev.arg("--port").arg(port.to_string());
    become_it(&mut dev)
}

fn prepare(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::install(workspace, progress, tools::FOR_WORKER)?;
    build::cli(workspace, progress)?;
    build::worker(workspace, progress)
}

/// Replaces this process, so that a signal sent to it reaches the stack and nothing is left behind.
fn become_it(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    Err(Error::new(command.exec())).with_context(|| format!("cannot start {}", program.display()))
}
