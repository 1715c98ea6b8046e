//! Finds the browsers that the tests run in, and asks Debian for them when they are missing.

use anyhow::{Result, bail};

use crate::progress::Progress;
use crate::system::{is_root, line_to_type, on_path};
use crate::workspace::Workspace;

/// Sees to it that Chromium, its driver and Firefox are there.
///
/// They belong to the system, so only root gets them installed; anyone else is told what to type.
pub(crate) fn install(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let missing: Vec<&str> = BROWSERS
        .iter()
        .filter(|(_, programs)| !programs.iter().any(|program| on_path(program).is_some()))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_root() || on_path("apt-get").is_none() {
        let line = line_to_type(&format!("sudo apt-get update && sudo apt-get install -y {packages}"));
        bail!(
            "the tests need browsers that are not installed. On Debian, type this and try again:\n\n    {line}\n"
        );
    }
    let apt = |arguments: &[&str]| {
        let mut command = workspace.command("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    progress.run("refresh Debian's list of packages", &mut apt(&["update"]))?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    progress.run(&format!("install {packages} with apt-get"), install.args(&missing))?;
    Ok(())
}

/// A Debian package, and the programs of which one has to be there for it to count as installed.
const BROWSERS: &[(&str, &[&str])] = &[
    ("chromium", &["chromium", "chromium-browser", "google-chrome"]),
    ("chromium-driver", &["chromedriver"]),
    ("firefox-esr", &["firefox-esr", "firefox"]),
];
