//! `revocable import`: revocations as other programs keep them into the lines that `build` reads.
//!
//! Everything is read before anything is written, and kept meanwhile in a file of its own: a list of which only the first
//! half is there would be a list that lets tokens pass.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use revocable::UnixTime;
use revocable_cli::formats::Tally;
use revocable_cli::formats::import::{Target, keycloak, redis, table};
use serde::Serialize;

use crate::input;
use crate::output::{self, Exit, Failure, Place, Ui};
use crate::progress::Progress;
use crate::store::{self, Access, Staged, Writing};

/// Turn revocations kept elsewhere into the lines that `build` reads
///
/// Writes NDJSON. When a line of the input is wrong, nothing is written.
#[derive(clap::Args)]
#[command(arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(clap::Subcommand)]
enum From {
    /// Keys of Redis and their times to live
    ///
    /// A key on a line, white space, and what Redis answered of it.
    #[command(after_help = REDIS_HELP)]
    Redis {
        #[command(flatten)]
        ends: Ends,
        #[command(flatten)]
        target: TargetArgs,
        /// What every key begins with and is no part of the token's id
        #[arg(long, default_value = "")]
        prefix: String,
        /// The command whose answers stand beside the keys
        #[arg(long, value_name = "COMMAND", value_enum, default_value_t)]
        answers: Answers,
        /// When the dump had been made, or later, in seconds since 1970: earlier would prune revoked tokens that can still pass; the
        /// clock's as each line is read if left out
        #[arg(long, value_name = "UNIX", value_parser = input::instant)]
        now: Option<UnixTime>,
    },
    /// A table of token ids and expiries as CSV
    ///
    /// With a header line. Other columns may be there. An empty expiry leaves it out.
    #[command(after_help = CSV_HELP)]
    Csv {
        #[command(flatten)]
        ends: Ends,
        #[command(flatten)]
        target: TargetArgs,
        /// The column of the ids
        #[arg(long, value_name = "NAME", default_value = "jti")]
        id_column: String,
        /// The column of the expiries [default: the one named `expires`, `exp`, `expires_at`, `expiresAt`, `expiry` or
        /// `expiration`]
        #[arg(long, value_name = "NAME")]
        expires_column: Option<String>,
        /// There need be no column of expiries; entries then stay until they are taken back
        #[arg(long, conflicts_with = "expires_column")]
        without_expiry: bool,
        /// Numbers are milliseconds since 1970, not seconds
        #[arg(long)]
        millis: bool,
        /// Dates and times without an offset are UTC
        #[arg(long)]
        utc: bool,
    },
    /// The "not before" of Keycloak's realms, users and clients
    ///
    /// From an export of one realm or several, or one of the files of users beside a realm's.
    #[command(after_help = KEYCLOAK_HELP)]
    Keycloak {
        #[command(flatten)]
        ends: Ends,
        /// Keycloak's own URL: a realm's issuer is this, `/realms/` and its name
        #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
        base_url: Option<String>,
        /// The issuer, `iss` byte for byte, where there is but one realm
        #[arg(long, value_name = "ISSUER", conflicts_with = "base_url", required_unless_present = "base_url",
              value_parser = NonEmptyStringValueParser::new())]
        token_issuer: Option<String>,
    },
}

