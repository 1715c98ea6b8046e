//! Makes segments one key range at a time, so that nobody has to hold all entries at once, and the manifest in the end.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_RULES, MAX_SEGMENTS, MAX_SHARD_BITS, MAX_TABLES};
use crate::revocation::{
    ExactRef, Id, KeyRange, Kind, Rule, SegmentName, SegmentRef, Shape, Table, encode, encode_ribbon,
};
use crate::time::UnixTime;

use super::epsilon::lookups;
use super::table::{Record, TableKey};
use super::terms::Terms;
use super::wire::WireSegment;
use super::{Epsilon, SigningKey, invalid};

/// What is known of a table before its entries are.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The table.
    pub table: TableKey,
    /// At most so many entries.
    pub entries: u64,
    /// No value is less.
    pub least: i64,
    /// No value is greater.
    pub most: i64,
    /// None of those that expire expires later.
    pub latest: Option<UnixTime>,
}

/// A snapshot that is being made: for every table all of its entries, in ascending order of id and key range by key range.
#[derive(Debug)]
pub struct Assembly {
    terms: Terms,
    rules: Vec<Rule>,
    tables: Vec<(Tally, Table)>,
    lookups: u64,
    references: Vec<SegmentRef>,
    /// Which key ranges of tables have been put.
    ranges: Vec<(usize, KeyRange)>,
    entries: u64,
    expired: u64,
}

/// A segment to be stored.
pub type Stored = (SegmentName, Vec<u8>);

/// A manifest that has been signed, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signed {
    /// The manifest: `manifest.jwt`.
    pub manifest: String,
    /// Its number.
    pub seq: u64,
    /// How many entries its segments have.
    pub entries: u64,
    /// How many entries were left out because no token that they could match can pass any more.
    pub expired: u64,
}

impl Tally {
    /// Nothing is known of the table yet.
    #[must_use]
    pub const fn new(table: TableKey) -> Self {
        Self { table, entries: 0, least: i64::MAX, most: i64::MIN, latest: None }
    }

    /// Counts a record; of those that are not published ([`Terms::keeps`]) none is to be.
    pub fn add(&mut self, record: &Record) {
        self.entries = self.entries.saturating_add(1);
        if let Some(value) = record.value() {
            self.least = self.least.min(value);
            self.most = self.most.max(value);
        }
        self.latest = self.latest.max(record.expires());
    }

    fn value_bits(&self) -> u64 {
        if !self.table.kind().has_values() || self.least > self.most {
            return 0;
        }
        u64::from(u64::BITS.saturating_sub(self.most.abs_diff(self.least).leading_zeros()))
    }
}

impl Assembly {
    /// Begins a snapshot with these rules, those of the tables among them, and these tables.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when there are more of them than readers take.
    pub fn new(terms: Terms, rules: BTreeSet<Rule>, tallies: Vec<Tally>) -> Result<Self, Error> {
        let mut rules = rules;
        rules.extend(tallies.iter().map(|tally| tally.table.rule().clone()));
        if rules.len() > MAX_RULES {
            return Err(invalid("there are too many rules"));
        }
        if tallies.len() > MAX_TABLES {
            return Err(invalid("there are too many pairs of a rule and a way to revoke"));
        }
        let rules: Vec<Rule> = rules.into_iter().collect();
        let layers = match terms.expiry_windows {
            0 | 1 => 1,
            windows => u64::from(windows).saturating_add(1),
        };
        let lookups = tallies
            .iter()
            .fold(0_u64, |sum, tally| sum.saturating_add(lookups(tally.table.rule()).saturating_mul(layers)));
        let tables = tallies.into_iter().map(|tally| {
            let rule = rules.iter().position(|rule| rule == tally.table.rule()).unwrap_or(usize::MAX);
            let table =
                Table { rule, kind: tally.table.kind(), claim: tally.table.claim().map(str::to_owned) };
            (tally, table)
        });
        let tables = tables.collect();
        let epsilon = terms.epsilon.reachable(lookups);
        let terms = terms.epsilon(epsilon);
        let (references, ranges) = (Vec::new(), Vec::new());
        Ok(Self { terms, rules, tables, lookups, references, ranges, entries: 0, expired: 0 })
    }

    /// How many leading bits the ids of one key range of a table share: 2 to the power of this is how many ranges there are.
    #[must_use]
    pub fn range_bits(&self, table: usize) -> u8 {
        let fits = |bits: &u8| self.range_bytes(table, *bits) <= self.terms.max_segment;
        (0..MAX_SHARD_BITS).find(fits).unwrap_or(MAX_SHARD_BITS)
    }

