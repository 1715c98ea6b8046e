//! `revocable revocations add`: one revocation from arguments, or many from a file.

use std::path::PathBuf;

use revocable::publish::{Change, Revocation};
use revocable::{Cutoff, Entry, UnixTime};
use serde_json::Value;

use super::bulk;
use super::client::{Ask, Client, Connection, idempotency_key, shown};
use super::target::{self, Moment, Target};
use crate::input;
use crate::output::{self, Exit, Failure, Ui};

/// Record revocations: one from options, or many from a file
///
/// When this ends with 0, they are durable and published.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Revoke tokens issued before this: seconds since 1970, a time such as 2026-09-21T14:13:20Z, or `now`. The authority
    /// refuses the future
    #[arg(long, value_name = "TIME", conflicts_with = "minimum", requires = "rule", value_parser = target::moment)]
    before: Option<Moment>,
    /// Revoke tokens in which --claim is lower, missing or no integer
    #[arg(long, value_name = "N", requires = "claim", requires = "rule", allow_negative_numbers = true)]
    minimum: Option<i64>,
    /// When the last token it could match expires; without it, the entry stays until it is undone
    #[arg(long, value_name = "TIME", requires = "rule", value_parser = target::time)]
    expires: Option<UnixTime>,
    /// Why; with --input, for lines that give no `reason`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Revocations as NDJSON, the lines of `revocable build`, each with an optional `reason`; `-` is standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "rule")]
    input: Option<PathBuf>,
    /// With --input: record the good lines although others are wrong
    #[arg(long, conflicts_with = "rule")]
    partial: bool,
    /// Under which the authority knows this again: a second run with the same is answered as the first was, and records
    /// nothing. 1 to 100 visible ASCII characters [default: random, for this run]
    #[arg(long, value_name = "KEY", value_parser = key)]
    idempotency_key: Option<String>,
}

pub(super) fn run(args: &Args, connection: &Connection, ui: Ui) -> Result<Exit, Failure> {
    let key = match &args.idempotency_key {
        Some(key) => key.clone(),
        None => idempotency_key()?,
    };
    let Some(path) = &args.input else {
        let revocation = revocation(args)?;
        return record(&connection.open()?, &revocation, args.reason.as_deref(), &key, ui);
    };
    if !args.target.is_empty() {
        return Err(Failure::usage("with --input, lines say what is revoked"));
    }
    let files = [Some(path.as_path()), connection.key_path()];
    input::at_most_one_stdin(files.into_iter().flatten())?;
    let bulk = bulk::Bulk { path, partial: args.partial, reason: args.reason.as_deref(), key: &key };
    bulk.run(&connection.open()?, ui)
}

/// Sends one revocation, or its undoing, and says what became of it.
pub(super) fn record(
    client: &Client,
    revocation: &Revocation,
    reason: Option<&str>,
    key: &str,
    ui: Ui,
) -> Result<Exit, Failure> {
    let mut line = revocation.to_json();
    if let (Some(line), Some(reason)) = (line.as_object_mut(), reason) {
        line.insert("reason".to_owned(), reason.into());
    }
    let body = line.to_string();
    let body = Some(("application/json", body.as_bytes()));
    let ask = Ask { method: "POST", path: "admin/revocations", body, idempotency_key: Some(key) };
    say(&client.ask(&ask).map_err(|refusal| refusal.failure)?, ui)
}

/// Says what became of single changes.
pub(super) fn say(answer: &Value, ui: Ui) -> Result<Exit, Failure> {
    if ui.json {
        output::print_json(answer)?;
        return Ok(Exit::Ok);
    }
    let in_force = answer.get("seq").unwrap_or(&Value::Null);
    let outcomes = answer.get("outcomes").and_then(Value::as_array);
    for outcome in outcomes.into_iter().flatten() {
        let member = |name: &str| outcome.get(name).unwrap_or(&Value::Null);
        let result = shown(member("result").as_str().unwrap_or_default());
        output::print(&format!(
            "{result}  number {} of the ledger, in force with list number {in_force}{}",
            member("seq"),
            meaning(&result)
        ))?;
    }
    Ok(Exit::Ok)
}

/// What a result means, where its name does not say it.
fn meaning(result: &str) -> &'static str {
    match result {
        "unchanged" => ": it was recorded already",
        "absent" => ": there was nothing to undo",
        "over" => ": no token that it could match can pass any more",
        _ => "",
    }
}

fn revocation(args: &Args) -> Result<Revocation, Failure> {
    let (rule, issuer, values) = args.target.parts()?;
    let entry = match (args.before, args.minimum) {
        (Some(moment), _) => {
            let before = match moment {
                Moment::Now => input::now(None)?,
                Moment::At(instant) => instant,
            };
            let cutoff = Cutoff::from_millis(before.as_millis());
            Entry::Cutoff(cutoff.ok_or_else(|| Failure::usage("--before is no time"))?)
        }
        (None, Some(minimum)) => Entry::Minimum(minimum),
        (None, None) => Entry::Outright,
    };
    Ok(Revocation::new(rule, issuer, values, args.target.claim.clone(), Change::Add(entry), args.expires)?)
}

/// Leaves room for the number of a chunk.
fn key(text: &str) -> Result<String, &'static str> {
    let fits = (1..=MOST_KEY_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned()).ok_or("expected 1 to 100 visible ASCII characters")
}

const MOST_KEY_CHARS: usize = 100;

const AFTER_HELP: &str = "\
Examples:
  revocable revocations add --rule jti --issuer https://issuer.example --value t-1 --expires 1800000000
  revocable revocations add --rule sub,azp --issuer https://issuer.example --value alice --value app-1 --before now \\
      --reason \"app removed\"
  revocable revocations add --rule sub --issuer https://issuer.example --value alice --minimum 7 --claim pwd_ver
  revocable revocations add --input revoked.ndjson --partial

--before now is this machine's clock: an authority whose clock is behind refuses it as the future.

A file is read to its end before anything is sent, and with a wrong line nothing is, unless --partial is given. It is sent
10,000 lines at a time, and each part is recorded as a whole or not at all; what was recorded before a part that the authority
refuses stays. With --json, what came of it is one line: {\"seq\":…,\"recorded\":…,\"refused\":…,\"results\":{\"added\":…}}.

Exit codes:
  0   all of it is recorded
  1   the authority refuses it, or a line is wrong; with --partial, the good lines are recorded
  2   the authority cannot be asked now, and may have recorded it
  64  the command line is wrong";
