//! Prints the table of error codes as the README and the npm package have it; with `--write`, writes it into both.

#[path = "../tests/common/codes.rs"]
mod codes;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() != Some("--write") {
        print!("{}\n{}", codes::markdown(), codes::typescript());
        return ExitCode::SUCCESS;
    }
    match write(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the codes could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path) -> io::Result<()> {
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path)?;
    let inside = codes::between_marks(&readme)
        .ok_or_else(|| io::Error::other("README.md does not have the two marks of the table, once each"))?;
    let (old, new) = (
        format!("{}{inside}{}", codes::BEGIN, codes::END),
        format!("{}\n{}{}", codes::BEGIN, codes::markdown(), codes::END),
    );
    fs::write(path, readme.replace(&old, &new))?;
    fs::write(root.join("pkg/ts/codes.ts"), codes::typescript())
}
