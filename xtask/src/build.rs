//! Builds the parts: the native crates, the Worker, the npm package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::fresh;
use crate::progress::Progress;
use crate::tools::{self, Tool, WASM_TARGET};
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

/// Builds the Worker, unless it is as new as what it is made of.
pub(crate) fn worker(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--target", WASM_TARGET]);
    // In the folder and with the variable that worker-build has, so that it finds this very build done.
    cargo.arg("--lib").current_dir(workspace.path("worker")).env("WASM_BINDGEN_USE_JS_SYS", "1");
    progress.run("compile the Worker", &mut cargo)?;
    let stamp = workspace.target("worker.built");
    let made_from = [
        wasm(workspace, "release", "revocable_worker"),
        workspace.path("package-lock.json"),
        workspace.path("worker/Cargo.toml"),
    ];
    let built = workspace.path("worker/build/index_bg.wasm");
    if workspace.path("worker/build/index.js").is_file() && fresh::is_up_to_date(&stamp, &made_from) {
        return Ok(());
    }
    let mut worker_build = workspace.command(workspace.path(".tools/bin/worker-build"));
    worker_build.arg("--release").current_dir(workspace.path("worker"));
    progress.run("bundle the Worker", &mut worker_build)?;
    // Not by worker-build, which keeps the functions' names and with them a seventh of the bytes.
    let mut optimise = workspace.command(workspace.path("node_modules/binaryen/bin/wasm-opt"));
    // What wasm-bindgen wraps around calls is not in the list of features that the compiler left.
    optimise.args(["-O3", "--enable-exception-handling"]).arg(&built).arg("--output").arg(&built);
    progress.run("optimise the Worker", &mut optimise)?;
    fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
}

/// Builds the npm package, unless it is as new as what it is made of and nobody has changed it since.
pub(crate) fn package(workspace: &Workspace, progress: &Progress) -> Result<()> {
    // What the compiler is told stands in the script alone.
    let mut compile = workspace.node("pkg/scripts/build.mjs");
    progress.run("compile the npm package", compile.arg("--compile"))?;
    let stamp = workspace.target("npm-package.built");
    let sources = ["package-lock.json", "pkg/package.json", "pkg/tsconfig.json", "pkg/scripts", "pkg/ts"];
    let products = ["pkg/dist", "www/revocable"];
    let mut made_from: Vec<_> = sources.iter().chain(&products).map(|path| workspace.path(path)).collect();
    made_from.push(wasm(workspace, "small", "revocable_wasm"));
    made_from.push(wasm(workspace, "release", "revocable_engines_wasm"));
    if fresh::is_up_to_date(&stamp, &made_from) {
        return Ok(());
    }
    progress.run("optimise the npm package and type it", &mut workspace.node("pkg/scripts/build.mjs"))?;
    fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))
}

/// A leaf crate's Wasm as Cargo leaves it.
pub(crate) fn wasm(workspace: &Workspace, profile: &str, name: &str) -> PathBuf {
    workspace.target(&format!("{WASM_TARGET}/{profile}/{name}.wasm"))
}

/// Writes the table of error codes wherever it is repeated.
pub(crate) fn codes(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", "revocable", "--example", "codes", "--", "--write"]);
    progress.run("write the error codes", &mut cargo)?;
    Ok(())
}

/// Narrows a Cargo command to the crates that run natively.
pub(crate) fn native_crates(cargo: &mut Command) -> &mut Command {
    WASM_ONLY.iter().fold(cargo.arg("--workspace"), |cargo, package| cargo.args(["--exclude", package]))
}

/// Narrows a Cargo command to the crates that only make sense as WebAssembly, for that target.
pub(crate) fn wasm_crates(cargo: &mut Command) -> &mut Command {
    let cargo = cargo.args(["--target", WASM_TARGET]);
    WASM_ONLY.iter().fold(cargo, |cargo, package| cargo.args(["--package", package]))
}

/// Thin leaves around the library. They hold no test that runs natively: the Worker's run on workerd, the npm package's
/// in Node and in browsers, the vectors' is run by them in each, and the last is only measured.
const WASM_ONLY: &[&str] = &[
    "revocable-wasm",
    "revocable-engines-wasm",
    "revocable-worker",
    "revocable-vectors-wasm",
    "revocable-bench-list-wasm",
];
