//! Where things are: the project's folders, and the environment in which its tools find each other.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

/// The project on disk.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace that this task runner belongs to.
    pub(crate) fn find() -> Result<Self> {
        // `cargo run` sets the variable; the constant serves a binary that is started directly.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask is not inside a workspace")?.to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let target = root.join(target);
        Ok(Self { root, target })
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path below Cargo's target folder.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    /// The native command-line tool, as a debug build.
    pub(crate) fn cli(&self) -> PathBuf {
        self.target("debug/revocable")
    }

    /// Cargo, started at the root.
    pub(crate) fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Node, started at the root, with one of our scripts.
    pub(crate) fn node(&self, script: &str) -> Command {
        let mut command = self.command("node");
        command.arg(self.path(script));
        command
    }

    /// A program started at the root, so that it and whatever it starts use our copies of the tools and download none.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command
            .current_dir(&self.root)
            .env("PATH", self.search_path())
            // worker-build and `pkg/scripts/build.mjs` look here before they look anywhere else.
            .env("WASM_BINDGEN_BIN", self.path(".tools/bin/wasm-bindgen"))
            .env("WASM_OPT_BIN", self.path("node_modules/binaryen/bin/wasm-opt"))
            .env("ESBUILD_BIN", self.path("node_modules/esbuild/bin/esbuild"))
            .env("REVOCABLE_CLI", self.cli())
            .env("WRANGLER_SEND_METRICS", "false")
            // What the tools print is read, and repeated where there may be no terminal.
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .env_remove("FORCE_COLOR");
        command
    }

    /// Our tools first, then whatever the caller has.
    fn search_path(&self) -> OsString {
        let ours = [self.path(".tools/bin"), self.path("node_modules/.bin")];
        let inherited = env::var_os("PATH").unwrap_or_default();
        let all = ours.into_iter().chain(env::split_paths(&inherited));
        // Only a folder whose name holds a separator cannot be joined; then the inherited path has to do.
        env::join_paths(all).unwrap_or(inherited)
    }
}
