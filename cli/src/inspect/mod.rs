//! `revocable inspect`: what a snapshot is like.

mod strict;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use revocable::{Entry, Kind, Manifest, Rule, Segment, SegmentRef, Table, UnixTime};
use serde::Serialize;

use crate::folder::Folder;
use crate::input;
use crate::outgoing;
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;
use crate::sizes::{self, hundredths, number};

/// Inspect a snapshot: its entries and their size, its segments, age and signer
///
/// Checks the manifest's signature, and that every segment is there, has the bytes that it is named by, and can be opened.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The folder of the snapshot: manifest.jwt and segments/
    #[arg(long, value_name = "DIR")]
    snapshot: PathBuf,
    /// The authority's public keys, as a JWKS or a single JWK; repeatable
    #[arg(long, value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Check everything again: every bit of every segment, what the manifest says of it, and that exact segments have the
    /// entries that they confirm
    #[arg(long)]
    strict: bool,
    /// Inspect as of this time, in seconds since 1970; the clock's if left out
    #[arg(long, value_name = "UNIX", value_parser = input::instant)]
    now: Option<UnixTime>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'m> {
    authority: &'m str,
    kid: Option<String>,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    issued_at: u64,
    age_seconds: u64,
    ttl: u64,
    expires: u64,
    expired: bool,
    epsilon: String,
    salt: String,
    covers: Vec<&'m str>,
    rules: Vec<Vec<&'m str>>,
    entries: u64,
    /// Operations beside the segments.
    recent: u64,
    segments: usize,
    /// Those that answer; those that confirm are apart.
    bytes: u64,
    exact_bytes: u64,
    manifest_bytes: usize,
    /// All told: segments and manifest.
    bits_per_entry: Option<f64>,
    tables: Vec<TableReport<'m>>,
    strict: bool,
}

/// One rule and kind.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TableReport<'m> {
    rule: Vec<&'m str>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'m str>,
    entries: u64,
    added: usize,
    removed: usize,
    layers: usize,
    segments: usize,
    bytes: u64,
    largest_segment: u64,
    exact_bytes: u64,
    /// Without values.
    bits_per_entry: Option<f64>,
    /// The fewest bits that any structure takes which is as sure: log2(1/ε) of one look-up.
    bound: Option<f64>,
    /// Bits of a value, beside those.
    value_bits: Option<f64>,
    /// When the last of the entries that expire does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let now = input::now(args.now)?;
    let keys = outgoing::public_keys(None, &args.keys)?;
    let folder = Folder::new(&args.snapshot);
    let manifest = folder.manifest(&keys)?;
    let progress = Progress::begin("reading segments", ui);
    progress.stage_of("reading segments", u64::try_from(manifest.segments().len()).unwrap_or(u64::MAX));
    let mut sizes: Vec<Size> = manifest.tables().iter().map(|_| Size::default()).collect();
    for reference in manifest.segments() {
        let bytes = folder.segment(&reference.name)?;
        let about = |error| Failure::about(folder.segment_path(&reference.name).display(), &error);
        let segment = Segment::open(bytes).map_err(about)?;
        if args.strict {
            strict::segment(&folder, &manifest, reference, &segment)?;
        } else if let Some(exact) = &reference.exact {
            folder.segment(&exact.name)?;
        }
        if let Some(size) = sizes.get_mut(reference.table) {
            size.add(reference, &segment);
        }
        progress.advance();
    }
    if args.strict {
        strict::reader(&folder, &manifest, keys)?;
    }
    drop(progress);
    let report = Report::new(&manifest, &sizes, now, args.strict);
    if ui.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_text())?;
    }
    Ok(Exit::Ok)
}

/// What a table's segments take, all together.
#[derive(Default)]
struct Size {
    entries: u64,
    /// Sums over entries.
    bound: f64,
    value_bits: f64,
    layers: Vec<u8>,
    segments: usize,
    bytes: u64,
    largest: u64,
    exact: u64,
    expires: Option<UnixTime>,
}

impl Size {
    fn add(&mut self, reference: &SegmentRef, segment: &Segment<Vec<u8>>) {
        let entries = number(segment.entries());
        self.entries = self.entries.saturating_add(segment.entries());
        self.bound += segment.bound() * entries;
        self.value_bits += f64::from(segment.value_bits()) * entries;
        if !self.layers.contains(&reference.layer) {
            self.layers.push(reference.layer);
        }
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(reference.bytes);
        self.largest = self.largest.max(reference.bytes);
        self.exact = self.exact.saturating_add(reference.exact.map_or(0, |exact| exact.bytes));
        self.expires = self.expires.max(reference.expires);
    }

    /// A sum of bits for each entry.
    fn each(&self, bits: f64) -> Option<f64> {
        (self.entries > 0).then(|| hundredths(bits / number(self.entries)))
    }
}

