//! What the machine around the project is: which programs it has, and who we are on it.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Where a program of this name is on the caller's search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether this process may install Debian packages: the owner of `/proc/self` is whoever runs it.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// A line for the caller to type, without `sudo` for root, who may not even have it.
pub(crate) fn line_to_type(line: &str) -> String {
    if is_root() { line.replace("sudo -E ", "").replace("sudo ", "") } else { line.to_owned() }
}
