//! What changed since a snapshot, as the next one: a manifest with operations beside the segments that are there, or with
//! those operations folded into small segments of their own.
//!
//! ```text
//! operations ≤ 2,048     the manifest before + operations
//! more                   adds become a layer of each table; what is taken back stays an operation
//! no layer left          a full build is due, by `Publisher` or `Assembly`, unless there were pieces in time
//! ```

use std::collections::BTreeMap;

use crate::error::Error;
use crate::key::Jwks;
use crate::limits::{MAX_LAYERS, MAX_RECENT, MAX_RULES, MAX_SHARD_BITS, MAX_TABLES};
use crate::revocation::{
    Entry, Id, KeyRange, Kind, Rule, Segment, SegmentName, SegmentRef, Shape, Table, encode, pack,
};
use crate::time::UnixTime;

use super::assembly::{Signed, Stored, count, halves, members};
use super::epsilon::lookups;
use super::table::{Record, TableKey};
use super::terms::Terms;
use super::wire::{WireOperations, WireSegment, round_up};
use super::{FULL_BUILD, Revocation, SigningKey, full_build, invalid};

/// The snapshot after another, made of what changed meanwhile.
#[derive(Debug)]
pub struct Update {
    pub(super) terms: Terms,
    pub(super) references: Vec<SegmentRef>,
    rules: Vec<Rule>,
    tables: Vec<Table>,
    /// For each table, what is to be done to ids, each as [kept](Id::kept).
    pub(super) operations: Vec<BTreeMap<Id, Operation>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    /// `None` takes the entry back.
    pub(super) value: Option<i64>,
    pub(super) expires: Option<UnixTime>,
}

impl Update {
    /// Begins the snapshot after the one of `previous`, as [`Terms::following`] does: with its segments, as far as they have
    /// not fallen away, and its operations.
    ///
    /// # Errors
    /// As [`Terms::following`].
    pub fn following(
        previous: &[u8],
        keys: &Jwks,
        authority: impl Into<String>,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let (terms, previous) = Terms::following(previous, keys, authority, now)?;
        let mut operations: Vec<BTreeMap<Id, Operation>> =
            previous.tables().iter().map(|_| BTreeMap::new()).collect();
        for group in previous.recent() {
            let Some(table) = operations.get_mut(group.table) else { continue };
            for ((id, entry), expires) in group.all().iter().zip(group.expiries()) {
                let value = entry.map(|entry| entry.value());
                table.insert(*id, Operation { value, expires: *expires });
            }
        }
        let (rules, tables) = (previous.rules().to_vec(), previous.tables().to_vec());
        let references = previous.segments().to_vec();
        Ok(Self { terms, references, rules, tables, operations })
    }

    /// Changes what the snapshot says of itself: how long it may be relied on, which issuers it covers. Its error stays that of
    /// the segments.
    #[must_use]
    pub fn terms(mut self, change: impl FnOnce(Terms) -> Terms) -> Self {
        let epsilon = self.terms.epsilon;
        self.terms = change(self.terms).epsilon(epsilon);
        self
    }

    /// Adds a revocation, or takes one back. Of two about the same target the later one added stands.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when there would be more rules or tables than readers take.
    pub fn add(&mut self, revocation: &Revocation) -> Result<(), Error> {
        if !self.terms.covers.contains(revocation.issuer()) {
            self.terms.covers.insert(revocation.issuer().to_owned());
        }
        let record = revocation.record(self.terms.salt);
        self.add_record(revocation.table(), &record)
    }

    /// [`Update::add`], where the issuer is covered and the id is known.
    ///
    /// # Errors
    /// As [`Update::add`].
    pub fn add_record(&mut self, table: &TableKey, record: &Record) -> Result<(), Error> {
        let index = self.table(table)?;
        if let Some(operations) = self.operations.get_mut(index) {
            operations
                .insert(record.id().kept(), Operation { value: record.value(), expires: record.expires() });
        }
        Ok(())
    }

