//! `revocable merge`: several snapshots as one.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use revocable::limits::MAX_SEQ;
use revocable::publish::{Merge, Terms};
use revocable::{Error, Jwks, Manifest, Secrets, SegmentName, UnixTime};
use serde::Serialize;

use crate::folder::{Folder, names};
use crate::input;
use crate::outgoing::{self, MANIFEST, Outgoing, Written};
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;

/// Merge snapshots: whatever any of them says to be revoked is revoked
///
/// They must have the same salt. Their segments stay as they are; no entry is lost or read.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The folder of a snapshot; repeatable
    #[arg(long, value_name = "DIR", required = true)]
    snapshot: Vec<PathBuf>,
    /// The public keys of those who signed them, as a JWKS or a single JWK; repeatable
    #[arg(long, value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// The private key that signs the result, from `revocable keygen`
    #[arg(long, value_name = "FILE|-")]
    key: PathBuf,
    /// The authority that the result is of
    #[arg(long, value_name = "AUTHORITY", value_parser = NonEmptyStringValueParser::new())]
    issuer: String,
    /// The folder to write the result to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder of the snapshot before the result, which may be --out or one of --snapshot: the next number, its issuers
    #[arg(long, value_name = "DIR", conflicts_with = "seq")]
    previous: Option<PathBuf>,
    /// The result's number [default: one more than the greatest of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_SEQ))]
    seq: Option<u64>,
    /// Merge as of this time, in seconds since 1970; the clock's if left out
    #[arg(long, value_name = "UNIX", value_parser = input::instant)]
    now: Option<UnixTime>,
    /// After how many seconds readers look for a newer snapshot [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    ttl: Option<u64>,
    /// For how many seconds readers may rely on the result, which is never longer than on any of them [default: 604800]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    valid_for: Option<u64>,
    /// Write over a newer or foreign manifest in --out
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'m> {
    manifest: PathBuf,
    authority: &'m str,
    seq: u64,
    epsilon: String,
    covers: Vec<&'m str>,
    expires: u64,
    /// In segments; what is in several counts several times.
    entries: u64,
    recent: usize,
    /// Look-ups of one decision: layers of tables.
    layers: usize,
    segments: usize,
    new_segments: usize,
    bytes: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let now = input::now(args.now)?;
    let key = input::signing_key(&args.key)?;
    let own = || Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore);
    let keys = outgoing::public_keys(Some(&key.to_public_jwk()), &args.keys)?;
    let mut parts = Vec::with_capacity(args.snapshot.len());
    for path in &args.snapshot {
        let part = Folder::new(path).manifest(&keys)?;
        if now >= part.expires_at() {
            let error = Error::ManifestInvalid("it has expired: it says nothing any more".into());
            return Err(Failure::about(path.join(MANIFEST).display(), &error));
        }
        parts.push(part);
    }
    let terms = terms(args, &parts, &keys, now)?;
    let progress = Progress::begin("merging", ui);
    // Who has a segment is found once.
    let find = |name: &SegmentName| {
        let mut found = Err(Failure::from(Error::SegmentMissing));
        for path in &args.snapshot {
            found = Folder::new(path).segment(name);
            if found.is_ok() {
                break;
            }
        }
        found
    };
    let mut fault = None;
    let merged = Merge::new(terms, parts)?.finish(&key, |name| {
        progress.advance();
        find(name).map_err(|failure| fault = Some(failure)).ok()
    });
    let signed = match (merged, fault) {
        (Err(_), Some(failure)) => return Err(failure),
        (merged, _) => merged?,
    };
    let manifest = Manifest::inspect(signed.manifest.as_bytes(), &own()?)?;
    if !args.force {
        outgoing::refuse_to_go_back(&args.out, (&args.issuer, &keys), manifest.seq(), Some(manifest.text()))?;
    }
    progress.stage("writing");
    let mut outgoing = Outgoing::new(&args.out);
    for name in names(&manifest) {
        outgoing.segment(name, &find(&name)?)?;
        progress.advance();
    }
    outgoing.read_back(&manifest, own()?, now)?;
    let Written { segments, new_segments, bytes } = outgoing.finish(manifest.text())?;
    drop(progress);

    let layers: std::collections::BTreeSet<(usize, u8)> =
        manifest.segments().iter().map(|segment| (segment.table, segment.layer)).collect();
    let summary = Summary {
        manifest: args.out.join(MANIFEST),
        authority: manifest.authority(),
        seq: manifest.seq(),
        epsilon: format!("2^-{}", manifest.epsilon_bits()),
        covers: manifest.covered().collect(),
        expires: manifest.expires_at().as_seconds(),
        entries: signed.entries,
        recent: manifest.recent().iter().map(|group| group.all().len()).sum(),
        layers: layers.len(),
        segments,
        new_segments,
        bytes,
    };
    if ui.json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_text())?;
    }
    Ok(Exit::Ok)
}

