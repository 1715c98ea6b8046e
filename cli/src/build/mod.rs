//! `revocable build`: revocations into a snapshot, on disk.
//!
//! The input is read to its end before anything is made of it, so that a wrong line changes nothing, and may be of any
//! size: see [`crate::spool`].

pub(crate) mod full;
pub(crate) mod gather;
mod help;
mod recent;

use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use revocable::limits::{MAX_SEGMENT_BYTES, MAX_SEQ};
use revocable::publish::{Epsilon, Terms};
use revocable::{Jwks, Manifest, Salt, Secrets, UnixTime};
use revocable_cli::formats::{Item, Tally, csv, ndjson};
use serde::Serialize;

use crate::outgoing::{self, MANIFEST, Outgoing, Written};
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;
use crate::{input, sizes};

/// Build a snapshot: revocations into segments and a signed manifest
///
/// Reads revocations, one on a line, and writes DIR/segments/<sha-256> and then DIR/manifest.jwt. When a line is wrong,
/// nothing is written.
#[derive(clap::Args)]
#[command(after_help = help::AFTER_HELP, after_long_help = help::AFTER_LONG_HELP)]
pub(crate) struct Args {
    /// Revocations as NDJSON or CSV; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// How the input is written [default: csv where its name ends so, otherwise ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The token issuer of lines of CSV that name none
    #[arg(long, value_name = "ISSUER", value_parser = NonEmptyStringValueParser::new())]
    token_issuer: Option<String>,
    /// The authority's private key, from `revocable keygen`
    #[arg(long, value_name = "FILE|-")]
    key: PathBuf,
    /// The authority's name: whose lists readers are configured to believe
    #[arg(long, value_name = "AUTHORITY", value_parser = NonEmptyStringValueParser::new())]
    issuer: String,
    /// The folder to write the snapshot to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How seldom a valid token may be refused, `2^-64` to `2^-8`. Hits coarser than 2^-40 need confirmation [default: that
    /// of --previous, or 2^-50]
    #[arg(long, value_name = "2^-N", conflicts_with = "recent", value_parser = epsilon)]
    epsilon: Option<Epsilon>,
    /// The folder of the snapshot before, which may be --out: the next number, its salt, issuers and rules
    #[arg(long, value_name = "DIR", conflicts_with = "seq")]
    previous: Option<PathBuf>,
    /// The authority's other public keys, as a JWKS or a single JWK, where one of them signed --previous; repeatable
    #[arg(long, value_name = "FILE")]
    previous_keys: Vec<PathBuf>,
    /// The input is what has changed since --previous, and not the whole list
    #[arg(long, requires = "previous")]
    recent: bool,
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
    /// No segment is larger than this: 4KiB to 25MiB [default: 1MiB]
    #[arg(long, value_name = "SIZE", conflicts_with = "recent", value_parser = segment_size)]
    max_segment: Option<u64>,
    /// Leave out entries that expire before this time, in seconds since 1970, although their tokens might still pass
    /// somewhere
    #[arg(long, value_name = "UNIX", conflicts_with = "recent", value_parser = input::instant)]
    prune_before: Option<UnixTime>,
    /// Put entries that expire at about the same time into segments of their own, in so many windows, so that whole
    /// segments fall away: 1 to 15 [default: 1, all together]
    #[arg(long, value_name = "N", conflicts_with = "recent", value_parser = clap::value_parser!(u8).range(1..=15))]
    expiry_windows: Option<u8>,
    /// How much memory the entries may take before they go through a temporary file
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = sizes::bytes)]
    memory: u64,
    /// Where temporary files are made [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
    /// Write over a newer or foreign manifest in --out
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Ndjson,
    Csv,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    manifest: &'a Path,
    authority: &'a str,
    seq: u64,
    kid: &'a str,
    covers: Vec<&'a str>,
    issued_at: u64,
    expires: u64,
    /// Revocations read.
    revocations: u64,
    /// Entries in segments; fewer than revocations where one replaced another.
    entries: u64,
    /// Operations in the manifest, beside the segments.
    recent: usize,
    /// Whether the revocations read are changes.
    #[serde(skip)]
    are_changes: bool,
    /// Entries left out, because no token they could match can pass any more.
    expired: u64,
    segments: usize,
    new_segments: usize,
    /// All segments together.
    bytes: u64,
    bits_per_entry: Option<f64>,
    manifest_bytes: usize,
}

/// What is made of the input.
struct Made {
    manifest: String,
    revocations: u64,
    entries: u64,
    expired: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    input::at_most_one_stdin([args.input.as_path(), &args.key])?;
    let now = input::now(args.now)?;
    let key = input::signing_key(&args.key)?;
    let keys = outgoing::public_keys(Some(&key.to_public_jwk()), &args.previous_keys)?;
    let previous = args.previous.as_deref().map(previous_manifest).transpose()?;
    let progress = Progress::begin("reading revocations", ui);
    let mut outgoing = Outgoing::new(&args.out);
    let made = match (&previous, args.recent) {
        (Some(previous), true) => recent::make(args, previous, (&key, &keys), now, &mut outgoing, &progress)?,
        (previous, _) => full::make(args, previous.as_ref(), (&key, &keys), now, &mut outgoing, &progress)?,
    };
    progress.stage("reading back");
    let own = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
    let manifest = Manifest::inspect(made.manifest.as_bytes(), &own)?;
    outgoing.read_back(&manifest, own, now)?;
    if !args.force {
        outgoing::refuse_to_go_back(&args.out, (&args.issuer, &keys), manifest.seq(), Some(manifest.text()))?;
    }
    progress.stage("writing");
    let Written { segments, new_segments, bytes } = outgoing.finish(manifest.text())?;
    drop(progress);

