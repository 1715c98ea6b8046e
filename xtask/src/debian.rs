//! What the machine has to bring along, and which Debian packages bring it: browsers for the tests, a C compiler and
//! OpenSSL for the tools from crates.io.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::progress::Progress;
use crate::system::{is_root, line_to_type, on_path};
use crate::workspace::Workspace;

/// The packages of the browsers that are not there.
pub(crate) fn missing_browsers() -> Vec<&'static str> {
    let is_missing = |(_, programs): &&(&str, &[&str])| !programs.iter().any(|name| on_path(name).is_some());
    BROWSERS.iter().filter(is_missing).map(|(package, _)| *package).collect()
}

/// What compiling the tools needs, if any of it is not there.
pub(crate) fn missing_to_compile(workspace: &Workspace) -> &'static [&'static str] {
    // As the crate openssl-sys looks for it: a folder that was named, or else whatever pkg-config knows.
    let finds_openssl = || {
        let mut pkg_config = workspace.command("pkg-config");
        pkg_config.args(["--exists", "openssl"]).stdout(Stdio::null()).stderr(Stdio::null());
        env::var_os("OPENSSL_DIR").is_some() || pkg_config.status().is_ok_and(|status| status.success())
    };
    if on_path("cc").is_some() && finds_openssl() { &[] } else { TO_COMPILE }
}

/// Where the Chromium is that the tests drive.
pub(crate) fn chromium() -> Option<PathBuf> {
    CHROMIUM.iter().find_map(|name| on_path(name))
}

/// Installs packages, if there are any to install.
///
/// They belong to the system, so only root gets them installed; anyone else is told what to type, and `otherwise` what
/// can be done without.
pub(crate) fn install(
    workspace: &Workspace,
    progress: &Progress,
    packages: &[&str],
    otherwise: &str,
) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !is_root() || on_path("apt-get").is_none() {
        bail!("{}{otherwise}", advice(&names));
    }
    let apt = |arguments: &[&str]| {
        let mut command = workspace.command("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    progress.run("refresh Debian's list of packages", &mut apt(&["update"]))?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    progress.run(&format!("install {names} with apt-get"), install.args(packages))?;
    Ok(())
}

fn advice(names: &str) -> String {
    let line = line_to_type(&format!("sudo apt-get update && sudo apt-get install -y {names}"));
    format!("this machine lacks what the task needs. On Debian, type this and try again:\n\n    {line}\n")
}

/// A Debian package, and the programs of which one has to be there for it to count as installed.
const BROWSERS: &[(&str, &[&str])] = &[
    ("chromium", CHROMIUM),
    ("chromium-driver", &["chromedriver"]),
    ("firefox-esr", &["firefox-esr", "firefox"]),
];
/// What Chromium is called here and there.
const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
/// worker-build links OpenSSL.
const TO_COMPILE: &[&str] = &["build-essential", "pkg-config", "libssl-dev"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_one_line_to_type_with_every_package() {
        let advice = advice(&TO_COMPILE.join(" "));
        let line = advice.lines().find(|line| line.contains("apt-get")).unwrap();
        assert!(line.ends_with("apt-get install -y build-essential pkg-config libssl-dev"), "{line}");
        assert!(line.trim_start().starts_with(if is_root() {
            "apt-get update && "
        } else {
            "sudo apt-get update && sudo "
        }));
    }
}