#[derive(clap::Args)]
struct Ends {
    /// What to read; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// Where to write the lines; standard output if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct TargetArgs {
    /// Who issued the tokens: `iss`, byte for byte
    #[arg(long, value_name = "ISSUER", value_parser = NonEmptyStringValueParser::new())]
    token_issuer: String,
    /// The claim whose values the ids are, such as `sid`
    #[arg(long, value_name = "NAME", default_value = "jti")]
    claim: String,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Answers {
    #[default]
    Ttl,
    Pttl,
    Expiretime,
    Pexpiretime,
}

#[derive(Serialize)]
struct Summary<'a> {
    out: &'a Path,
    revocations: u64,
    /// Keys that had gone before Redis was asked for them.
    skipped: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    match &args.from {
        From::Redis { ends, target, prefix, answers, now } => {
            let (target, begun) = (target.target(), input::now(*now)?);
            // A dump that is still being made is read as it comes: what Redis answers later counts from later.
            let made_by = || input::now(*now).map_or(begun, |clock| clock.max(begun));
            ends.turn(ui, |lines, take| {
                redis::read(BufReader::new(lines), &target, prefix, answers.answer(), made_by, take)
                    .map_err(|error| ends.reading(&error))
            })
        }
        From::Csv { ends, target, id_column, expires_column, without_expiry, millis, utc } => {
            let target = target.target();
            let columns = table::Columns {
                id: id_column.clone(),
                expires: expires_column.clone(),
                without_expiry: *without_expiry,
                millis: *millis,
                utc: *utc,
            };
            ends.turn(ui, |lines, take| {
                table::read(BufReader::new(lines), &target, &columns, take)
                    .map_err(|error| ends.reading(&error))
            })
        }
        From::Keycloak { ends, base_url, token_issuer } => {
            let issuer = match (base_url, token_issuer) {
                (Some(base), _) => keycloak::Issuer::Base(base.clone()),
                (None, only) => keycloak::Issuer::Only(only.clone().unwrap_or_default()),
            };
            ends.turn(ui, |lines, take| {
                keycloak::read(BufReader::new(lines), &issuer, take).map_err(|fault| ends.refused(fault))
            })
        }
    }
}

/// What takes the lines.
type Take<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

