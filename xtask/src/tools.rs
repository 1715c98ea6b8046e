//! Installs what is missing: the Rust target, tools from crates.io into `.tools/`, npm packages, browsers.
//!
//! Every version is exact. What is there in the right version is used as it is, so a second run costs milliseconds.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::debian;
use crate::progress::{Outcome, Progress};
use crate::system::line_to_type;
use crate::workspace::Workspace;

/// Something that a task needs and a fresh machine lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The standard library for `wasm32-unknown-unknown`.
    WasmTarget,
    /// wasm-bindgen's command line, in the version of the library in `Cargo.lock`.
    WasmBindgen,
    /// Makes a Worker out of a Rust library.
    WorkerBuild,
    /// Runs a library's tests in browsers.
    WasmPack,
    /// Drives Firefox.
    Geckodriver,
    /// Everything in `package-lock.json`: Miniflare, wrangler, esbuild, wasm-opt, TypeScript, jose, Playwright.
    NpmPackages,
    /// Chromium, its driver, and Firefox.
    Browsers,
}

/// What a Wasm without an operating system is called.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// What building the Worker needs.
pub(crate) const FOR_WORKER: &[Tool] =
    &[Tool::WasmTarget, Tool::NpmPackages, Tool::WasmBindgen, Tool::WorkerBuild];
/// What building the npm package needs.
pub(crate) const FOR_PACKAGE: &[Tool] = &[Tool::WasmTarget, Tool::NpmPackages, Tool::WasmBindgen];
/// What running the tests in browsers needs.
pub(crate) const FOR_BROWSERS: &[Tool] =
    &[Tool::Browsers, Tool::WasmTarget, Tool::WasmBindgen, Tool::WasmPack, Tool::Geckodriver];

/// Installs everything that any task needs.
pub(crate) fn install_all(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let all: Vec<Tool> = FOR_BROWSERS.iter().chain(FOR_WORKER).copied().collect();
    install(workspace, progress, &all)?;
    progress.say("all tools are in place");
    Ok(())
}

/// Installs those of the tools that are missing.
pub(crate) fn install(workspace: &Workspace, progress: &Progress, tools: &[Tool]) -> Result<()> {
    let wants = |tool| tools.contains(&tool);
    let crates = missing_crates(workspace, tools)?;
    // First whatever may stop and ask for something, so that nobody waits for minutes to be told then.
    install_debian_packages(workspace, progress, wants(Tool::Browsers), !crates.is_empty())?;
    if wants(Tool::NpmPackages) {
        install_npm_packages(workspace, progress)?;
    }
    if wants(Tool::WasmTarget) {
        install_wasm_target(workspace, progress)?;
    }
    install_crates(workspace, progress, &crates)
}

fn install_debian_packages(
    workspace: &Workspace,
    progress: &Progress,
    needs_browsers: bool,
    compiles: bool,
) -> Result<()> {
    let browsers = if needs_browsers { debian::missing_browsers() } else { Vec::new() };
    let to_compile = if compiles { debian::missing_to_compile(workspace) } else { &[] };
    let otherwise = if browsers.is_empty() { "" } else { WITHOUT_BROWSERS };
    let packages: Vec<&str> = to_compile.iter().copied().chain(browsers).collect();
    debian::install(workspace, progress, &packages, otherwise)
}

/// The tools from crates.io that are wanted and not in `.tools/`, each with the version to install.
fn missing_crates(workspace: &Workspace, tools: &[Tool]) -> Result<Vec<(&'static str, String)>> {
    let wants = |tool| tools.contains(&tool);
    let mut crates = Vec::new();
    if wants(Tool::WasmBindgen) {
        crates.push(("wasm-bindgen-cli", locked_version(workspace, "wasm-bindgen")?));
    }
    if wants(Tool::WorkerBuild) {
        crates.push(("worker-build", WORKER_BUILD.into()));
    }
    if wants(Tool::WasmPack) {
        crates.push(("wasm-pack", WASM_PACK.into()));
    }
    if wants(Tool::Geckodriver) {
        crates.push(("geckodriver", GECKODRIVER.into()));
    }
    let record = fs::read_to_string(workspace.path(".tools/.crates.toml")).unwrap_or_default();
    crates.retain(|(name, version)| !is_installed(&record, name, version));
    Ok(crates)
}

