//! `cargo xtask`: the only task runner. It installs the tools it needs into `.tools/`, builds, tests and shows the
//! whole of `revocable`; this file is its command line and nothing else.

mod bench;
mod build;
mod count;
mod debian;
mod demo;
mod fresh;
mod package;
mod progress;
mod size;
mod system;
mod test;
mod tools;
mod vectors;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::build::Target;
use crate::progress::Progress;
use crate::test::Suite;
use crate::workspace::Workspace;

/// Builds, tests and shows `revocable`. Tools that are missing go into the git-ignored folder `.tools/`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    /// Show what every tool prints, as it prints it.
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows the gate refusing and admitting tokens on workerd, as a table; fails if a row is not as expected.
    ///
    /// Starts a tiny origin, a demo issuer with an ES256 key and workerd with an embedded KV, all on loopback.
    Demo,
    /// Starts what `demo` starts and stays up until Ctrl-C.
    ///
    /// Prints one line of JSON on standard output when it is ready: the URLs `gate`, `issuer`, `origin` and
    /// `playground`. `POST <issuer>/token` with a JSON object of claims mints a token.
    Dev {
        /// The port that the gate listens on; any free one if left out.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Builds everything and runs nothing.
    Build {
        /// Build only these.
        targets: Vec<Target>,
    },
    /// Builds the npm package and writes its tarball to `target/npm/`.
    Package,
    /// Runs every check: format, lints, docs, types, native tests, browsers, workerd, the npm package, what people type.
    ///
    /// Goes on after a suite that fails. Its last line is `N passed, N failed`.
    Test {
        /// Run only this suite; may be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<Suite>,
    },
    /// Runs published test vectors through every engine, natively and in Node, workerd, Chromium and Firefox.
    ///
    /// Prints for each suite and engine how many cases passed, how many came out otherwise for a reason that
    /// `tests/vectors/suites/exceptions.json` states, how many failed, and how many the engine left to others because it
    /// does not know their algorithm. Fails if any case has.
    Vectors {
        /// Print JSON, with every failure.
        #[arg(long)]
        json: bool,
        /// Run only this suite, a file's name in `tests/vectors/suites` without `.json`.
        #[arg(long, value_name = "NAME")]
        suite: Option<String>,
    },
    /// Prints what the npm package's Wasm and the Worker's Wasm weigh, raw and with `gzip -9`.
    Size {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Also compile the engines' Wasm for each of the optimisation levels `s`, `z` and `3`, and weigh those.
        #[arg(long)]
        levels: bool,
    },
    /// Measures; the figures are printed, never asserted.
    Bench {
        #[command(subcommand)]
        bench: Bench,
    },
    /// Writes the table of error codes, from `src/error/table.rs`, into README.md and the npm package.
    Codes,
    /// Installs whatever is missing: the Rust target, tools, npm packages, browsers.
    Tools,
}

#[derive(Subcommand)]
enum Bench {
    /// What a request through the gate costs beside one to an empty Worker, in the same run on local workerd.
    Gate {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// What the list weighs and how quick it is, beside other structures and beside what people publish today: natively, on
    /// local workerd and in Chromium.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Also have the command-line tool build a list of 100,000,000 entries.
        #[arg(long)]
        huge: bool,
    },
    /// How long it takes from the answer to a revocation to the first refusal, by each way it is heard of, and what the ledger
    /// takes in: on local workerd, with other traffic.
    Propagation {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// How many tokens are revoked, one at a time.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        revocations: u32,
        /// How many entries the ledger is filled with, in tens of thousands a call; 0 leaves that part out.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
        entries: u32,
    },
    /// What verifying a token costs beside `jose`, in the same run, in Node and on local workerd.
    Verify {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    let progress = Progress::new(arguments.verbose);
    match arguments.task {
        Task::Demo => demo::demo(&workspace, &progress)?,
        Task::Dev { port } => demo::dev(&workspace, &progress, port)?,
        Task::Build { targets } => build::build(&workspace, &progress, &targets)?,
        Task::Package => package::package(&workspace, &progress)?,
        Task::Test { only } => return test::test(&workspace, &progress, &only),
        Task::Vectors { json, suite } => {
            return vectors::vectors(&workspace, &progress, json, suite.as_deref());
        }
        Task::Size { json, levels } => size::size(&workspace, &progress, json, levels)?,
        Task::Bench { bench: Bench::Gate { json } } => bench::gate(&workspace, &progress, json)?,
        Task::Bench { bench: Bench::List { json, huge } } => bench::list(&workspace, &progress, json, huge)?,
        Task::Bench { bench: Bench::Propagation { json, revocations, entries } } => {
            bench::propagation(&workspace, &progress, json, revocations, entries)?;
        }
        Task::Bench { bench: Bench::Verify { json } } => bench::verify(&workspace, &progress, json)?,
        Task::Codes => build::codes(&workspace, &progress)?,
        Task::Tools => tools::install_all(&workspace, &progress)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_has_no_contradiction() {
        super::Arguments::command().debug_assert();
    }
}
