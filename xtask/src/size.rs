//! Weighs the Wasm that people download: the npm package's and the Worker's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::build::{self, Target};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Builds both and prints the bytes of every Wasm file, raw and as `gzip -9` leaves it.
pub(crate) fn size(workspace: &Workspace, progress: &Progress, json: bool) -> Result<()> {
    build::build(workspace, progress, &[Target::Package, Target::Worker])?;

    let mut weights = Vec::new();
    for (name, folder) in [("npm package", "pkg/dist"), ("Worker", "worker/build")] {
        let files = wasm_files(&workspace.path(folder))?;
        ensure!(!files.is_empty(), "there is no .wasm file in {folder}");
        for file in files {
            weights.push(Weight::of(name, folder, &file)?);
        }
    }
    if json {
        println!("{}", serde_json::to_string(&weights.iter().map(Weight::json).collect::<Vec<_>>())?);
        return Ok(());
    }
    println!("{:<12} {:<36} {:>10} {:>10}", "what", "file", "raw", "gzip -9");
    for Weight { name, file, raw, gzip } in &weights {
        println!("{name:<12} {file:<36} {raw:>10} {gzip:>10}");
    }
    Ok(())
}

struct Weight {
    name: &'static str,
    file: String,
    raw: usize,
    gzip: usize,
}

impl Weight {
    fn of(name: &'static str, folder: &str, path: &Path) -> Result<Self> {
        let raw = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        let gzip = Command::new("gzip")
            .args(["-9", "--no-name", "--stdout"])
            .arg(path)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start gzip")?;
        ensure!(gzip.status.success(), "gzip ended with {}", gzip.status);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self { name, file: format!("{folder}/{file}"), raw, gzip: gzip.stdout.len() })
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "file": self.file, "raw": self.raw, "gzip": self.gzip })
    }
}

fn wasm_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