fn install_wasm_target(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut rustc = workspace.command("rustc");
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]).stderr(Stdio::inherit());
    let libdir = rustc.output().context("cannot start rustc")?.stdout;
    if fs::exists(String::from_utf8_lossy(&libdir).trim()).unwrap_or(false) {
        return Ok(());
    }
    let mut rustup = workspace.command("rustup");
    rustup.args(["target", "add", WASM_TARGET]);
    progress.run("add the Rust target wasm32-unknown-unknown", &mut rustup)?;
    Ok(())
}

fn install_crates(workspace: &Workspace, progress: &Progress, crates: &[(&str, String)]) -> Result<()> {
    for (name, version) in crates {
        let title = format!("install {name} {version} into .tools/ (some minutes, once)");
        let outcome = progress.attempt(&title, &mut cargo_install(workspace, name, version, true))?;
        if outcome.status.success() {
            continue;
        }
        if !lock_is_unavailable(&outcome) {
            progress.show_failure(&title, &outcome);
            bail!("{name} {version} could not be installed");
        }
        // Yanked since. The tool's own version stays exact all the same.
        progress.say(&format!(
            "note {name}'s own Cargo.lock names a version that the registry does not have; trying without it"
        ));
        let title = format!("install {name} {version} with the dependencies that the registry has");
        progress.run(&title, &mut cargo_install(workspace, name, version, false))?;
    }
    let build = workspace.path(TOOLS_TARGET);
    if build.exists() {
        fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    }
    Ok(())
}

fn cargo_install(workspace: &Workspace, name: &str, version: &str, locked: bool) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["install", name, "--version", version, "--root"]).arg(workspace.path(".tools"));
    // One folder for all of them, since they share many dependencies.
    cargo.env("CARGO_TARGET_DIR", workspace.path(TOOLS_TARGET));
    if locked {
        cargo.arg("--locked");
    }
    cargo
}

/// Whether Cargo's own record of a tool folder lists a crate in exactly this version.
fn is_installed(record: &str, name: &str, version: &str) -> bool {
    let entry = format!("\"{name} {version} (");
    record.lines().any(|line| line.starts_with(&entry))
}

fn lock_is_unavailable(outcome: &Outcome) -> bool {
    outcome.output.contains("failed to select a version for the requirement")
}

/// The version of a package in `Cargo.lock`.
fn locked_version(workspace: &Workspace, package: &str) -> Result<String> {
    let path = workspace.path("Cargo.lock");
    let lock = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    version_in_lock(&lock, package).with_context(|| format!("{package} is not in Cargo.lock"))
}

fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    let (version, _) = entry.split_once('"')?;
    Some(version.to_owned())
}

fn install_npm_packages(workspace: &Workspace, progress: &Progress) -> Result<()> {
    require_node(workspace)?;
    let wanted = fs::read(workspace.path("package-lock.json")).context("cannot read package-lock.json")?;
    // npm's own record of what it has put into the folder.
    let record = fs::read(workspace.path("node_modules/.package-lock.json")).unwrap_or_default();
    if holds_all(&wanted, &record).unwrap_or(false) {
        return Ok(());
    }
    let mut npm = workspace.command("npm");
    // No package here needs its install script: what it would fetch is in an optional dependency.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    progress.run("install the npm packages of package-lock.json", &mut npm)?;
    Ok(())
}

/// Whether every package of one `package-lock.json` is in another in the same version. Optional ones may be missing:
/// most of them are for other platforms. `None` if either cannot be read.
fn holds_all(wanted: &[u8], record: &[u8]) -> Option<bool> {
    let wanted: Value = serde_json::from_slice(wanted).ok()?;
    let record: Value = serde_json::from_slice(record).ok()?;
    let installed = record.get("packages")?;
    Some(wanted.get("packages")?.as_object()?.iter().all(|(path, package)| {
        let is_optional = package.get("optional").is_some_and(|optional| optional == true);
        match installed.get(path) {
            Some(found) => found.get("version") == package.get("version"),
            // The entry without a path is the project itself, which is not installed.
            None => path.is_empty() || is_optional,
        }
    }))
}

