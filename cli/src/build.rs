//! `revocable build`: revocations into a snapshot, on disk.
//!
//! Everything is made and read back in memory first. Only then are files written, the manifest last, so that whoever
//! reads the folder meanwhile finds the snapshot before or this one, and never half of either.

use std::collections::HashSet;
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::builder::NonEmptyStringValueParser;
use revocable::limits::{MAX_JWKS_BYTES, MAX_MANIFEST_BYTES, MAX_SEQ};
use revocable::publish::{Built, Epsilon, Publisher, SigningKey};
use revocable::{Jwks, List, Offer, Revocations, Salt, Secrets, SegmentName, UnixTime};
use serde::{Deserialize, Serialize};

use crate::output::{self, Exit, Failure, Ui, code};
use crate::progress::Progress;
use crate::store::{self, Access, Staged};
use crate::{input, revocations};

/// Build a snapshot: revocations into segments and a signed manifest
///
/// Reads revocations, one JSON object on a line, and writes DIR/segments/<sha-256> and then DIR/manifest.jwt. When a
/// line is wrong, nothing is written.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Args {
    /// Revocations as NDJSON; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// The authority's private key, from `revocable keygen`
    #[arg(long, value_name = "FILE|-")]
    key: PathBuf,
    /// The authority's name: whose lists readers are configured to believe
    #[arg(long, value_name = "AUTHORITY", value_parser = NonEmptyStringValueParser::new())]
    issuer: String,
    /// The folder to write the snapshot to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How seldom a valid token may be refused, `2^-64` to `2^-8`. Hits coarser than 2^-40 need confirmation
    #[arg(long, value_name = "2^-N", default_value = "2^-50", value_parser = epsilon)]
    epsilon: Epsilon,
    /// The folder of the snapshot before, which may be --out: the next number, its salt, issuers and rules
    #[arg(long, value_name = "DIR", conflicts_with = "seq")]
    previous: Option<PathBuf>,
    /// The snapshot's number, greater than any published before; 1 if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_SEQ))]
    seq: Option<u64>,
    /// Build as of this time, in seconds since 1970; the clock's if left out
    #[arg(long, value_name = "UNIX", value_parser = input::instant)]
    now: Option<UnixTime>,
    /// After how many seconds readers look for a newer snapshot [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    ttl: Option<u64>,
    /// For how many seconds readers may rely on the snapshot [default: 604800, a week]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    valid_for: Option<u64>,
    /// The salt of the ids, 32 lower-case hexadecimal digits; random if left out
    #[arg(long, value_name = "HEX", conflicts_with = "previous", value_parser = salt)]
    salt: Option<Salt>,
    /// A token issuer that the list speaks for, beside those of the revocations; repeatable
    #[arg(long, value_name = "ISSUER", value_parser = NonEmptyStringValueParser::new())]
    covers: Vec<String>,
    /// Write over a newer or foreign manifest in --out
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    manifest: &'a Path,
    authority: &'a str,
    seq: u64,
    kid: &'a str,
    covers: &'a [String],
    issued_at: u64,
    expires: u64,
    /// Revocations read.
    revocations: u64,
    /// Revocations of which an entry was made; fewer where one replaced another.
    entries: u64,
    /// Revocations left out, because no token they could match can pass any more.
    expired: u64,
    segments: usize,
    new_segments: usize,
    /// All segments together.
    bytes: usize,
    bits_per_entry: Option<f64>,
    manifest_bytes: usize,
}

/// What a manifest's claims say, as far as a publisher asks.
#[derive(Deserialize)]
struct Said {
    iat: u64,
    exp: u64,
    seq: u64,
    covers: Vec<String>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    input::at_most_one_stdin([args.input.as_path(), &args.key])?;
    let now = input::now(args.now)?;
    let key = signing_key(&args.key)?;
    let mut publisher = publisher(args, &key, now)?;

    let progress = Progress::begin("reading revocations", ui);
    let reading = |error| Failure::reading(args.input.display(), &error);
    let lines = BufReader::new(input::open(&args.input).map_err(reading)?);
    let tally = revocations::read(lines, &mut publisher, &progress).map_err(reading)?;
    if tally.wrong > 0 {
        let message = match tally.wrong {
            1 => "1 line is no revocation; nothing was written".to_owned(),
            wrong => format!("{wrong} lines are no revocations; nothing was written"),
        };
        let failure = Failure::new(INVALID, message);
        return Err(Failure { wrong_lines: tally.wrong, lines: tally.first_wrong, ..failure });
    }
    progress.stage("sorting and signing");
    let built = publisher.finish(&key)?;
    progress.stage("reading back");
    let said = read_back(&built, &args.issuer, &key, now)?;
    if !args.force {
        refuse_to_go_back(args, &built, &said, &key, now)?;
    }
    progress.stage("writing segments");
    let new_segments = write(&args.out, &built, &progress)?;
    drop(progress);

