//! Weighs the Wasm that people download: the npm package's core, its engines, and the Worker's.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::build::{self, Target};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Builds all of them and prints the bytes of every Wasm file, raw and as `gzip -9` leaves it. `levels` asks for the
/// engines at every optimisation level as well.
pub(crate) fn size(workspace: &Workspace, progress: &Progress, json: bool, levels: bool) -> Result<()> {
    build::build(workspace, progress, &[Target::Package, Target::Worker])?;

    let mut weights = vec![
        Weight::of("core", "pkg/dist/revocable_wasm_bg.wasm", workspace)?,
        Weight::of("engines", "pkg/dist/revocable_engines_wasm_bg.wasm", workspace)?,
    ];
    let worker = wasm_files(workspace, "worker/build")?;
    ensure!(!worker.is_empty(), "there is no .wasm file in worker/build");
    for file in worker {
        weights.push(Weight::of("Worker", &file, workspace)?);
    }
    if levels {
        for level in ["s", "z", "3"] {
            weights.push(engines_at(level, workspace, progress)?);
        }
    }
    if json {
        println!("{}", serde_json::to_string(&weights.iter().map(Weight::json).collect::<Vec<_>>())?);
        return Ok(());
    }
    println!("{:<12} {:<40} {:>10} {:>10}", "what", "file", "raw", "gzip -9");
    for Weight { name, file, raw, gzip } in &weights {
        println!("{name:<12} {file:<40} {raw:>10} {gzip:>10}");
    }
    Ok(())
}

/// The engines' Wasm as another optimisation level makes it, which nothing else is made of.
fn engines_at(level: &'static str, workspace: &Workspace, progress: &Progress) -> Result<Weight> {
    let mut compile = workspace.node("pkg/scripts/build.mjs");
    compile.arg("--compile").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
    progress.run(&format!("compile the engines with opt-level {level}"), &mut compile)?;
    let folder = workspace.target("engines-at-level");
    let mut bindgen = workspace.command(workspace.path(".tools/bin/wasm-bindgen"));
    bindgen.args(["--target", "web", "--out-name", level, "--out-dir"]).arg(&folder);
    bindgen.arg(build::wasm(workspace, "release", "revocable_engines_wasm"));
    progress.run("bind it", &mut bindgen)?;
    let wasm = folder.join(format!("{level}_bg.wasm"));
    let mut optimise = workspace.command(workspace.path("node_modules/binaryen/bin/wasm-opt"));
    optimise.arg(if level == "3" { "-O3" } else { "-Oz" }).arg(&wasm).arg("--output").arg(&wasm);
    progress.run("optimise it", &mut optimise)?;
    let weight = Weight::of("engines", &wasm.to_string_lossy(), workspace)?;
    Ok(Weight { file: format!("with opt-level {level}"), ..weight })
}

struct Weight {
    name: &'static str,
    file: String,
    raw: usize,
    gzip: usize,
}

impl Weight {
    fn of(name: &'static str, file: &str, workspace: &Workspace) -> Result<Self> {
        let path = workspace.path(file);
        let raw = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        let gzip = Command::new("gzip")
            .args(["-9", "--no-name", "--stdout"])
            .arg(&path)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start gzip")?;
        ensure!(gzip.status.success(), "gzip ended with {}", gzip.status);
        Ok(Self { name, file: file.to_owned(), raw, gzip: gzip.stdout.len() })
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "file": self.file, "raw": self.raw, "gzip": self.gzip })
    }
}

/// Below the root.
fn wasm_files(workspace: &Workspace, folder: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace.path(folder)).with_context(|| format!("cannot read {folder}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".wasm") {
            files.push(format!("{folder}/{name}"));
        }
    }
    files.sort();
    Ok(files)
}