    pub(super) fn table(&mut self, key: &TableKey) -> Result<usize, Error> {
        let rule = match self.rules.iter().position(|rule| rule == key.rule()) {
            Some(rule) => rule,
            None if self.rules.len() >= MAX_RULES => return Err(invalid("there are too many rules")),
            None => {
                self.rules.push(key.rule().clone());
                self.rules.len().saturating_sub(1)
            }
        };
        let table = Table { rule, kind: key.kind(), claim: key.claim().map(str::to_owned) };
        if let Some(index) = self.tables.iter().position(|known| *known == table) {
            return Ok(index);
        }
        if self.tables.len() >= MAX_TABLES {
            return Err(invalid("there are too many pairs of a rule and a way to revoke"));
        }
        self.tables.push(table);
        self.operations.push(BTreeMap::new());
        Ok(self.tables.len().saturating_sub(1))
    }

    /// Whether it failed because all segments are to be made anew.
    #[must_use]
    pub fn wants_full_build(error: &Error) -> bool {
        matches!(error, Error::RevocationInvalid(reason) if reason == FULL_BUILD)
    }

    /// How many operations there are. With more than [`MAX_RECENT`] they are folded.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.iter().fold(0, |sum, table| sum.saturating_add(table.len()))
    }

    /// Makes the snapshot: its manifest, and the segments that are new. `segment` gives one of those before by its name; it is
    /// asked only when operations with values are folded or have expired, because of two values of one id in segments the
    /// stricter counts: one that was lowered must stay an operation, and when it has expired, what it lowered is taken back.
    /// Where it gives none, folding fails, and what has expired stays for now.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a full build is due; [`Error::SegmentMissing`] or [`Error::SegmentInvalid`] of a
    /// segment that was asked for.
    pub fn finish(
        mut self,
        key: &SigningKey,
        mut segment: impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<(Signed, Vec<Stored>), Error> {
        let terms = &self.terms;
        let is_over = |expires: Option<UnixTime>| !terms.is_live(expires);
        let mut expired = 0_u64;
        let mut references: Vec<SegmentRef> = Vec::new();
        for reference in &self.references {
            if is_over(reference.expires) {
                expired = expired.saturating_add(reference.entries);
            } else {
                references.push(*reference);
            }
        }
        for (index, (table, operations)) in self.tables.iter().zip(&mut self.operations).enumerate() {
            let over = operations.iter().filter(|(_, operation)| is_over(operation.expires));
            let mut over: Vec<(Id, i64)> = over.filter_map(|(id, one)| Some((*id, one.value?))).collect();
            // What it lowered must not come back with what it replaced, and tokens issued meanwhile be refused.
            let mut lowered = Vec::new();
            if table.kind.has_values() {
                match stricter(&over, table, &references, index, |reference| segment(&reference.name)) {
                    Ok(found) => lowered = found,
                    // Another time: what is new is not to wait for it.
                    Err(Error::SegmentMissing) => over.clear(),
                    Err(error) => return Err(error),
                }
            }
            expired = expired.saturating_add(count(over.len()));
            for (id, _) in &over {
                operations.remove(id);
            }
            let taken_back = Operation { value: None, expires: None };
            operations.extend(lowered.into_iter().map(|id| (id, taken_back)));
            // Where no segment is, there is nothing to take back.
            let covers = |one: &SegmentRef, id: &Id| one.table == index && one.range.contains(id);
            operations.retain(|id, one| {
                one.value.is_some() || references.iter().any(|reference| covers(reference, id))
            });
        }
        let mut stored = Vec::new();
        if self.operations() > MAX_RECENT {
            self.fold(&mut references, &mut stored, &mut segment)?;
        }
        if self.operations() > MAX_RECENT {
            return Err(full_build());
        }
        let entries = references.iter().fold(0_u64, |sum, one| sum.saturating_add(one.entries));
        let mut manifest = self.terms.manifest()?;
        manifest.rules = members(&self.rules);
        manifest.segments = references
            .iter()
            .filter_map(|one| Some(WireSegment::new(one, self.tables.get(one.table)?)))
            .collect();
        manifest.recent = self
            .tables
            .iter()
            .zip(&self.operations)
            .flat_map(|(table, operations)| groups(table, operations))
            .collect();
        let manifest = manifest.sign(key)?;
        Ok((Signed { manifest, seq: self.terms.seq, entries, expired }, stored))
    }

    /// Makes a segment in a layer of its own of what was added to each table.
    fn fold(
        &mut self,
        references: &mut Vec<SegmentRef>,
        stored: &mut Vec<Stored>,
        segment: &mut impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<(), Error> {
        for (index, (table, operations)) in self.tables.iter().zip(&mut self.operations).enumerate() {
            let mut adds: Vec<(Id, i64)> =
                operations.iter().filter_map(|(id, operation)| Some((*id, operation.value?))).collect();
            if table.kind.has_values() {
                let stricter =
                    stricter(&adds, table, references, index, |reference| segment(&reference.name))?;
                adds.retain(|(id, _)| stricter.binary_search(id).is_err());
            }
            // That of segments that have fallen away is free again.
            let used = |layer: &u8| references.iter().any(|one| (one.table, one.layer) == (index, *layer));
            let layer = (0..MAX_LAYERS).find(|layer| !used(layer));
            if adds.is_empty() {
                continue;
            }
            let layer = layer.ok_or_else(full_build)?;
            let lookups = self.rules.get(table.rule).map_or(1, lookups);
            let mut segments = Vec::new();
            shard(&self.terms, table.kind, lookups, KeyRange::default(), &adds, &mut segments)
                .ok_or_else(full_build)?;
            let expiries = || adds.iter().map(|(id, _)| operations.get(id).and_then(|one| one.expires));
            let expires = if expiries().any(|one| one.is_none()) { None } else { expiries().flatten().max() };
            for (range, bytes, kept) in segments {
                let name = SegmentName::of(&bytes);
                references.push(SegmentRef {
                    name,
                    table: index,
                    layer,
                    range,
                    expires,
                    entries: u64::from(kept),
                    bytes: count(bytes.len()),
                    exact: None,
                });
                stored.push((name, bytes));
            }
            operations.retain(|id, _| adds.binary_search_by_key(id, |(id, _)| *id).is_err());
        }
        Ok(())
    }
}

/// Makes segments of a layer that is added, none larger than the terms allow.
fn shard(
    terms: &Terms,
    kind: Kind,
    lookups: u64,
    range: KeyRange,
    adds: &[(Id, i64)],
    segments: &mut Vec<(KeyRange, Vec<u8>, u32)>,
) -> Option<()> {
    if adds.is_empty() {
        return Some(());
    }
    let number = u32::try_from(adds.len()).ok()?;
    let shape = Shape::of(number, terms.epsilon.fingerprints_of_layer(number, lookups));
    let is_last = range.bits >= MAX_SHARD_BITS;
    match encode(kind, (range.bits, range.shard), shape, adds) {
        Some((bytes, kept)) if is_last || count(bytes.len()) <= terms.max_segment => {
            segments.push((range, bytes, kept));
            Some(())
        }
        None if is_last => None,
        _ => halves(range, adds)
            .into_iter()
            .try_for_each(|(half, adds)| shard(terms, kind, lookups, half, adds, segments)),
    }
}

/// The ids of which a segment before has a stricter value than the one that is to stand.
fn stricter(
    adds: &[(Id, i64)],
    table: &Table,
    references: &[SegmentRef],
    index: usize,
    mut segment: impl FnMut(&SegmentRef) -> Option<Vec<u8>>,
) -> Result<Vec<Id>, Error> {
    let mut found = Vec::new();
    for reference in references.iter().filter(|one| one.table == index) {
        let here: Vec<&(Id, i64)> = adds.iter().filter(|(id, _)| reference.range.contains(id)).collect();
        if here.is_empty() {
            continue;
        }
        let opened = Segment::open(segment(reference).ok_or(Error::SegmentMissing)?)?;
        if opened.kind() != table.kind {
            return Err(Error::SegmentInvalid("its kind is not the manifest's".into()));
        }
        let is_stricter = |entry: Option<Entry>, value| entry.is_some_and(|entry| entry.value() > value);
        found
            .extend(here.iter().filter(|(id, value)| is_stricter(opened.get(id), *value)).map(|(id, _)| *id));
    }
    found.sort_unstable();
    Ok(found)
}

/// When the last token expires that these could match, and what is added.
type Window = (Option<UnixTime>, Vec<(Id, i64)>);

/// A table's operations as a manifest has them: what is added, by when it expires, then what is taken back.
pub(super) fn groups(table: &Table, operations: &BTreeMap<Id, Operation>) -> Vec<WireOperations> {
    let mut removes: Vec<(Id, i64)> = Vec::new();
    let mut adds: BTreeMap<Option<u64>, Window> = BTreeMap::new();
    let window = window_seconds(operations.values());
    for (id, Operation { value, expires }) in operations {
        let Some(value) = value else {
            removes.push((*id, 0));
            continue;
        };
        let nth = expires.map(|expires| expires.as_seconds().checked_div(window).unwrap_or(0));
        let (latest, group) = adds.entry(nth).or_default();
        *latest = (*latest).max(*expires);
        group.push((*id, *value));
    }
    let group = |op, operations: &[(Id, i64)], has_values: bool, expires: Option<UnixTime>| {
        let (base, width, data) = pack(operations, has_values);
        WireOperations {
            rule: table.rule,
            kind: table.kind.name(),
            claim: table.claim.clone(),
            op,
            expires: expires.map(round_up),
            base: has_values.then_some(base),
            width: has_values.then_some(width),
            data,
        }
    };
    let has_values = table.kind.has_values();
    let adds = adds.into_values().flat_map(|(expires, adds)| {
        let spans = if has_values { spans(adds) } else { vec![adds] };
        spans.into_iter().map(move |adds| group("add", &adds, has_values, expires))
    });
    let removes = (!removes.is_empty()).then(|| group("remove", &removes, false, None));
    adds.chain(removes).collect()
}

/// Operations by their values, in as many groups as take the fewest bytes: a group of values that lie close together has
/// narrower ones, and a few that lie elsewhere are better off in a group of their own.
fn spans(operations: Vec<(Id, i64)>) -> Vec<Vec<(Id, i64)>> {
    let mut by_value = operations;
    by_value.sort_unstable_by_key(|(id, value)| (*value, *id));
    let cut = |width: u32| {
        let mut rest = by_value.as_slice();
        std::iter::from_fn(move || {
            let (_, least) = rest.first()?;
            let fits =
                |(_, value): &(Id, i64)| value.abs_diff(*least).checked_shr(width << 3).unwrap_or(0) == 0;
            let (span, after) = rest.split_at(rest.partition_point(fits));
            rest = after;
            Some(span)
        })
    };
    let cost = |width: &u32| {
        let bytes = u64::from(*width).saturating_mul(count(by_value.len()));
        bytes.saturating_add(GROUP_BYTES.saturating_mul(count(cut(*width).count())))
    };
    // No two values are 2^56 apart. Of widths that cost the same, the first has the fewest groups.
    let width = (0..=7).rev().min_by_key(cost).unwrap_or(7);
    let mut spans: Vec<Vec<(Id, i64)>> = cut(width).map(<[_]>::to_vec).collect();
    spans.iter_mut().for_each(|span| span.sort_unstable());
    spans
}

/// How far apart operations of one group may expire, in seconds, so that there are few groups and each falls away as a whole
/// soon after its first. Groups begin at multiples of a power of two: an operation that takes over its group's expiry stays
/// in that group.
fn window_seconds<'o>(operations: impl Iterator<Item = &'o Operation> + Clone) -> u64 {
    let expiries = || operations.clone().filter(|one| one.value.is_some()).filter_map(|one| one.expires);
    let seconds = || expiries().map(UnixTime::as_seconds);
    let span = seconds().max().unwrap_or(0).saturating_sub(seconds().min().unwrap_or(0));
    let groups = count(expiries().count() / OPERATIONS_A_GROUP).clamp(1, MOST_GROUPS);
    // At most a group more than that, where the first and the last are in part.
    span.div_ceil(groups).max(1).next_power_of_two()
}

/// What a group takes beside its operations, which are encoded once more than it is.
const GROUP_BYTES: u64 = 80;
/// A group costs some hundred bytes.
const OPERATIONS_A_GROUP: usize = 64;
const MOST_GROUPS: u64 = 8;
