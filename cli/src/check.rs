//! `revocable check`: one token's whole way, with keys and a snapshot from files.
//!
//! The decision is the library's. What could not be read is simply not handed to its verifier, which then denies what
//! it can judge without, and calls the rest unavailable; the precise fault is put in its place here.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use revocable::limits::{MAX_CLOCK_TOLERANCE_SECONDS, MAX_JWKS_BYTES, MAX_MANIFEST_BYTES, MAX_TOKEN_BYTES};
use revocable::{
    Decision, Error, Expectations, Issuer, Jwks, KeyCache, Kind, Lack, List, Object, Offer, Refused,
    Revocations, Rule, Secrets, SegmentName, Status, UnixTime, Verifier, engine,
};
use serde::Serialize;

use crate::input;
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;

/// Check a token against an issuer's keys and a snapshot
///
/// Prints the verdict as one line of JSON and ends with 0 (allow), 1 (deny) or 2 (unavailable).
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The token; `-` reads it from standard input, where other users of the machine cannot see it
    #[arg(long, value_name = "TOKEN|-")]
    token: String,
    /// The token issuer's keys, as a JWKS or a single JWK
    #[arg(long, value_name = "FILE|-")]
    jwks: PathBuf,
    /// The token issuer: `iss`, byte for byte
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    issuer: String,
    /// What `aud` must be or hold; repeatable, one is enough. Not looked at if left out
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// The folder of the snapshot: manifest.jwt and segments/
    #[arg(long, value_name = "DIR")]
    snapshot: PathBuf,
    /// Whose lists are believed about --issuer, and their public keys; repeatable, one of them has to have signed the
    /// snapshot. Split at the last `=`: the name may hold one, the path may not
    #[arg(long, value_name = "AUTHORITY=FILE", required = true, value_parser = list)]
    lists: Vec<ListArg>,
    /// Check as of this time, in seconds since 1970; the clock's if left out
    #[arg(long, value_name = "UNIX", value_parser = input::instant)]
    now: Option<UnixTime>,
    /// How far clocks may differ, for `exp`, `nbf` and `iat`; never applies to a cutoff
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(..=MAX_CLOCK_TOLERANCE_SECONDS))]
    clock_tolerance: u64,
}

#[derive(Clone)]
struct ListArg {
    authority: String,
    keys: PathBuf,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict<'a> {
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a Object>,
    seq: Option<u64>,
    age_seconds: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let token = Path::new(&args.token);
    let files = [token, &args.jwks].into_iter().chain(args.lists.iter().map(|list| list.keys.as_path()));
    input::at_most_one_stdin(files)?;
    for (index, list) in args.lists.iter().enumerate() {
        if args.lists.iter().take(index).any(|earlier| earlier.authority == list.authority) {
            return Err(Failure::usage(format!("--lists names {} twice", list.authority)));
        }
    }
    let asked = input::now(args.now).and_then(|now| Ok((now, read_token(&args.token)?)));
    let ended = match asked {
        Ok((now, token)) => decide(args, &token, now, ui),
        Err(failure) => unavailable(failure, &Verdict::default()),
    };
    // A deny is a verdict and never a failure, also where the verdict cannot be written.
    ended.map_err(|failure| Failure { exit: Exit::Unavailable, ..failure })
}