fn require_node(workspace: &Workspace) -> Result<()> {
    let version = |program: &str| -> Option<String> {
        let output = workspace.command(program).arg("--version").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let node = version("node").and_then(|node| major_and_minor(&node));
    if node.is_some_and(|node| node >= NODE) && version("npm").is_some() {
        return Ok(());
    }
    let (major, minor) = NODE;
    let line = line_to_type(NODE_LINE);
    bail!(
        "Node {major}.{minor} or newer with npm is needed. On Debian, type this and try again:\n\n    {line}\n"
    )
}

/// 20 and 11 from `v20.11.1`.
fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

const WORKER_BUILD: &str = "0.8.7";
const WASM_PACK: &str = "0.15.1";
const GECKODRIVER: &str = "0.37.1";
/// Where the tools are built; removed afterwards.
const TOOLS_TARGET: &str = ".tools/target";
/// The first whose `node --test` knows `--test-timeout`; also in `package.json`.
const NODE: (u32, u32) = (20, 18);
const NODE_LINE: &str = "sudo apt-get update && sudo apt-get install -y curl && \
    curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs";
const WITHOUT_BROWSERS: &str = "
The suites that need no browser run without: `cargo xtask test --only native --only worker`, for example.
";

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str =
        "[v1]\n\"wasm-pack 0.15.1 (registry+https://example.com/index)\" = [\"wasm-pack\"]\n";

    #[test]
    fn a_tool_in_the_exact_version_is_installed() {
        assert!(is_installed(RECORD, "wasm-pack", "0.15.1"));
    }

    #[test]
    fn a_tool_in_another_version_or_with_a_longer_name_is_not() {
        assert!(!is_installed(RECORD, "wasm-pack", "0.15.10"));
        assert!(!is_installed(RECORD, "wasm-pack", "0.15"));
        assert!(!is_installed(RECORD, "wasm", "0.15.1"));
    }

    #[test]
    fn the_version_in_the_lock_is_that_of_the_package_with_exactly_this_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"9.9.9\"\n\n\
            [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in_lock(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in_lock(lock, "absent"), None);
    }

    #[test]
    fn the_major_and_minor_version_of_node_are_read_and_compared_in_this_order() {
        assert_eq!(major_and_minor("v20.11.1"), Some((20, 11)));
        for (version, is_enough) in [
            ("v20.18.0", true),
            ("v20.10.9", false),
            ("v20.9.0", false),
            ("v18.20.0", false),
            ("v22.0.0", true),
        ] {
            assert_eq!(major_and_minor(version).is_some_and(|node| node >= NODE), is_enough, "{version}");
        }
        for wrong in ["20.11.1", "v20", "v20.x", ""] {
            assert_eq!(major_and_minor(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn package_json_asks_for_the_same_node() {
        let (major, minor) = NODE;
        let wanted = format!(">={major}.{minor}.0");
        let package: Value = serde_json::from_str(include_str!("../../package.json")).unwrap();
        assert_eq!(package.pointer("/engines/node").and_then(Value::as_str), Some(wanted.as_str()));
    }

    #[test]
    fn packages_are_installed_if_all_but_optional_ones_are_there_in_the_same_version() {
        let wanted = br#"{ "packages": {
            "": { "name": "root" },
            "node_modules/a": { "version": "1.0.0" },
            "node_modules/b": { "version": "1.0.0", "optional": true }
        } }"#;
        let with_a = |version: &str| {
            format!(r#"{{ "packages": {{ "node_modules/a": {{ "version": "{version}" }} }} }}"#)
        };
        assert_eq!(holds_all(wanted, with_a("1.0.0").as_bytes()), Some(true));
        assert_eq!(holds_all(wanted, with_a("1.0.1").as_bytes()), Some(false));
        assert_eq!(holds_all(wanted, br#"{ "packages": {} }"#), Some(false));
        assert_eq!(holds_all(wanted, b""), None);
    }
}
