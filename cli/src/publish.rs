//! `revocable publish`: a snapshot to where readers get it.
//!
//! Everything of it is read and checked before anything is written, and the manifest comes after all segments: whoever
//! reads meanwhile finds the snapshot before or this one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use revocable::{Error, Manifest, SegmentName, UnixTime};
use serde::Serialize;
use serde_json::{Value, json};

use crate::folder::{Folder, names};
use crate::input;
use crate::outgoing::{self, MANIFEST, Outgoing, Written};
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;
use crate::store::{self, Access, Staged, Writing};

/// Publish a snapshot: into another folder, or as files for `wrangler kv bulk put`
///
/// Checks every segment and the manifest's signature first.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The folder of the snapshot, from `revocable build`
    #[arg(long, value_name = "DIR")]
    snapshot: PathBuf,
    /// The authority's public keys, as a JWKS or a single JWK; repeatable
    #[arg(long, value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    to: To,
    /// The folder of what has been published before: segments that it names are left out of --kv-bulk
    #[arg(long, value_name = "DIR", conflicts_with = "to")]
    published: Option<PathBuf>,
    /// Publish as of this time, in seconds since 1970; the clock's if left out
    #[arg(long, value_name = "UNIX", value_parser = input::instant)]
    now: Option<UnixTime>,
    /// Write over a newer or foreign manifest in --to
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Write the JSON that `wrangler kv bulk put` takes; what is more than one request may hold goes into FILE-2 and so on
    #[arg(long, value_name = "FILE")]
    kv_bulk: Option<PathBuf>,
    /// Write segments and manifest into this folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    seq: u64,
    /// The files to be put, in this order; or the manifest in the folder.
    files: Vec<PathBuf>,
    segments: usize,
    /// Those that were written.
    new_segments: usize,
    bytes: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let now = input::now(args.now)?;
    let keys = outgoing::public_keys(None, &args.keys)?;
    let folder = Folder::new(&args.snapshot);
    let manifest = folder.manifest(&keys)?;
    if now >= manifest.expires_at() {
        let error = Error::ManifestInvalid("it has expired: no reader would take it".into());
        return Err(Failure::about(args.snapshot.join(MANIFEST).display(), &error));
    }
    let progress = Progress::begin("publishing", ui);
    let summary = match (&args.to.to, &args.to.kv_bulk) {
        (Some(to), _) => to_folder(args, to, &folder, &manifest, now, &progress)?,
        (None, Some(file)) => to_bulk(args, file, &folder, &manifest, &progress)?,
        (None, None) => return Err(Failure::usage("--kv-bulk or --to says where to")),
    };
    drop(progress);
    if ui.json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_text(args.to.kv_bulk.is_some()))?;
    }
    Ok(Exit::Ok)
}

fn to_folder(
    args: &Args,
    to: &Path,
    folder: &Folder<'_>,
    manifest: &Manifest,
    now: UnixTime,
    progress: &Progress,
) -> Result<Summary, Failure> {
    let keys = || outgoing::public_keys(None, &args.keys);
    if !args.force {
        let ours = (manifest.authority(), &keys()?);
        outgoing::refuse_to_go_back(to, ours, manifest.seq(), Some(manifest.text()))?;
    }
    let mut outgoing = Outgoing::new(to);
    for name in names(manifest) {
        outgoing.segment(name, &folder.segment(&name)?)?;
        progress.advance();
    }
    outgoing.read_back(manifest, keys()?, now)?;
    let Written { segments, new_segments, bytes } = outgoing.finish(manifest.text())?;
    Ok(Summary { seq: manifest.seq(), files: vec![to.join(MANIFEST)], segments, new_segments, bytes })
}

fn to_bulk(
    args: &Args,
    file: &Path,
    folder: &Folder<'_>,
    manifest: &Manifest,
    progress: &Progress,
) -> Result<Summary, Failure> {
    let known: Vec<SegmentName> = match &args.published {
        Some(published) => {
            names(&Folder::new(published).manifest(&outgoing::public_keys(None, &args.keys)?)?).collect()
        }
        None => Vec::new(),
    };
    let mut bulk = Bulk::new(file, MOST_BYTES, MOST_PAIRS);
    let mut summary =
        Summary { seq: manifest.seq(), files: Vec::new(), segments: 0, new_segments: 0, bytes: 0 };
    let mut done = std::collections::HashSet::new();
    for name in names(manifest).filter(|name| done.insert(*name)) {
        let bytes = folder.segment(&name)?;
        let checked = revocable::Segment::open(bytes.as_slice()).and_then(|segment| segment.check());
        checked.map_err(|error| Failure::about(folder.segment_path(&name).display(), &error))?;
        summary.segments = summary.segments.saturating_add(1);
        summary.bytes = summary.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if !known.contains(&name) {
            summary.new_segments = summary.new_segments.saturating_add(1);
            bulk.put(
                &json!({ "key": name.object_name(), "value": STANDARD.encode(&bytes), "base64": true }),
            )?;
        }
        progress.advance();
    }
    let text = String::from_utf8_lossy(manifest.text());
    bulk.put(&json!({ "key": MANIFEST, "value": text }))?;
    summary.files = bulk.finish()?;
    Ok(summary)
}

