//! `revocable revocations undo`: a revocation is taken back.

use revocable::Kind;
use revocable::publish::{Change, Revocation};

use super::add::{record, say};
use super::client::{Ask, Connection, idempotency_key, query};
use super::target::Target;
use crate::output::{Exit, Failure, Ui};

/// Take a revocation back, by its number in the ledger or by what it revokes
///
/// Tokens that nothing else revokes pass again.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The number in the ledger, as `add` and `list` show it
    #[arg(long, value_name = "N", required_unless_present = "rule", conflicts_with_all = ["rule", "kind"])]
    seq: Option<u64>,
    #[command(flatten)]
    target: Target,
    /// Which of the target's entries [default: outright, or with --claim, minimum]
    #[arg(long, value_enum, requires = "rule")]
    kind: Option<KindName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum KindName {
    Outright,
    Cutoff,
    Minimum,
}

impl KindName {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Outright => "outright",
            Self::Cutoff => "cutoff",
            Self::Minimum => "minimum",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Outright => Kind::Outright,
            Self::Cutoff => Kind::Cutoff,
            Self::Minimum => Kind::Minimum,
        }
    }
}

pub(super) fn run(args: &Args, connection: &Connection, ui: Ui) -> Result<Exit, Failure> {
    let key = idempotency_key()?;
    if let Some(seq) = args.seq {
        if !args.target.is_empty() {
            return Err(Failure::usage("--seq says what is undone"));
        }
        let path = format!("admin/revocations/{seq}{}", query(&[("reason", args.reason.as_deref())]));
        let ask = Ask { method: "DELETE", path: &path, body: None, idempotency_key: Some(&key) };
        let answer = connection.open()?.ask(&ask).map_err(|refusal| refusal.failure)?;
        return say(&answer, ui);
    }
    let (rule, issuer, values) = args.target.parts()?;
    let claim = args.target.claim.clone();
    let default = if claim.is_some() { KindName::Minimum } else { KindName::Outright };
    let change = Change::Undo(args.kind.unwrap_or(default).kind());
    let undoing = Revocation::new(rule, issuer, values, claim, change, None)?;
    record(&connection.open()?, &undoing, args.reason.as_deref(), &key, ui)
}

const AFTER_HELP: &str = "\
Examples:
  revocable revocations undo --seq 17
  revocable revocations undo --rule sub --issuer https://issuer.example --value alice --kind cutoff --reason \"by mistake\"

An entry that is not there cannot be undone: by its number that is an error (ERR_NOT_FOUND), and by its target the answer is
`absent`.

Exit codes:
  0   it is undone, or was not there
  1   the authority refuses it
  2   the authority cannot be asked now, and may have undone it
  64  the command line is wrong";