fn decide(args: &Args, token: &str, now: UnixTime, ui: Ui) -> Result<Exit, Failure> {
    let progress = Progress::begin("reading keys and snapshot", ui);
    let (keys, keys_fault) = match jwks(&args.jwks, Secrets::Allow) {
        Ok(jwks) => (KeyCache::fixed(jwks), None),
        // Keys that have not come yet.
        Err(failure) => {
            (KeyCache::remote(args.jwks.display().to_string(), Vec::new(), engine::DEFAULT), Some(failure))
        }
    };
    let (revocations, mut snapshot_fault) = match snapshot(args, now, &progress) {
        Ok(revocations) => (revocations, None),
        Err(failure) => (Revocations::new(Vec::new()), Some(failure)),
    };
    let mut expectations = Expectations::new(&args.issuer).clock_tolerance(args.clock_tolerance);
    if !args.audience.is_empty() {
        expectations = expectations.audience(&args.audience);
    }
    let mut verifier = Verifier::new(vec![Issuer::new(expectations, keys)], revocations);
    let mut decision = verifier.verify(token, now);
    // What a large or a coarse snapshot keeps on disk until a token asks for it.
    let mut last = None;
    for _ in 0..MOST_READS {
        let Some((name, bytes)) = decision.lacking().iter().find_map(wanted) else { break };
        if last.replace(name) == Some(name) {
            break;
        }
        let read = read_segment(&args.snapshot, name, bytes);
        let supplied = read.and_then(|bytes| {
            let lists = verifier.revocations_mut().ok_or(Error::SourceUnavailable)?;
            Ok(lists.supply(name, name, bytes)?)
        });
        if let Err(failure) = supplied {
            snapshot_fault = Some(failure);
            break;
        }
        decision = verifier.verify(token, now);
    }
    drop(progress);

    let info = decision.snapshot();
    let current = Verdict {
        seq: info.map(|info| info.seq),
        age_seconds: info.map(|info| info.age_millis / 1000),
        ..Verdict::default()
    };
    match &decision {
        Decision::Allow(allowed) => {
            output::print_json(&Verdict {
                decision: "allow",
                status: allowed.status.as_ref().map(status),
                claims: Some(allowed.claims.payload()),
                ..current
            })?;
            Ok(Exit::Ok)
        }
        Decision::Deny(Refused { error, .. }) => {
            let revoked = match error {
                Error::Revoked { rule, kind } => Some((rule, kind)),
                _ => None,
            };
            output::print_json(&Verdict {
                decision: "deny",
                code: Some(error.code().as_str()),
                reason: Some(error.to_string()),
                status: revoked.map(|_| "revoked"),
                rule: revoked.map(|(rule, _)| members(rule)),
                kind: revoked.map(|(_, kind)| Kind::name(*kind)),
                ..current
            })?;
            Ok(Exit::Failed)
        }
        Decision::Unavailable(Refused { error, .. }) => {
            let fault = match error {
                Error::JwksUnavailable => keys_fault,
                // Where there is a fault there is no snapshot, whatever the lists say of its absence.
                Error::RevocationUnavailable(_) => snapshot_fault,
                _ => None,
            };
            let asked = matches!(error, Error::RevocationUnavailable(_)).then_some("unknown");
            unavailable(fault.unwrap_or_else(|| error.clone().into()), &Verdict { status: asked, ..current })
        }
    }
}

/// The verdict where our own data is at fault; whoever mends it reads standard error.
fn unavailable(failure: Failure, known: &Verdict<'_>) -> Result<Exit, Failure> {
    output::print_json(&Verdict {
        decision: "unavailable",
        code: Some(failure.code),
        reason: Some(failure.message.clone()),
        status: known.status,
        seq: known.seq,
        age_seconds: known.age_seconds,
        ..Verdict::default()
    })?;
    Err(failure)
}