    /// How many bytes there are at most for one of 2 to the power of `bits` key ranges of a table: of its segment, and as many
    /// more of the one that confirms.
    #[must_use]
    pub fn range_bytes(&self, table: usize, bits: u8) -> u64 {
        let Some((tally, _)) = self.tables.get(table) else { return 0 };
        let share = tally.entries.checked_shr(u32::from(bits)).unwrap_or(0);
        // Ids are spread evenly; eight standard deviations more than the share are not seen.
        let most = share.saturating_add(share.isqrt().saturating_mul(8)).saturating_add(64);
        let entries = u32::try_from(most).unwrap_or(u32::MAX);
        let shape = self.shape(entries);
        let exact = if self.is_coarse(entries) { Shape::exact(entries).cost(entries) } else { 0 };
        let cost = shape.cost(entries).max(exact).saturating_add(tally.value_bits().saturating_mul(256));
        let bytes = u128::from(most).saturating_mul(u128::from(cost)) / (256 * 8);
        u64::try_from(bytes.saturating_add(256)).unwrap_or(u64::MAX)
    }

    /// How seldom a decision is wrong by what it makes: as was asked for, or as far as there is room for.
    #[must_use]
    pub const fn epsilon(&self) -> Epsilon {
        self.terms.epsilon
    }

    /// How many entries its segments have so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Its tables, which key ranges of them were put, and the segments that came of it.
    pub(super) fn into_parts(self) -> (Vec<TableKey>, Vec<(usize, KeyRange)>, Vec<SegmentRef>) {
        let tables = self.tables.into_iter().map(|(tally, _)| tally.table).collect();
        (tables, self.ranges, self.references)
    }

    fn shape(&self, entries: u32) -> Shape {
        Shape::of(entries, self.terms.epsilon.fingerprints(entries, self.lookups))
    }

    fn is_coarse(&self, entries: u32) -> bool {
        self.shape(entries).error_bits(entries) < COARSEST_SURE_EPSILON_BITS
    }

    /// Takes all records of a table in a key range, as [`super::settle`] leaves them, and gives the segments that they make:
    /// store them before the manifest. A segment of coarse ids comes with the one that confirms.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a record is outside the range or out of order, or there are too many.
    pub fn put(&mut self, table: usize, range: KeyRange, records: &[Record]) -> Result<Vec<Stored>, Error> {
        // A segment of what does not ascend would lose entries.
        if records.windows(2).any(|pair| matches!(pair, [one, other] if one.key() >= other.key())) {
            return Err(invalid("the records are not in ascending order of id, each once"));
        }
        self.ranges.push((table, range));
        let mut windows: Vec<Window> = (0..=self.terms.expiry_windows).map(|_| Window::default()).collect();
        let latest = self.tables.get(table).and_then(|(tally, _)| tally.latest);
        let kind = self.tables.get(table).map(|(tally, _)| tally.table.kind());
        for record in records {
            let Some(value) = record.value() else { continue };
            if !kind.is_some_and(|kind| kind.allows(value)) {
                return Err(invalid("a record has a value that no entry of its kind may have"));
            }
            if !self.terms.is_live(record.expires()) {
                self.expired = self.expired.saturating_add(1);
                continue;
            }
            let window = self.window(record.expires(), latest);
            if let Some(window) = windows.get_mut(usize::from(window)) {
                window.add(record.id(), value, record.expires());
            }
        }
        let mut stored = Vec::new();
        for (layer, window) in windows.iter().enumerate() {
            self.entries = self.entries.saturating_add(count(window.entries.len()));
            let layer = u8::try_from(layer).unwrap_or(u8::MAX);
            self.put_layer((table, layer), range, &window.entries, window.expires(), &mut stored)?;
        }
        Ok(stored)
    }

    /// Which layer an entry is put into: all into the first where there are no windows.
    fn window(&self, expires: Option<UnixTime>, latest: Option<UnixTime>) -> u8 {
        let windows = u64::from(self.terms.expiry_windows);
        let (Some(expires), Some(latest), true) = (expires, latest, windows > 1) else { return 0 };
        let length = latest.millis_since(self.terms.now).saturating_add(1);
        let nth = expires.millis_since(self.terms.now).saturating_mul(windows).checked_div(length);
        u8::try_from(nth.unwrap_or(0).min(windows.saturating_sub(1)).saturating_add(1)).unwrap_or(0)
    }

    fn put_layer(
        &mut self,
        (table, layer): (usize, u8),
        range: KeyRange,
        entries: &[(Id, i64)],
        expires: Option<UnixTime>,
        stored: &mut Vec<Stored>,
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let kind = self.tables.get(table).map(|(tally, _)| tally.table.kind());
        let kind = kind.ok_or_else(|| invalid("there is no such table"))?;
        let number = u32::try_from(entries.len()).map_err(|_| invalid("there are too many entries"))?;
        let shape = self.shape(number);
        let of = (range.bits, range.shard);
        let is_coarse = self.is_coarse(number);
        let main = self.smallest(kind, of, shape, is_coarse, entries);
        let exact = is_coarse.then(|| encode(kind, of, Shape::exact(number), entries));
        let fits = |bytes: &[u8]| count(bytes.len()) <= self.terms.max_segment;
        let (Some((bytes, kept)), exact) = (main, exact) else {
            return self.split((table, layer), range, entries, expires, stored);
        };
        let exact = match exact {
            None => None,
            Some(Some((bytes, _))) if fits(&bytes) || range.bits >= MAX_SHARD_BITS => Some(bytes),
            Some(_) => return self.split((table, layer), range, entries, expires, stored),
        };
        if !fits(&bytes) && range.bits < MAX_SHARD_BITS {
            return self.split((table, layer), range, entries, expires, stored);
        }
        let name = SegmentName::of(&bytes);
        let exact = exact.map(|bytes| {
            let reference = ExactRef { name: SegmentName::of(&bytes), bytes: count(bytes.len()) };
            stored.push((reference.name, bytes));
            reference
        });
        self.references.push(SegmentRef {
            name,
            table,
            layer,
            range,
            expires,
            entries: u64::from(kept),
            bytes: count(bytes.len()),
            exact,
        });
        stored.push((name, bytes));
        Ok(())
    }