impl<'m> Report<'m> {
    fn new(manifest: &'m Manifest, sizes: &[Size], now: UnixTime, strict: bool) -> Self {
        let tables = manifest.tables().iter().enumerate().zip(sizes);
        let tables: Vec<TableReport<'m>> =
            tables.map(|((index, table), size)| TableReport::new(manifest, index, table, size)).collect();
        let sum = |of: fn(&Size) -> u64| sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(of(size)));
        let (entries, bytes) = (sum(|size| size.entries), sum(|size| size.bytes));
        let manifest_bytes = manifest.text().len();
        let all = number(bytes.saturating_add(u64::try_from(manifest_bytes).unwrap_or(u64::MAX))) * 8.0;
        Self {
            authority: manifest.authority(),
            kid: kid(manifest.text()),
            seq: manifest.seq(),
            prev: manifest.prev().map(|prev| revocable::SegmentName::from_digest(*prev).to_string()),
            issued_at: manifest.issued_at().as_seconds(),
            age_seconds: now.millis_since(manifest.issued_at()) / 1000,
            ttl: manifest.ttl(),
            expires: manifest.expires_at().as_seconds(),
            expired: now >= manifest.expires_at(),
            epsilon: format!("2^-{}", manifest.epsilon_bits()),
            salt: manifest.salt().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
            covers: manifest.covered().collect(),
            rules: manifest.rules().iter().map(members).collect(),
            entries,
            recent: tables.iter().fold(0, |sum: u64, table| {
                let operations = table.added.saturating_add(table.removed);
                sum.saturating_add(u64::try_from(operations).unwrap_or(u64::MAX))
            }),
            segments: manifest.segments().len(),
            bytes,
            exact_bytes: sum(|size| size.exact),
            manifest_bytes,
            bits_per_entry: (entries > 0).then(|| hundredths(all / number(entries))),
            tables,
            strict,
        }
    }

    fn to_text(&self) -> String {
        let kid = self.kid.as_deref().unwrap_or("none");
        let expired = if self.expired { ": IT HAS EXPIRED" } else { "" };
        let mut lines = vec![
            format!("snapshot  number {} of {}, signed by kid {kid}", self.seq, self.authority),
            format!(
                "made at   {}, {} ago; valid until {}{expired}",
                self.issued_at,
                ago(self.age_seconds),
                self.expires
            ),
            format!("covers    {}", self.covers.join(" ")),
            format!("epsilon   {}", self.epsilon),
            format!(
                "entries   {} in {} segments, {}, and {} operations in a manifest of {}",
                self.entries,
                self.segments,
                sizes::shown(self.bytes),
                self.recent,
                sizes::shown(u64::try_from(self.manifest_bytes).unwrap_or(u64::MAX)),
            ),
        ];
        if let Some(bits) = self.bits_per_entry {
            lines.push(format!(
                "size      {bits:.2} bits an entry: segments and manifest, without those that confirm"
            ));
        }
        if self.exact_bytes > 0 {
            lines.push(format!("exact     {} more, which confirm", sizes::shown(self.exact_bytes)));
        }
        for table in &self.tables {
            lines.push(table.to_text());
        }
        if self.strict {
            lines.push("strict    everything was checked again".to_owned());
        }
        lines.join("\n")
    }
}

impl<'m> TableReport<'m> {
    fn new(manifest: &'m Manifest, index: usize, table: &'m Table, size: &Size) -> Self {
        let operations = manifest.recent().iter().filter(|group| group.table == index);
        let all: Vec<Option<Entry>> =
            operations.flat_map(|group| group.all().iter().map(|(_, entry)| *entry)).collect();
        let added = all.iter().flatten().count();
        let bits = number(size.bytes) * 8.0 - size.value_bits;
        Self {
            rule: manifest.rules().get(table.rule).map(members).unwrap_or_default(),
            kind: table.kind.name(),
            claim: table.claim.as_deref(),
            entries: size.entries,
            added,
            removed: all.len().saturating_sub(added),
            layers: size.layers.len(),
            segments: size.segments,
            bytes: size.bytes,
            largest_segment: size.largest,
            exact_bytes: size.exact,
            bits_per_entry: size.each(bits),
            bound: size.each(size.bound),
            value_bits: size.each(size.value_bits).filter(|_| table.kind != Kind::Outright),
            expires: size.expires.map(UnixTime::as_seconds),
        }
    }

    fn to_text(&self) -> String {
        let claim = self.claim.map(|claim| format!(" of {claim}")).unwrap_or_default();
        let mut text = format!("\n{:?} {}{claim}\n  entries   {}", self.rule, self.kind, self.entries);
        if self.added > 0 || self.removed > 0 {
            text.push_str(&format!("; in the manifest {} added, {} taken back", self.added, self.removed));
        }
        text.push_str(&format!(
            "\n  segments  {} in {} layers, the largest {}",
            self.segments,
            self.layers,
            sizes::shown(self.largest_segment)
        ));
        if let (Some(bits), Some(bound)) = (self.bits_per_entry, self.bound) {
            let over = hundredths(bits - bound);
            text.push_str(&format!(
                "\n  size      {bits:.2} bits an entry: the bound {bound:.2} and {over:.2}"
            ));
        }
        if let Some(bits) = self.value_bits {
            text.push_str(&format!("; {bits:.2} for its value"));
        }
        if let Some(expires) = self.expires {
            text.push_str(&format!("\n  expires   {expires} at the latest"));
        }
        text
    }
}

fn members(rule: &Rule) -> Vec<&str> {
    rule.members().iter().map(revocable::Member::as_str).collect()
}

/// From the header of a manifest whose signature has been verified.
fn kid(text: &[u8]) -> Option<String> {
    let header = text.split(|byte| *byte == b'.').next()?;
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    header.get("kid")?.as_str().map(str::to_owned)
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

const AFTER_HELP: &str = "\
Examples:
  revocable inspect --snapshot snapshot --keys list.pub.jwk
  revocable inspect --snapshot snapshot --keys list.pub.jwk --strict --json

For each rule and kind, the bits that an entry takes stand beside the fewest that any structure takes which is as sure:
log2(1/epsilon) of one look-up. A decision takes one for every rule and kind and for each of their layers, so that
epsilon is divided by them.

Exit codes:
  0   done
  1   failed: the manifest is not signed by --keys, or a segment is missing, damaged or, with --strict, not what it should be
  64  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_shown_as_people_read_them() {
        assert_eq!(
            [0, 119, 120, 7200, 172_800].map(ago),
            ["0 seconds", "119 seconds", "2 minutes", "2 hours", "2 days"]
        );
    }
}