fn terms(args: &Args, parts: &[Manifest], keys: &Jwks, now: UnixTime) -> Result<Terms, Failure> {
    let mut terms = match (&args.previous, parts.first()) {
        (Some(previous), _) => {
            let path = previous.join(MANIFEST);
            let text = outgoing::read_manifest(previous)?;
            let following = Terms::following(&text, keys, &args.issuer, now);
            following.map_err(|error| Failure::about(path.display(), &error))?.0
        }
        (None, Some(part)) => {
            let greatest = parts.iter().map(Manifest::seq).max().unwrap_or(0);
            let seq = args.seq.unwrap_or(greatest.saturating_add(1)).min(MAX_SEQ);
            Terms::new(&args.issuer, part.salt(), now).seq(seq)
        }
        (None, None) => return Err(Failure::usage("--snapshot names what is to be merged")),
    };
    if let Some(ttl) = args.ttl {
        terms = terms.ttl(ttl);
    }
    // In whole seconds, as manifests have it: of two that do not agree the shorter.
    let left = parts.iter().map(|part| part.expires_at().as_seconds().saturating_sub(now.as_seconds())).min();
    let valid_for = args.valid_for.unwrap_or(DEFAULT_VALID_FOR_SECONDS);
    Ok(terms.valid_for(left.map_or(valid_for, |left| left.min(valid_for))))
}

impl Summary<'_> {
    fn to_text(&self) -> String {
        format!(
            "snapshot  number {} of {}, epsilon {}\n\
             covers    {}\n\
             entries   {} in segments, and {} operations in the manifest\n\
             segments  {}, of them {} new, in {} layers; {} bytes\n\
             manifest  {}, valid until {}",
            self.seq,
            self.authority,
            self.epsilon,
            self.covers.join(" "),
            self.entries,
            self.recent,
            self.segments,
            self.new_segments,
            self.layers,
            self.bytes,
            self.manifest.display(),
            self.expires,
        )
    }
}

const DEFAULT_VALID_FOR_SECONDS: u64 = 7 * 24 * 3600;

const AFTER_HELP: &str = "\
What the snapshots say of one target is combined: it is revoked when one of them says so, by the latest cutoff and the
greatest minimum. An undoing counts only where no other says the target to be revoked. Each layer costs a look-up, and
errors add up: the result states the epsilon that comes of it. Snapshots that share segments share them in the result.

Examples:
  revocable merge --snapshot eu --snapshot us --keys list.pub.jwk --key list.jwk \\
      --issuer https://authority.example --out all
  revocable merge --snapshot all --snapshot apac --keys list.pub.jwk --key list.jwk \\
      --issuer https://authority.example --previous all --out all

Exit codes:
  0   done
  1   failed, and the snapshot in --out is the one before: salts differ, one has expired or is not signed by --keys, or a
      full build is due
  64  the command line is wrong";