    /// The smaller of the two structures, where both will do; without making quotients to see that they are not. A ribbon cannot be listed, so there is always another segment of
    /// the same ids beside it: the one that confirms.
    fn smallest(
        &self,
        kind: Kind,
        of: (u8, u32),
        shape: Shape,
        is_coarse: bool,
        entries: &[(Id, i64)],
    ) -> Option<(Vec<u8>, u32)> {
        let bits = self.terms.epsilon.fingerprint_bits(self.lookups);
        if is_coarse && !kind.has_values() && bits <= MOST_RIBBON_BITS {
            let number = u32::try_from(entries.len()).ok()?;
            let ribbon = encode_ribbon(of, bits, entries);
            let is_smaller = |(bytes, _): &(Vec<u8>, u32)| count(bytes.len()) < shape.least_bytes(number);
            if let Some(ribbon) = ribbon.filter(is_smaller) {
                return Some(ribbon);
            }
        }
        encode(kind, of, shape, entries)
    }

    /// Makes two segments of half the key range each, where one would be too large.
    fn split(
        &mut self,
        place: (usize, u8),
        range: KeyRange,
        entries: &[(Id, i64)],
        expires: Option<UnixTime>,
        stored: &mut Vec<Stored>,
    ) -> Result<(), Error> {
        if entries.iter().any(|(id, _)| !range.contains(id)) {
            return Err(invalid("an entry is outside of its key range"));
        }
        if range.bits >= MAX_SHARD_BITS {
            return Err(invalid("there are too many entries for segments of this size"));
        }
        halves(range, entries)
            .into_iter()
            .try_for_each(|(half, entries)| self.put_layer(place, half, entries, expires, stored))
    }

    /// Signs the manifest.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when nothing is covered, or a limit of the manifest is passed.
    pub fn finish(mut self, key: &SigningKey) -> Result<Signed, Error> {
        if self.references.len() > MAX_SEGMENTS {
            return Err(invalid("there are too many entries for segments of this size"));
        }
        self.references.sort_by_key(|one| (one.table, one.layer, one.range.bits, one.range.shard));
        let mut manifest = self.terms.manifest()?;
        manifest.rules = members(&self.rules);
        manifest.segments = self
            .references
            .iter()
            .filter_map(|one| Some(WireSegment::new(one, &self.tables.get(one.table)?.1)))
            .collect();
        let manifest = manifest.sign(key)?;
        Ok(Signed { manifest, seq: self.terms.seq, entries: self.entries, expired: self.expired })
    }
}

/// The entries of one layer, and when the last of them expires.
#[derive(Default)]
struct Window {
    entries: Vec<(Id, i64)>,
    latest: Option<UnixTime>,
    stays: bool,
}

impl Window {
    fn add(&mut self, id: Id, value: i64, expires: Option<UnixTime>) {
        self.entries.push((id, value));
        self.latest = self.latest.max(expires);
        self.stays |= expires.is_none();
    }

    /// None where one entry has none.
    fn expires(&self) -> Option<UnixTime> {
        self.latest.filter(|_| !self.stays)
    }
}

/// The two halves of a key range, and which of its entries, in ascending order, are in each.
pub(super) fn halves(range: KeyRange, entries: &[(Id, i64)]) -> [(KeyRange, &[(Id, i64)]); 2] {
    let bits = range.bits.saturating_add(1);
    let shard = range.shard.checked_shl(1).unwrap_or(0);
    let low = KeyRange { bits, shard };
    let (first, second) = entries.split_at(entries.partition_point(|(id, _)| low.contains(id)));
    [(low, first), (KeyRange { bits, shard: shard | 1 }, second)]
}

/// Rules as a manifest has them.
pub(super) fn members(rules: &[Rule]) -> Vec<Vec<&str>> {
    rules.iter().map(|rule| rule.members().iter().map(|member| member.as_str()).collect()).collect()
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Each bit of a ribbon's fingerprints takes a look-up a little longer: with more of them it is slower than in quotients.
const MOST_RIBBON_BITS: u8 = 16;
