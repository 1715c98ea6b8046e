//! `revocable`: make a list key; import revocations; build, merge, inspect, compare and publish snapshots; check a token against
//! one, or a gate's configuration; tell a running authority what is revoked.

mod bench;
mod build;
mod check;
mod config;
mod diff;
mod folder;
mod import;
mod input;
mod inspect;
mod keygen;
mod merge;
mod outgoing;
mod output;
mod progress;
mod publish;
mod revocations;
mod sizes;
mod spool;
mod store;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use output::{Exit, Failure, Ui};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_run(&error).into(),
    };
    let ui = Ui { json: cli.json, quiet: cli.quiet };
    let ended = match &cli.command {
        Command::Keygen(args) => keygen::run(args, ui),
        Command::Import(args) => import::run(args, ui),
        Command::Build(args) => build::run(args, ui),
        Command::Merge(args) => merge::run(args, ui),
        Command::Inspect(args) => inspect::run(args, ui),
        Command::Diff(args) => diff::run(args, ui),
        Command::Publish(args) => publish::run(args, ui),
        Command::Bench(args) => bench::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Config(args) => config::run(args, ui),
        Command::Revocations(args) => revocations::run(args, ui),
    };
    let exit = ended.unwrap_or_else(|failure| {
        output::report(&failure, ui.json);
        failure.exit
    });
    exit.into()
}

/// JWTs that can be taken back: make a list key, import revocations, build, merge, inspect, compare and publish signed
/// snapshots of them, check a token against one, or a gate's configuration, and tell a running authority what is revoked.
#[derive(Parser)]
#[command(name = "revocable", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Write the summary and errors as JSON
    #[arg(long, global = true, display_order = 100)]
    json: bool,
    /// Show no progress on a terminal
    #[arg(long, short, global = true, display_order = 101)]
    quiet: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    Keygen(keygen::Args),
    Import(import::Args),
    Build(build::Args),
    Merge(merge::Args),
    Inspect(inspect::Args),
    Diff(diff::Args),
    Publish(publish::Args),
    Bench(bench::Args),
    Check(check::Args),
    Config(config::Args),
    Revocations(revocations::Args),
}

/// Help and version were asked for; everything else that clap objects to is a usage error.
fn not_run(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
        return Exit::Ok;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        output::report(&Failure::usage(first.strip_prefix("error: ").unwrap_or(first)), true);
    } else {
        output::report_usage(&error.to_string());
    }
    Exit::Usage
}

/// At the end of the program's own help; each command's says which of these it ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0   done; `check`: allow
  1   failed, and nothing was changed; `check`: deny, the token is at fault; `config check`: the gate refuses it
  2   `check`: unavailable, the keys or the revocation data are at fault; `revocations`: the authority cannot be asked now
  64  the command line is wrong

Errors go to standard error with their code, such as `error[ERR_REVOCATION_INVALID]: …`.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