/// The token, without the end of its line. One that is too long or no text stays so, and is denied for it.
fn read_token(argument: &str) -> Result<String, Failure> {
    let path = Path::new(argument);
    if !input::is_stdin(path) {
        return Ok(argument.to_owned());
    }
    let bytes = input::read(path, MAX_TOKEN_BYTES.saturating_add("\r\n".len()))
        .map_err(|error| Failure::reading("standard input", &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// A file that is not there has the code of keys that are not there.
fn jwks(path: &Path, secrets: Secrets) -> Result<Jwks, Failure> {
    let document = input::read(path, MAX_JWKS_BYTES)
        .map_err(|error| unreadable(path, Error::JwksUnavailable, &error))?;
    Jwks::parse(&document, secrets).map_err(|error| Failure::about(path.display(), &error))
}

fn snapshot(args: &Args, now: UnixTime, progress: &Progress) -> Result<Revocations, Failure> {
    let mut lists = Vec::with_capacity(args.lists.len());
    for ListArg { authority, keys } in &args.lists {
        // A shared secret cannot vouch for a list: every reader could sign one.
        lists.push(List::new(authority, jwks(keys, Secrets::Ignore)?, [args.issuer.as_str()]));
    }
    let path = args.snapshot.join("manifest.jwt");
    let manifest = input::read(&path, MAX_MANIFEST_BYTES)
        .map_err(|error| unreadable(&path, Error::SourceUnavailable, &error))?;
    let about = |error| Failure::about(path.display(), &error);
    let (mut revocations, offer) = offer(lists, &manifest, now).map_err(about)?;
    if let Offer::Newer(mut incoming) = offer {
        for name in incoming.missing() {
            let bytes = read_segment(&args.snapshot, name, incoming.length(&name).unwrap_or(0))?;
            let path = args.snapshot.join(name.object_name());
            let supplied = incoming.supply_hashed(name, bytes);
            supplied.map_err(|error| Failure::about(path.display(), &error))?;
            progress.advance();
        }
        revocations.accept(*incoming, now).map_err(about)?;
    }
    Ok(revocations)
}

/// Offers the manifest to each list alone. It is one authority's, and beside that one's list the others, of which there
/// is no snapshot here, would leave every token unknown.
fn offer(lists: Vec<List>, manifest: &[u8], now: UnixTime) -> Result<(Revocations, Offer), Error> {
    let offer_to = |lists| {
        let mut revocations = Revocations::new(lists);
        revocations.offer(manifest, now).map(|offer| (revocations, offer))
    };
    // A list of another authority says no more of it than no list at all. The first to say something else is its own.
    let stranger = offer_to(Vec::new());
    let mut answers = lists.into_iter().map(|list| offer_to(vec![list]));
    answers.find(|answer| answer.as_ref().err() != stranger.as_ref().err()).unwrap_or(stranger)
}

/// The segment that would make a decision surer, and how long it is.
fn wanted(lack: &Lack) -> Option<(SegmentName, u64)> {
    match lack {
        Lack::Segment { name, bytes } => Some((*name, *bytes)),
        Lack::Confirmation(confirmation) => confirmation.exact.map(|exact| (exact.name, exact.bytes)),
    }
}

/// Reads no more of a segment than the manifest says there is, and takes its name only from its own bytes.
fn read_segment(folder: &Path, name: SegmentName, length: u64) -> Result<Vec<u8>, Failure> {
    let path = folder.join(name.object_name());
    let mut bytes = Vec::new();
    File::open(&path).and_then(|file| file.take(length.saturating_add(1)).read_to_end(&mut bytes)).map_err(
        |error| match error.kind() {
            ErrorKind::NotFound => unreadable(&path, Error::SegmentMissing, &error),
            _ => unreadable(&path, Error::SourceUnavailable, &error),
        },
    )?;
    if SegmentName::of(&bytes) != name {
        return Err(Failure::about(path.display(), &Error::SegmentHashMismatch));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, ours: Error, error: &std::io::Error) -> Failure {
    Failure::new(ours.code().as_str(), format!("{}: {ours}: {error}", path.display()))
}

fn status(status: &Status) -> &'static str {
    match status {
        Status::NotRevoked => "not-revoked",
        Status::Revoked { .. } => "revoked",
        Status::Unknown(_) => "unknown",
    }
}

fn members(rule: &Rule) -> Vec<&str> {
    rule.members().iter().map(revocable::Member::as_str).collect()
}

fn list(text: &str) -> Result<ListArg, &'static str> {
    let parts = text.rsplit_once('=').filter(|(authority, keys)| !authority.is_empty() && !keys.is_empty());
    let (authority, keys) =
        parts.ok_or("expected the authority's name, `=`, and the file of its public keys")?;
    Ok(ListArg { authority: authority.to_owned(), keys: PathBuf::from(keys) })
}

/// More than one decision may ask for: every layer of every table, and what confirms it, for each of sixteen audiences.
const MOST_READS: usize = 64 * 16 * 16 * 2;

const AFTER_HELP: &str = "\
The verdict:
  {\"decision\":\"allow\",\"status\":\"not-revoked\",\"claims\":{…},\"seq\":3,\"ageSeconds\":12}
  {\"decision\":\"deny\",\"code\":\"ERR_JWT_REVOKED\",\"reason\":\"…\",\"status\":\"revoked\",\"rule\":[\"jti\"],
   \"kind\":\"outright\",\"seq\":3,\"ageSeconds\":12}
  {\"decision\":\"unavailable\",\"code\":\"ERR_REVOCATION_SEGMENT_MISSING\",\"reason\":\"…\",\"status\":\"unknown\",
   \"seq\":null,\"ageSeconds\":null}

Examples:
  revocable check --token - --jwks jwks.json --issuer https://issuer.example --audience api \\
      --snapshot snapshot --lists https://authority.example=list.pub.jwk < token.txt
  revocable check --token \"$TOKEN\" --jwks jwks.json --issuer https://issuer.example \\
      --snapshot snapshot --lists https://authority.example=list.pub.jwk --now 1790000000

Exit codes:
  0   allow
  1   deny: the token is at fault
  2   unavailable: the keys or the revocation data are at fault
  64  the command line is wrong; there is no verdict";