/// Files of key-value pairs, none larger than a request may be.
struct Bulk<'p> {
    file: &'p Path,
    most_bytes: usize,
    most_pairs: usize,
    parts: Vec<PathBuf>,
    staged: Vec<Staged>,
    /// The one that is being written, how long it is, and how many pairs it has.
    open: Option<(Writing, usize, usize)>,
}

impl<'p> Bulk<'p> {
    const fn new(file: &'p Path, most_bytes: usize, most_pairs: usize) -> Self {
        Self { file, most_bytes, most_pairs, parts: Vec::new(), staged: Vec::new(), open: None }
    }

    fn put(&mut self, pair: &Value) -> Result<(), Failure> {
        let text = pair.to_string();
        let is_full = self.open.as_ref().is_some_and(|(_, length, pairs)| {
            length.saturating_add(text.len()) > self.most_bytes || *pairs >= self.most_pairs
        });
        if is_full {
            self.close()?;
        }
        let path = self.part(self.parts.len().saturating_add(1));
        let (mut writing, length, pairs) = match self.open.take() {
            Some(open) => open,
            None => {
                let begun = Writing::begin(&path, Access::Usual);
                let begun = begun.map_err(|error| Failure::writing(path.display(), &error))?;
                self.parts.push(path);
                (begun, 0, 0)
            }
        };
        let comma = if pairs == 0 { "[" } else { ",\n" };
        let written = writing.write_all(comma.as_bytes()).and_then(|()| writing.write_all(text.as_bytes()));
        written.map_err(|error| self.failure(&error))?;
        let length = length.saturating_add(text.len()).saturating_add(comma.len());
        self.open = Some((writing, length, pairs.saturating_add(1)));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some((mut writing, ..)) = self.open.take() else { return Ok(()) };
        let finished = writing.write_all(b"]\n").and_then(|()| writing.finish());
        let staged = finished.map_err(|error| self.failure(&error))?;
        self.staged.push(staged);
        Ok(())
    }

    /// Moves all of them into their places, the one with the manifest last.
    fn finish(mut self) -> Result<Vec<PathBuf>, Failure> {
        self.close()?;
        for staged in std::mem::take(&mut self.staged) {
            staged.replace().map_err(|error| self.failure(&error))?;
        }
        store::flush_folder(store::folder(self.file)).map_err(|error| self.failure(&error))?;
        Ok(self.parts)
    }

    /// `bulk.json`, `bulk-2.json`, …
    fn part(&self, number: usize) -> PathBuf {
        if number <= 1 {
            return self.file.to_owned();
        }
        let mut name = self.file.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = self.file.extension() {
            name.push(".");
            name.push(extension);
        }
        self.file.with_file_name(name)
    }

    fn failure(&self, error: &io::Error) -> Failure {
        Failure::writing(self.file.display(), error)
    }
}

impl Summary {
    fn to_text(&self, is_bulk: bool) -> String {
        let mut text = format!(
            "snapshot  number {}\nsegments  {}, of them {} new; {} bytes",
            self.seq, self.segments, self.new_segments, self.bytes
        );
        for file in &self.files {
            let file = file.display();
            text.push_str(&match is_bulk {
                true => format!("\nput       npx wrangler kv bulk put --remote --binding REVOCATIONS {file}"),
                false => format!("\nmanifest  {file}"),
            });
        }
        text
    }
}

/// A request to Cloudflare's API may have 100 MB, and wrangler sends a thousand pairs in each.
const MOST_BYTES: usize = 90_000_000;
const MOST_PAIRS: usize = 1000;

const AFTER_HELP: &str = "\
Examples:
  revocable publish --snapshot snapshot --keys list.pub.jwk --kv-bulk bulk.json
  npx wrangler kv bulk put --remote --binding REVOCATIONS bulk.json
  revocable publish --snapshot snapshot --keys list.pub.jwk --kv-bulk bulk.json --published before
  revocable publish --snapshot snapshot --keys list.pub.jwk --to /var/www/revocations

Several files are to be put in the order in which they are named: the manifest is in the last. With --local instead of
--remote, wrangler 4.86 and others of its time put binary values as if they were text, which no reader takes
(https://github.com/cloudflare/workers-sdk/pull/15192); put each segment with `wrangler kv key put --path` there.

Exit codes:
  0   done
  1   failed: the snapshot is not sound or has expired, or cannot be written
  64  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_request_may_have_goes_into_further_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bulk.json");
        let pair = |number: usize| json!({ "key": number, "value": "x".repeat(number) });
        for (most_bytes, most_pairs, lengths) in
            [(1000, 3, vec![3, 3, 1]), (60, 9, vec![2, 2, 2, 1]), (1, 1, vec![1; 7])]
        {
            let mut bulk = Bulk::new(&file, most_bytes, most_pairs);
            (0..7).for_each(|number| bulk.put(&pair(number)).unwrap());
            let files = bulk.finish().unwrap();
            let read = |file: &PathBuf| -> Vec<Value> {
                serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
            };
            let parts: Vec<Vec<Value>> = files.iter().map(read).collect();
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
            assert_eq!(parts.concat(), (0..7).map(pair).collect::<Vec<_>>());
            assert_eq!(files[0], file);
            assert_eq!(files[1], folder.path().join("bulk-2.json"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 7, "and no temporary file");
    }
}
