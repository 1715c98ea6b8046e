//! Makes the npm tarball.

use std::fs;

use anyhow::{Context, Result};

use crate::build::{self, Target};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Builds the npm package and packs it; the tarball's path is the one line on standard output.
pub(crate) fn package(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build::build(workspace, progress, &[Target::Package])?;

    let folder = workspace.target("npm");
    if folder.exists() {
        // An older version's tarball would be taken for this one's.
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut npm = workspace.command("npm");
    npm.args(["pack", "./pkg", "--pack-destination"]).arg(&folder);
    progress.run("pack the npm package", &mut npm)?;

    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        println!("{}", entry?.path().display());
    }
    Ok(())
}
