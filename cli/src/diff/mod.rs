//! `revocable diff`: what changed from one snapshot to another.

mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use revocable::{Id, Kind, Manifest, Rule, SegmentName};
use serde::Serialize;
use serde_json::{Value, json};

use crate::folder::{Folder, sized_names};
use crate::outgoing;
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;
use crate::sizes;

use entries::{Change, Changed, Side};

/// Tell what changed from one snapshot to another
///
/// Segments hold fingerprints of ids and not ids: entries are the same where one id may be both. That is wrong about as
/// seldom as the lists are.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The folder of the snapshot before
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The folder of the snapshot after
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The authority's public keys, as a JWKS or a single JWK; repeatable
    #[arg(long, value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Name every entry that came, went or changed, as far as its id is known
    #[arg(long)]
    entries: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'m> {
    from: End<'m>,
    to: End<'m>,
    /// Whether the second names the first as the one before it.
    follows: bool,
    covers: Sets<&'m str>,
    rules: Sets<Vec<&'m str>>,
    segments: Segments,
    /// Those beside the segments.
    operations: Operations,
    /// `null` where the salt is another, so that no id is the same.
    entries: Option<Vec<TableReport<'m>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct End<'m> {
    authority: &'m str,
    seq: u64,
    issued_at: u64,
    epsilon: String,
}

#[derive(Serialize)]
struct Sets<T> {
    added: Vec<T>,
    removed: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Segments {
    kept: usize,
    added: usize,
    removed: usize,
    /// What whoever has the first must read to have the second.
    added_bytes: u64,
}

#[derive(Serialize)]
struct Operations {
    from: usize,
    to: usize,
}

#[derive(Serialize)]
struct TableReport<'m> {
    rule: Vec<&'m str>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'m str>,
    #[serde(flatten)]
    changed: Changed,
}

/// What a table is called in both.
type Name<'m> = (&'m Rule, Kind, Option<&'m str>);

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let keys = outgoing::public_keys(None, &args.keys)?;
    let (from, to) = (Folder::new(&args.from), Folder::new(&args.to));
    let (before, after) = (from.manifest(&keys)?, to.manifest(&keys)?);
    let progress = Progress::begin("comparing entries", ui);
    let same_salt = before.salt() == after.salt();
    let mut tables = Vec::new();
    let names: BTreeSet<Name<'_>> =
        table_names(&before).chain(table_names(&after)).map(|(name, _)| name).collect();
    for name in names.into_iter().filter(|_| same_salt) {
        let (old, new) = ((&before, index(&before, name)), (&after, index(&after, name)));
        let untouched = entries::untouched(old, new);
        let kept = untouched.values().fold(0_u64, |sum, entries| sum.saturating_add(*entries));
        let side = |folder, of| Side::new(folder, of, &untouched, &progress);
        let (rule, kind, claim) = name;
        let (rule, kind) = (members(rule), kind.name());
        let mut show = |change: &Change| match args.entries {
            true => output::print(&shown(change, &rule, kind, claim, ui)),
            false => Ok(()),
        };
        let changed = entries::compare(side(&from, old), side(&to, new), kept, &mut show)?;
        tables.push(TableReport { rule, kind, claim, changed });
    }
    drop(progress);
    let report = Report::new(&before, &after, same_salt.then_some(tables));
    if ui.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_text())?;
    }
    Ok(Exit::Ok)
}

fn table_names(manifest: &Manifest) -> impl Iterator<Item = (Name<'_>, usize)> {
    manifest.tables().iter().enumerate().filter_map(|(index, table)| {
        Some(((manifest.rules().get(table.rule)?, table.kind, table.claim.as_deref()), index))
    })
}

fn index(manifest: &Manifest, wanted: Name<'_>) -> Option<usize> {
    table_names(manifest).find(|(name, _)| *name == wanted).map(|(_, index)| index)
}

