//! Prints what is generated from the code, tables of the README and codes of the npm package; with `--write`, writes it
//! there.

#[path = "../tests/common/generated.rs"]
mod generated;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() != Some("--write") {
        for table in generated::TABLES {
            println!("{}", (table.markdown)());
        }
        print!("{}", generated::typescript());
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
    let mut readme = fs::read_to_string(&path)?;
    for table in generated::TABLES {
        let without =
            || io::Error::other(format!("README.md lacks the two marks of `{}`, once each", table.name));
        readme = table.written_into(&readme).ok_or_else(without)?;
    }
    fs::write(path, readme)?;
    fs::write(root.join("pkg/ts/codes.ts"), generated::typescript())
}