impl Ends {
    /// Reads everything, then writes.
    fn turn(
        &self,
        ui: Ui,
        read: impl FnOnce(Box<dyn Read>, Take<'_>) -> Result<Tally, Failure>,
    ) -> Result<Exit, Failure> {
        let progress = Progress::begin("reading", ui);
        let lines = input::open(&self.input).map_err(|error| self.reading(&error))?;
        let lines = Box::new(progress.watch(lines, input::size(&self.input)));
        let mut sink = self.sink()?;
        let mut failed = None;
        let mut take = |line: &str| {
            progress.advance();
            let written = sink.write_all(line.as_bytes()).and_then(|()| sink.write_all(b"\n"));
            // Reading stops, and says no more than that.
            written.map_err(|error| io::Error::from(failed.insert(error).kind()))
        };
        let tally = read(lines, &mut take);
        if let Some(error) = failed {
            return Err(self.writing(&error));
        }
        let tally = tally?;
        let (revocations, skipped) = (tally.read, tally.skipped);
        if let Some(failure) = Failure::of_lines(tally) {
            return Err(failure);
        }
        progress.stage("writing");
        let written = sink.finish().map_err(|error| self.writing(&error));
        drop(progress);
        written?;
        match &self.out {
            None => {}
            Some(out) if ui.json => output::print_json(&Summary { out, revocations, skipped })?,
            Some(out) => {
                let skipped = if skipped > 0 { format!("; {skipped} skipped") } else { String::new() };
                output::print(&format!("{revocations} revocations in {}{skipped}", out.display()))?;
            }
        }
        Ok(Exit::Ok)
    }

    fn sink(&self) -> Result<Sink, Failure> {
        let sink = match &self.out {
            Some(out) => Writing::begin(out, Access::Usual)
                .map(|file| Sink::File(Box::new(file), store::folder(out).to_owned())),
            None => tempfile::tempfile().map(|file| Sink::Stdout(BufWriter::new(file))),
        };
        sink.map_err(|error| self.writing(&error))
    }

    fn reading(&self, error: &io::Error) -> Failure {
        Failure::reading(self.input.display(), error)
    }

    fn writing(&self, error: &io::Error) -> Failure {
        match &self.out {
            Some(out) => Failure::writing(out.display(), error),
            None => Failure::writing("standard output", error),
        }
    }

    fn refused(&self, fault: keycloak::Fault) -> Failure {
        match fault {
            keycloak::Fault::Io(error) => self.reading(&error),
            keycloak::Fault::Document { message, place } => {
                let name = self.input.display();
                let place =
                    place.map(|(line, column)| Place { path: None, line: Some(line), column: Some(column) });
                let at = match &place {
                    Some(Place { line: Some(line), column: Some(column), .. }) => {
                        format!("{name}:{line}:{column}")
                    }
                    _ => name.to_string(),
                };
                let message = format!("{at}: {message}; nothing was written");
                let failure = Failure::new(revocable::Code::RevocationInvalid.as_str(), message);
                Failure { place: place.map(Box::new), ..failure }
            }
        }
    }
}

impl TargetArgs {
    fn target(&self) -> Target {
        Target { issuer: self.token_issuer.clone(), claim: self.claim.clone() }
    }
}

impl Answers {
    fn answer(self) -> redis::Answer {
        match self {
            Self::Ttl => redis::Answer::Ttl,
            Self::Pttl => redis::Answer::Pttl,
            Self::Expiretime => redis::Answer::ExpireTime,
            Self::Pexpiretime => redis::Answer::PexpireTime,
        }
    }
}

/// Where lines wait until all have been read.
enum Sink {
    Stdout(BufWriter<File>),
    File(Box<Writing>, PathBuf),
}

impl Sink {
    fn finish(self) -> io::Result<()> {
        match self {
            Self::File(file, folder) => {
                file.finish().and_then(Staged::replace)?;
                store::flush_folder(&folder)
            }
            Self::Stdout(file) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                let mut stdout = io::stdout().lock();
                io::copy(&mut file, &mut stdout)?;
                stdout.flush()
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(file) => file.write(bytes),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const AFTER_HELP: &str = "\
Examples:
  revocable import redis --input dump.txt --prefix revoked: --token-issuer https://issuer.example --out revoked.ndjson
  revocable import csv --input revoked.csv --token-issuer https://issuer.example --out revoked.ndjson
  revocable import keycloak --input shop-realm.json --base-url https://login.example > revoked.ndjson
  revocable build --input revoked.ndjson --key list.jwk --issuer https://authority.example --out snapshot

`revocable import redis --help` and so on tell how to make the dumps. Lines of several imports may be put one after the
other. With --json and --out, the summary is {\"out\":\"…\",\"revocations\":N,\"skipped\":N}.

Exit codes:
  0   done
  1   failed, and nothing was written
  64  the command line is wrong";

const REDIS_HELP: &str = "\
How to make the dump, where the keys are `revoked:` and a token's id:
  redis-cli --scan --pattern 'revoked:*' > keys
  sed 's/[\\\"]/\\\\&/g; s/.*/TTL \"&\"/' keys | redis-cli > ttls
  paste keys ttls > dump.txt

Lines of it:
  revoked:4f9e0c7a 3599
      revoked for as long as Redis would have kept the key
  revoked:81d2b6f0 -1
      for ever: the key does not expire
  revoked:c07a11de -2
      skipped: the key had gone before Redis was asked

Examples:
  revocable import redis --input dump.txt --prefix revoked: --token-issuer https://issuer.example --out revoked.ndjson
  paste keys ttls | revocable import redis --input - --token-issuer https://issuer.example --claim sid > revoked.ndjson

Exit codes:
  0   done
  1   failed, and nothing was written
  64  the command line is wrong";

const CSV_HELP: &str = "\
How to make the file, for instance:
  psql -c \"\\copy (select jti, expires_at from revoked_tokens) to 'revoked.csv' csv header\"
  sqlite3 -csv -header app.db 'select jti, expires_at from revoked_tokens' > revoked.csv

Expiries are numbers, or dates and times as RFC 3339 or PostgreSQL writes them (2026-09-21 14:13:20+00).

Examples:
  revocable import csv --input revoked.csv --token-issuer https://issuer.example --out revoked.ndjson
  revocable import csv --input - --token-issuer https://issuer.example --id-column token_id --expires-column until \\
      --utc < revoked.csv > revoked.ndjson

Exit codes:
  0   done
  1   failed, and nothing was written
  64  the command line is wrong";

const KEYCLOAK_HELP: &str = "\
How to make the export, with users (the console's partial export has none):
  bin/kc.sh export --file shop.json --realm shop --users realm_file
  bin/kc.sh export --dir export --realm shop
      the realm in export/shop-realm.json, and users in export/shop-users-0.json and so on: import each

What becomes of it, each a cutoff at its `notBefore`; 0 is none:
  the realm     everything it has issued
  a user        the rule [\"sub\"], the user's id
  a client      the rule [\"azp\"], the client's id

Examples:
  revocable import keycloak --input shop.json --base-url https://login.example --out revoked.ndjson
  revocable import keycloak --input shop.json --token-issuer https://login.example/auth/realms/shop > revoked.ndjson

Exit codes:
  0   done
  1   failed, and nothing was written
  64  the command line is wrong";