impl<'m> Report<'m> {
    fn new(before: &'m Manifest, after: &'m Manifest, entries: Option<Vec<TableReport<'m>>>) -> Self {
        let segments = |manifest| sized_names(manifest).collect::<BTreeMap<SegmentName, u64>>();
        let (old, new) = (segments(before), segments(after));
        let added = || new.iter().filter(|(name, _)| !old.contains_key(*name));
        let operations = |manifest: &Manifest| manifest.recent().iter().map(|group| group.all().len()).sum();
        Self {
            from: End::new(before),
            to: End::new(after),
            follows: after.prev() == Some(before.hash()),
            covers: Sets::of(before.covered(), after.covered()),
            rules: Sets::of(before.rules().iter().map(members), after.rules().iter().map(members)),
            segments: Segments {
                kept: new.len().saturating_sub(added().count()),
                added: added().count(),
                removed: old.keys().filter(|name| !new.contains_key(*name)).count(),
                added_bytes: added().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes)),
            },
            operations: Operations { from: operations(before), to: operations(after) },
            entries,
        }
    }

    fn to_text(&self) -> String {
        let follows = if self.follows { ", which names it as the one before" } else { "" };
        let mut lines = vec![
            format!(
                "from        number {} of {}, epsilon {}",
                self.from.seq, self.from.authority, self.from.epsilon
            ),
            format!(
                "to          number {} of {}, epsilon {}{follows}",
                self.to.seq, self.to.authority, self.to.epsilon
            ),
        ];
        for (sign, sets) in [("+", &self.covers.added), ("-", &self.covers.removed)] {
            lines.extend(sets.iter().map(|issuer| format!("covers      {sign} {issuer}")));
        }
        for (sign, sets) in [("+", &self.rules.added), ("-", &self.rules.removed)] {
            lines.extend(sets.iter().map(|rule| format!("rules       {sign} {rule:?}")));
        }
        let Segments { kept, added, removed, added_bytes } = self.segments;
        let bytes = sizes::shown(added_bytes);
        lines.push(format!("segments    {kept} kept, {added} added ({bytes}), {removed} removed"));
        lines.push(format!(
            "operations  {} in the manifest before, {} after",
            self.operations.from, self.operations.to
        ));
        match &self.entries {
            None => lines.push("entries     not to be compared: the salt is another".to_owned()),
            Some(tables) => lines.extend(tables.iter().map(TableReport::to_text)),
        }
        lines.join("\n")
    }
}

impl<'m> End<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        Self {
            authority: manifest.authority(),
            seq: manifest.seq(),
            issued_at: manifest.issued_at().as_seconds(),
            epsilon: format!("2^-{}", manifest.epsilon_bits()),
        }
    }
}

impl<T: Ord> Sets<T> {
    fn of(before: impl Iterator<Item = T>, after: impl Iterator<Item = T>) -> Self {
        let (mut removed, mut added): (BTreeSet<T>, BTreeSet<T>) = (before.collect(), BTreeSet::new());
        for one in after {
            if !removed.remove(&one) {
                added.insert(one);
            }
        }
        Self { added: added.into_iter().collect(), removed: removed.into_iter().collect() }
    }
}

impl TableReport<'_> {
    fn to_text(&self) -> String {
        let claim = self.claim.map(|claim| format!(" of {claim}")).unwrap_or_default();
        let Changed { added, removed, changed, kept } = self.changed;
        let counts = format!("{added} added, {removed} removed, {changed} changed, {kept} kept");
        format!("entries     {:?} {}{claim}: {counts}", self.rule, self.kind)
    }
}

fn members(rule: &Rule) -> Vec<&str> {
    rule.members().iter().map(revocable::Member::as_str).collect()
}

/// One entry on a line of its own.
fn shown(change: &Change, rule: &[&str], kind: &str, claim: Option<&str>, ui: Ui) -> String {
    let (sign, word, found, before) = match change {
        Change::Added(found) => ("+", "added", found, None),
        Change::Removed(found) => ("-", "removed", found, None),
        Change::Changed { before, after } => ("~", "changed", after, Some(before.value)),
    };
    let id = prefix(found.from, found.to);
    if ui.json {
        let mut line = json!({ "change": word, "rule": rule, "kind": kind, "id": id });
        let more = [("claim", claim.map(Value::from)), ("before", before.map(Value::from))];
        let value = (kind != Kind::Outright.name()).then(|| Value::from(found.value));
        for (name, value) in more.into_iter().chain([("value", value)]) {
            if let (Some(line), Some(value)) = (line.as_object_mut(), value) {
                line.insert(name.to_owned(), value);
            }
        }
        return line.to_string();
    }
    let value = match before {
        _ if kind == Kind::Outright.name() => String::new(),
        Some(before) => format!(" {before} -> {}", found.value),
        None => format!(" {}", found.value),
    };
    let claim = claim.map(|claim| format!(" of {claim}")).unwrap_or_default();
    format!("{sign} {rule:?} {kind}{claim} {id}{value}")
}

/// The hexadecimal digits that all ids from one to another begin with.
fn prefix(from: Id, to: Id) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    from.chars().zip(to.chars()).take_while(|(one, other)| one == other).map(|(digit, _)| digit).collect()
}

const AFTER_HELP: &str = "\
With --entries, a line for each entry comes before the summary, with as many digits of its id as the segment keeps; with
--json it is {\"change\":\"added\",\"rule\":[\"jti\"],\"kind\":\"outright\",\"id\":\"3f2a…\"}. Values are milliseconds since 1970 of
cutoffs, and minima as they are.

Examples:
  revocable diff --from before --to snapshot --keys list.pub.jwk
  revocable diff --from before --to snapshot --keys list.pub.jwk --entries --json

Exit codes:
  0   done, whether anything changed or not
  1   failed: a manifest is not signed by --keys, or a segment is missing or damaged
  64  the command line is wrong";
