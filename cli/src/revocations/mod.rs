//! `revocable revocations`: an authority is told what is revoked, and tells what is.

mod add;
mod bulk;
mod client;
mod feed;
mod head;
mod list;
mod tail;
mod target;
mod undo;

use crate::output::{Exit, Failure, Ui};

/// Add, list, undo and follow revocations of a running authority
#[derive(clap::Args)]
#[command(arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: client::Connection,
}

#[derive(clap::Subcommand)]
enum Command {
    Add(Box<add::Args>),
    List(list::Args),
    Undo(undo::Args),
    Tail(tail::Args),
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let connection = &args.connection;
    match &args.command {
        Command::Add(args) => add::run(args, connection, ui),
        Command::List(args) => list::run(args, connection, ui),
        Command::Undo(args) => undo::run(args, connection, ui),
        Command::Tail(args) => tail::run(args, connection, ui),
    }
}

const AFTER_HELP: &str = "\
Examples:
  revocable revocations add --rule sub --issuer https://issuer.example --value alice --before now \\
      --url https://gate.example --key-file ops.key
  revocable revocations list --rule sub --url https://gate.example --key-file read.key
  revocable revocations undo --seq 17 --url https://gate.example --key-file ops.key
  revocable revocations tail --url https://gate.example --key-file read.key

The key is read from --key-file or from REVOCABLE_KEY, and is never an argument, which other users of the machine could see.
What is answered with 429 or 503, or not at all, is asked again after the time that the authority names, or a while that
doubles; nothing is recorded twice.

Exit codes:
  0   done
  1   the authority refuses it, and recorded nothing of it
  2   the authority cannot be asked now, and may have recorded it
  64  the command line is wrong";