    let bytes = built.segments.iter().fold(0_usize, |sum, (_, bytes)| sum.saturating_add(bytes.len()));
    let summary = Summary {
        manifest: &args.out.join(MANIFEST),
        authority: &args.issuer,
        seq: said.seq,
        kid: key.kid(),
        covers: &said.covers,
        issued_at: said.iat,
        expires: said.exp,
        revocations: tally.read,
        entries: built.entries,
        expired: built.expired,
        segments: built.segments.len(),
        new_segments,
        bytes,
        bits_per_entry: bits_per_entry(bytes, built.entries),
        manifest_bytes: built.manifest.len(),
    };
    if ui.json {
        output::print_json(&summary)?
    } else {
        output::print(&summary.to_text())?
    }
    Ok(Exit::Ok)
}

fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let document = read_file(path, MAX_JWKS_BYTES)?;
    SigningKey::from_jwk(&document).map_err(|error| Failure::about(path.display(), &error))
}

fn publisher(args: &Args, key: &SigningKey, now: UnixTime) -> Result<Publisher, Failure> {
    let mut publisher = match (&args.previous, args.salt) {
        (Some(folder), _) => {
            let path = folder.join(MANIFEST);
            let previous = input::read(&path, MAX_MANIFEST_BYTES).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Failure::new(
                    code::FILE_READ,
                    format!("{}: {error}; the first snapshot has no --previous", path.display()),
                ),
                _ => Failure::reading(path.display(), &error),
            })?;
            Publisher::following(&previous, key, &args.issuer, now)
                .map_err(|error| Failure::about(path.display(), &error))?
        }
        (None, Some(salt)) => Publisher::new(&args.issuer, salt, now),
        (None, None) => Publisher::new(&args.issuer, Salt::from_bytes(input::random()?), now),
    };
    publisher = publisher.epsilon(args.epsilon);
    if let Some(seq) = args.seq {
        publisher = publisher.seq(seq);
    }
    if let Some(ttl) = args.ttl {
        publisher = publisher.ttl(ttl);
    }
    if let Some(valid_for) = args.valid_for {
        publisher = publisher.valid_for(valid_for);
    }
    Ok(args.covers.iter().fold(publisher, Publisher::cover))
}

/// Opens what was built as a reader would, the segments too, and as of now, so that a snapshot that readers refuse is
/// never published.
fn read_back(built: &Built, authority: &str, key: &SigningKey, now: UnixTime) -> Result<Said, Failure> {
    let said =
        said(built.manifest.as_bytes()).ok_or_else(|| Failure::new(INVALID, "the manifest is unreadable"))?;
    let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
    let mut reader =
        Revocations::new(vec![List::new(authority, keys, said.covers.iter().map(String::as_str))]);
    if let Offer::Newer(mut incoming) = reader.offer(built.manifest.as_bytes(), now)? {
        for (name, bytes) in &built.segments {
            // Those that confirm are read when they are needed.
            if incoming.length(name).is_some() {
                incoming.supply(bytes.clone())?;
            }
        }
        reader.accept(*incoming, now)?;
    }
    Ok(said)
}

/// Readers keep the greatest number they have seen from an authority and refuse anything older, so a folder never goes
/// back. Building the same snapshot again is no step at all.
fn refuse_to_go_back(
    args: &Args,
    built: &Built,
    new: &Said,
    key: &SigningKey,
    now: UnixTime,
) -> Result<(), Failure> {
    let path = args.out.join(MANIFEST);
    let there = match input::read(&path, MAX_MANIFEST_BYTES) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        there => there.map_err(|error| Failure::reading(path.display(), &error))?,
    };
    if there == built.manifest.as_bytes() {
        return Ok(());
    }
    // Only what this authority signed says where it stands.
    let ours = Publisher::following(&there, key, &args.issuer, now).map(|_| said(&there));
    let seen = match ours {
        Ok(Some(said)) => said.seq,
        Ok(None) => return Err(Failure::new(INVALID, format!("{}: it is unreadable", path.display()))),
        Err(error) => {
            let failure = Failure::about(path.display(), &error);
            let message = format!("{} (this file is in the way; --force writes over it)", failure.message);
            return Err(Failure { message, ..failure });
        }
    };
    if new.seq > seen {
        return Ok(());
    }
    let error = if new.seq == seen {
        revocable::Error::ManifestConflict { seq: seen }
    } else {
        revocable::Error::ManifestRollback { seen, offered: new.seq }
    };
    let out = args.out.display();
    Err(Failure::new(
        error.code().as_str(),
        format!(
            "{} is number {seen} and this would be number {}, which readers refuse: pass `--previous {out}` to follow \
             it, `--seq` with a greater number to begin anew, or --force to write over it",
            path.display(),
            new.seq
        ),
    ))
}

/// Writes the segments that are not there yet, then the manifest that names them. Says how many were written.
fn write(out: &Path, built: &Built, progress: &Progress) -> Result<usize, Failure> {
    let segments = out.join("segments");
    fs::create_dir_all(&segments).map_err(|error| Failure::writing(segments.display(), &error))?;
    let mut written: usize = 0;
    let mut done = HashSet::new();
    for (name, bytes) in &built.segments {
        if done.insert(*name) && !is_there(&segments, name, bytes) {
            put(&out.join(name.object_name()), bytes)?;
            written = written.saturating_add(1);
        }
        progress.advance();
    }
    store::flush_folder(&segments).map_err(|error| Failure::writing(segments.display(), &error))?;
    put(&out.join(MANIFEST), built.manifest.as_bytes())?;
    store::flush_folder(out).map_err(|error| Failure::writing(out.display(), &error))?;
    Ok(written)
}