    let summary = Summary {
        manifest: &args.out.join(MANIFEST),
        authority: &args.issuer,
        seq: manifest.seq(),
        kid: key.kid(),
        covers: manifest.covered().collect(),
        issued_at: manifest.issued_at().as_seconds(),
        expires: manifest.expires_at().as_seconds(),
        revocations: made.revocations,
        entries: made.entries,
        recent: manifest.recent().iter().map(|group| group.all().len()).sum(),
        are_changes: args.recent,
        expired: made.expired,
        segments,
        new_segments,
        bytes,
        bits_per_entry: bits_per_entry(bytes, made.entries),
        manifest_bytes: made.manifest.len(),
    };
    if ui.json {
        output::print_json(&summary)?
    } else {
        output::print(&summary.to_text())?
    }
    Ok(Exit::Ok)
}

/// Reads the input to its end, also past wrong lines.
fn read(
    args: &Args,
    progress: &Progress,
    mut take: impl FnMut(Item<'_>) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let reading = |error| Failure::reading(args.input.display(), &error);
    let lines = progress.watch(input::open(&args.input).map_err(reading)?, input::size(&args.input));
    let lines = BufReader::with_capacity(INPUT_BUFFER, lines);
    let mut failed = None;
    let take = |item: Item<'_>| {
        progress.advance();
        // Reading stops, and says no more than that.
        take(item).map_err(|failure| {
            failed = Some(failure);
            std::io::Error::from(std::io::ErrorKind::Other)
        })
    };
    let tally = match args.format() {
        Format::Ndjson => ndjson::read(lines, take),
        Format::Csv => csv::read(lines, args.token_issuer.as_deref(), take),
    };
    if let Some(failure) = failed {
        return Err(failure);
    }
    let tally: Tally = tally.map_err(reading)?;
    let read = tally.read;
    Failure::of_lines(tally).map_or(Ok(read), Err)
}

impl Args {
    fn format(&self) -> Format {
        let is_csv = || self.input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        self.format.unwrap_or_else(|| if is_csv() { Format::Csv } else { Format::Ndjson })
    }

    fn temp_dir(&self) -> PathBuf {
        self.temp_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// What the options say of the snapshot.
    fn terms(&self, terms: Terms) -> Terms {
        let mut terms = self.covers.iter().fold(terms, Terms::cover);
        if let Some(epsilon) = self.epsilon {
            terms = terms.epsilon(epsilon);
        }
        if let Some(seq) = self.seq {
            terms = terms.seq(seq);
        }
        if let Some(ttl) = self.ttl {
            terms = terms.ttl(ttl);
        }
        if let Some(valid_for) = self.valid_for {
            terms = terms.valid_for(valid_for);
        }
        if let Some(bytes) = self.max_segment {
            terms = terms.max_segment(bytes);
        }
        if let Some(instant) = self.prune_before {
            terms = terms.prune_before(instant);
        }
        if let Some(windows) = self.expiry_windows {
            terms = terms.expiry_windows(windows);
        }
        terms
    }

    /// Before the work is done: what can be told of --out by the number alone.
    fn refuse_to_go_back(&self, keys: &Jwks, previous: Option<&Manifest>) -> Result<(), Failure> {
        if self.force {
            return Ok(());
        }
        let next = previous.map(|previous| previous.seq().saturating_add(1));
        let seq = self.seq.or(next).unwrap_or(1);
        outgoing::refuse_to_go_back(&self.out, (&self.issuer, keys), seq, None)
    }
}

/// The manifest before, and where it is.
struct Previous {
    path: PathBuf,
    text: Vec<u8>,
}

fn previous_manifest(folder: &Path) -> Result<Previous, Failure> {
    let text = outgoing::read_manifest(folder).map_err(|failure| {
        let message = format!("{}; the first snapshot has no --previous", failure.message);
        Failure { message, ..failure }
    })?;
    Ok(Previous { path: folder.join(MANIFEST), text })
}

impl Summary<'_> {
    fn to_text(&self) -> String {
        let bits = self.bits_per_entry.map(|bits| format!(", {bits} bits an entry")).unwrap_or_default();
        let entries = match self.are_changes {
            true => format!("{}, and {} changes read", self.entries, self.revocations),
            false => format!("{} of {} revocations", self.entries, self.revocations),
        };
        let recent = match self.recent {
            0 => String::new(),
            recent => format!(", and {recent} in the manifest"),
        };
        format!(
            "snapshot  number {} of {}, kid {}\n\
             covers    {}\n\
             entries   {entries}{recent}; {} expired and left out\n\
             segments  {}, of them {} new; {} bytes{bits}\n\
             manifest  {}, {} bytes, valid until {}",
            self.seq,
            self.authority,
            self.kid,
            self.covers.join(" "),
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
pub(crate) fn bits_per_entry(bytes: u64, entries: u64) -> Option<f64> {
    let hundredths = bytes.checked_mul(800)?.checked_div(entries)?;
    Some(f64::from(u32::try_from(hundredths).ok()?) / 100.0)
}

pub(crate) fn epsilon(text: &str) -> Result<Epsilon, &'static str> {
    text.parse().map_err(|_| "expected `2^-64` to `2^-8`")
}

fn salt(text: &str) -> Result<Salt, &'static str> {
    Salt::from_hex(text).ok_or("expected 32 lower-case hexadecimal digits")
}

fn segment_size(text: &str) -> Result<u64, &'static str> {
    let size = sizes::bytes(text)?;
    if (LEAST_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&size) {
        Ok(size)
    } else {
        Err("expected 4KiB to 25MiB")
    }
}

const INVALID: &str = revocable::Code::RevocationInvalid.as_str();
const INPUT_BUFFER: usize = 256 * 1024;
const LEAST_SEGMENT_BYTES: u64 = 4096;

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