/// A segment of this name that was damaged is written anew.
fn is_there(segments: &Path, name: &SegmentName, bytes: &[u8]) -> bool {
    input::read(&segments.join(name.to_string()), bytes.len()).is_ok_and(|there| there == bytes)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let put = Staged::new(path, bytes, Access::Usual).and_then(Staged::replace);
    put.map_err(|error| Failure::writing(path.display(), &error))
}

fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    input::read(path, limit).map_err(|error| Failure::reading(path.display(), &error))
}

/// The claims of a manifest whose signature somebody else has verified.
fn said(manifest: &[u8]) -> Option<Said> {
    let payload = manifest.split(|byte| *byte == b'.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

impl Summary<'_> {
    fn to_text(&self) -> String {
        let bits = self.bits_per_entry.map(|bits| format!(", {bits} bits an entry")).unwrap_or_default();
        format!(
            "snapshot  number {} of {}, kid {}\n\
             covers    {}\n\
             entries   {} of {} revocations; {} expired and left out\n\
             segments  {}, of them {} new; {} bytes{bits}\n\
             manifest  {}, {} bytes, valid until {}",
            self.seq,
            self.authority,
            self.kid,
            self.covers.join(" "),
            self.entries,
            self.revocations,
            self.expired,
            self.segments,
            self.new_segments,
            self.bytes,
            self.manifest.display(),
            self.manifest_bytes,
            self.expires,
        )
    }
}

/// To the hundredth; none where there is no entry.
fn bits_per_entry(bytes: usize, entries: u64) -> Option<f64> {
    let hundredths = u64::try_from(bytes).ok()?.checked_mul(800)?.checked_div(entries)?;
    Some(f64::from(u32::try_from(hundredths).ok()?) / 100.0)
}

fn epsilon(text: &str) -> Result<Epsilon, &'static str> {
    text.parse().map_err(|_| "expected `2^-64` to `2^-8`")
}

fn salt(text: &str) -> Result<Salt, &'static str> {
    Salt::from_hex(text).ok_or("expected 32 lower-case hexadecimal digits")
}

const MANIFEST: &str = "manifest.jwt";
const INVALID: &str = revocable::Code::RevocationInvalid.as_str();

const AFTER_HELP: &str = "\
Examples:
  revocable build --input revoked.ndjson --key list.jwk --issuer https://authority.example --out snapshot
  revocable build --input - --key list.jwk --issuer https://authority.example --previous snapshot --out snapshot
  revocable build --input /dev/null --key list.jwk --issuer https://authority.example \\
      --covers https://issuer.example --out snapshot

Exit codes:
  0   done
  1   failed, and the snapshot in --out is the one before
  64  the command line is wrong

--help tells how lines are written.";

const AFTER_LONG_HELP: &str = "\
Lines of the input:
  {\"rule\":[\"jti\"],\"issuer\":\"https://issuer.example\",\"values\":[\"t-1\"],\"expires\":1800000000}
      one token, until it expires anyway (an entry without `expires` stays)
  {\"rule\":[\"sub\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\"],\"before\":1790000000.5}
      a user's tokens issued before an instant; without `before`, all of them
  {\"rule\":[\"sub\",\"azp\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\",\"app-1\"]}
      one app of a user
  {\"rule\":[\"@key\"],\"issuer\":\"https://issuer.example\",\"values\":[\"<RFC 7638 SHA-256 thumbprint, base64url>\"]}
      everything that one key signed; takes no `before`
  The input is the whole list: what is left out of it is no longer revoked. Of two lines that name the same target in the
  same way, the later stands; otherwise the order of lines does not matter.

The folder:
  The same input, key, --now, --salt and other options make the same bytes. Segments that are there already are left as
  they are, and segments that the new manifest does not name stay: readers of the manifest before still need them. Delete
  them once they have been unreferenced for longer than --valid-for.
  Readers refuse a manifest older than one they have seen. So --out is never taken back to a smaller number, nor to
  another snapshot of the same number, unless --force is given.

Examples:
  revocable build --input revoked.ndjson --key list.jwk --issuer https://authority.example --out snapshot
  revocable build --input - --key list.jwk --issuer https://authority.example --previous snapshot --out snapshot
  revocable build --input /dev/null --key list.jwk --issuer https://authority.example \\
      --covers https://issuer.example --out snapshot

Exit codes:
  0   done
  1   failed, and the snapshot in --out is the one before
  64  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_an_entry_are_those_of_the_segments_and_unknown_without_entries() {
        assert_eq!(bits_per_entry(24, 1), Some(192.0));
        assert_eq!(bits_per_entry(100, 3), Some(266.66));
        assert_eq!(bits_per_entry(0, 0), None);
    }
}
