//! Makes a snapshot's segments anew piece by piece: some key ranges at a time, each piece a manifest of its own, so that nobody who
//! keeps up ever reads, or holds twice, more than a part of them.
//!
//! ```text
//! before           each piece                                after the last
//! layers 0 … n     its key ranges in a layer more; what      one layer, and what was
//! + operations     ends in them goes, and so do operations   said meanwhile
//!                  that segments say as well now
//! ```

use std::collections::BTreeMap;

use crate::error::Error;
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_LAYERS};
use crate::revocation::{Id, KeyRange, Segment, SegmentName, SegmentRef};

use super::assembly::Assembly;
use super::update::Operation;
use super::{Epsilon, Update, full_build};

impl Update {
    /// Puts the segments that `part` made in the place of those before that are `old` and whose key range ends in one of its own.
    /// What is wider stays, and is looked up beside them, until the piece that makes the last of its key range: so the key
    /// ranges of a table are made in ascending order, of everything that is revoked when each is. `segment` gives any of either's
    /// by its name.
    ///
    /// `stated` is how seldom a decision may be wrong while segments of both kinds are looked up, or after the last piece.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a full build is due; [`Error::SegmentMissing`] or [`Error::SegmentInvalid`] of a segment.
    pub fn replace(
        &mut self,
        part: Assembly,
        stated: Epsilon,
        old: impl Fn(&SegmentName) -> bool,
        mut segment: impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let (keys, ranges, made) = part.into_parts();
        let tables = keys.iter().map(|key| self.table(key)).collect::<Result<Vec<usize>, Error>>()?;
        // Of each table, in which key ranges segments say something else now.
        let mut changed: BTreeMap<usize, Vec<KeyRange>> = BTreeMap::new();
        for (table, range) in ranges {
            if let Some(table) = tables.get(table) {
                changed.entry(*table).or_default().push(range);
            }
        }
        let made =
            made.into_iter().filter_map(|one| Some(SegmentRef { table: *tables.get(one.table)?, ..one }));
        let made: Vec<SegmentRef> = made.collect();
        let mut gone = Vec::new();
        self.references.retain(|one| {
            let (_, end) = one.range.ends();
            let ends_in = |range: &KeyRange| (range.ends().0..=range.ends().1).contains(&end);
            let ends_here = changed.get(&one.table).is_some_and(|ranges| ranges.iter().any(ends_in));
            let is_made =
                |new: &SegmentRef| (new.table, new.range, new.name) == (one.table, one.range, one.name);
            let goes = ends_here && (old(&one.name) || made.iter().any(is_made));
            if goes {
                gone.push((one.table, one.range));
            }
            !goes
        });
        for (table, range) in gone {
            changed.entry(table).or_default().push(range);
        }
        self.references.extend(made);
        for (table, ranges) in &changed {
            lay(&mut self.references, *table)?;
            if let Some(operations) = self.operations.get_mut(*table) {
                drop_repeated(operations, ranges, (&self.references, *table), &mut segment)?;
            }
        }
        self.references.sort_by_key(|one| (one.table, one.layer, one.range.bits, one.range.shard));
        self.terms.epsilon = stated;
        Ok(())
    }
}

/// Puts each segment of a table into the first layer in which its key range overlaps no other. Taken from the lowest up, that makes
/// as few layers as there can be.
fn lay(references: &mut [SegmentRef], table: usize) -> Result<(), Error> {
    let mut here: Vec<&mut SegmentRef> = references.iter_mut().filter(|one| one.table == table).collect();
    here.sort_by_key(|one| (one.range.ends(), one.name));
    // Where the last of each layer ends.
    let mut layers: Vec<u32> = Vec::new();
    for reference in here {
        let (begin, end) = reference.range.ends();
        let free = layers.iter().position(|last| *last < begin);
        let layer = free.unwrap_or_else(|| {
            layers.push(end);
            layers.len().saturating_sub(1)
        });
        if let Some(last) = layers.get_mut(layer) {
            *last = end;
        }
        reference.layer = u8::try_from(layer).ok().filter(|one| *one < MAX_LAYERS).ok_or_else(full_build)?;
    }
    Ok(())
}

/// Drops operations of ids in these key ranges about which the segments say the same. Whatever was said when: what readers are
/// told stays what it is.
fn drop_repeated(
    operations: &mut BTreeMap<Id, Operation>,
    ranges: &[KeyRange],
    (references, table): (&[SegmentRef], usize),
    segment: &mut impl FnMut(&SegmentName) -> Option<Vec<u8>>,
) -> Result<(), Error> {
    let here = operations.keys().filter(|id| ranges.iter().any(|range| range.contains(id)));
    let mut said: BTreeMap<Id, Option<i64>> = here.map(|id| (*id, None)).collect();
    for reference in references.iter().filter(|one| one.table == table) {
        let here: Vec<Id> = said.keys().filter(|id| reference.range.contains(id)).copied().collect();
        if here.is_empty() {
            continue;
        }
        let name = reference.exact.map_or(reference.name, |exact| exact.name);
        let opened = Segment::open(segment(&name).ok_or(Error::SegmentMissing)?)?;
        let is_sure = opened.error_bits() >= COARSEST_SURE_EPSILON_BITS;
        for id in here {
            match opened.get(&id) {
                Some(entry) if is_sure => {
                    if let Some(known) = said.get_mut(&id) {
                        *known = (*known).max(Some(entry.value()));
                    }
                }
                // What is said there is for somebody else to confirm.
                Some(_) => drop(said.remove(&id)),
                None => {}
            }
        }
    }
    operations.retain(|id, one| said.get(id) != Some(&one.value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::key::{Jwks, Secrets};
    use crate::limits::MAX_RECENT;
    use crate::publish::{Record, SigningKey, Stored, TableKey, Tally, Terms};
    use crate::revocation::{Kind, List, Manifest, Offer, Revocations, Rule, Salt, Target};
    use crate::time::UnixTime;

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
    const AUTHORITY: &str = "https://authority.example";
    const TOKENS: &str = "https://issuer.example";
    const SALT: Salt = Salt::from_bytes([7; 16]);
    /// As many key ranges as a table is made in.
    const BITS: u8 = 2;

    /// An authority's ledger, and what it has published.
    struct Ledger {
        key: SigningKey,
        draw: u64,
        entries: [BTreeMap<Id, i64>; 2],
        segments: BTreeMap<SegmentName, Vec<u8>>,
        manifest: String,
    }

    impl Ledger {
        fn below(&mut self, most: u64) -> u64 {
            self.draw =
                self.draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.draw >> 33).checked_rem(most).unwrap_or(0)
        }

        /// So many changes at random of targets that all changes are about.
        fn change(&mut self, many: u64) {
            let mut update =
                Update::following(self.manifest.as_bytes(), &keys(&self.key), AUTHORITY, NOW).unwrap();
            for _ in 0..many {
                let table = usize::from(self.below(3) == 0);
                let id = id(self.below(6_000));
                let record = match self.below(5) {
                    0 => {
                        self.entries[table].remove(&id);
                        Record::undone(id)
                    }
                    value => {
                        let value = if table == 0 { 0 } else { i64::try_from(value).unwrap() };
                        self.entries[table].insert(id, value);
                        Record::entry(id, value, None)
                    }
                };
                update.add_record(&tables()[table], &record).unwrap();
            }
            self.publish(update);
        }

        fn publish(&mut self, update: Update) {
            let segments = &self.segments;
            let (signed, stored) = update.finish(&self.key, |name| segments.get(name).cloned()).unwrap();
            self.manifest = signed.manifest;
            self.keep(stored);
        }

        fn keep(&mut self, stored: Vec<Stored>) {
            self.segments.extend(stored);
        }

        fn read(&self) -> Manifest {
            Manifest::inspect(self.manifest.as_bytes(), &keys(&self.key)).unwrap()
        }

        /// Makes one key range of a table anew.
        fn piece(&mut self, table: usize, shard: u32, epsilon: u8, old: &mut BTreeSet<SegmentName>) {
            let epsilon = Epsilon::from_bits(epsilon).unwrap();
            let terms = Terms::new(AUTHORITY, SALT, NOW).epsilon(epsilon);
            let tallies = tables().into_iter().map(Tally::new).collect();
            let mut part = Assembly::new(terms, BTreeSet::new(), tallies).unwrap();
            let range = KeyRange { bits: BITS, shard };
            let here = self.entries[table].iter().filter(|(id, _)| range.contains(id));
            let records: Vec<Record> = here.map(|(id, value)| Record::entry(*id, *value, None)).collect();
            let stored = part.put(table, range, &records).unwrap();
            // What was made with the same bytes is not to be taken for what it replaces.
            old.retain(|name| stored.iter().all(|(made, _)| made != name));
            self.keep(stored);
            let mut update =
                Update::following(self.manifest.as_bytes(), &keys(&self.key), AUTHORITY, NOW).unwrap();
            let segments = &self.segments;
            let find = |name: &SegmentName| segments.get(name).cloned();
            update.replace(part, epsilon, |name| old.contains(name), find).unwrap();
            self.publish(update);
        }

        /// Holds what readers are told of every id against the entries.
        fn check(&self, what: &str) {
            let mut reader = Revocations::new(vec![List::new(AUTHORITY, keys(&self.key), [TOKENS])]);
            let Offer::Newer(mut incoming) = reader.offer(self.manifest.as_bytes(), NOW).unwrap() else {
                panic!("newer")
            };
            for name in incoming.missing() {
                incoming.supply(self.segments[&name].clone()).unwrap();
            }
            reader.accept(*incoming, NOW).unwrap();
            for reference in self.read().segments() {
                if let Some(exact) = reference.exact {
                    reader.supply(exact.name, exact.name, self.segments[&exact.name].clone()).unwrap();
                }
            }
            for (table, entries) in tables().iter().zip(&self.entries) {
                for number in 0..6_000 {
                    let id = id(number);
                    let target = Target { rule: table.rule(), kind: table.kind(), claim: table.claim(), id };
                    let found = reader.snapshot().unwrap().exactly(&target).unwrap();
                    let found = found.map(|entry| entry.value());
                    assert_eq!(found, entries.get(&id).copied(), "{what}: {} {number}", table.kind().name());
                }
            }
        }
    }

    fn id(nth: u64) -> Id {
        Id::from_number(u128::from(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(nth))
    }

    fn tables() -> [TableKey; 2] {
        let rule = |member: &str| Rule::new([member]).unwrap();
        [
            TableKey::new(rule("jti"), Kind::Outright, None).unwrap(),
            TableKey::new(rule("sub"), Kind::Minimum, Some("v".to_owned())).unwrap(),
        ]
    }

    fn keys(key: &SigningKey) -> Jwks {
        Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore).unwrap()
    }

    fn taken_back(manifest: &Manifest) -> usize {
        let all = manifest.recent().iter().flat_map(|group| group.all());
        all.filter(|(_, entry)| entry.is_none()).count()
    }

    /// A ledger with some layers, and operations beside them.
    fn ledger(seed: u64) -> Ledger {
        let key = SigningKey::from_seed([7; 32]);
        let empty = crate::publish::Publisher::new(AUTHORITY, SALT, NOW).cover(TOKENS).finish(&key).unwrap();
        let (entries, segments) = ([BTreeMap::new(), BTreeMap::new()], BTreeMap::new());
        let mut ledger = Ledger { key, draw: seed, entries, segments, manifest: empty.manifest };
        for many in [4_000, 3_000, 1_000, 700, 200] {
            ledger.change(many);
        }
        ledger
    }

    #[test]
    fn in_pieces_between_changes_every_manifest_says_what_is_revoked() {
        for (seed, epsilon) in [(1, 50), (2, 50), (3, 8), (4, 30)] {
            let mut ledger = ledger(seed);
            ledger.check("before");
            let before = ledger.read();
            assert!(before.segments().iter().any(|one| one.layer > 0), "there is something to be joined");
            assert!(taken_back(&before) > 0);
            let mut old: BTreeSet<SegmentName> = before.segments().iter().map(|one| one.name).collect();
            for table in 0..2 {
                for shard in 0..1 << BITS {
                    ledger.piece(table, shard, epsilon, &mut old);
                    ledger.check(&format!("{epsilon}: piece {table}.{shard}"));
                    let many = ledger.below(150);
                    ledger.change(many);
                    ledger.check(&format!("{epsilon}: after piece {table}.{shard}"));
                }
            }
            let after = ledger.read();
            assert!(after.segments().iter().all(|one| !old.contains(&one.name)), "nothing old is left");
        }
    }

    #[test]
    fn after_the_last_piece_there_is_one_layer_and_no_operation() {
        for epsilon in [50, 8] {
            let mut ledger = ledger(5);
            let mut old: BTreeSet<SegmentName> =
                ledger.read().segments().iter().map(|one| one.name).collect();
            // The second time over nothing changes.
            for _ in 0..2 {
                for table in 0..2 {
                    for shard in 0..1 << BITS {
                        ledger.piece(table, shard, epsilon, &mut old);
                    }
                }
                old = ledger.read().segments().iter().map(|one| one.name).collect();
            }
            let after = ledger.read();
            assert_eq!(after.segments().len(), 2 << BITS);
            assert!(after.segments().iter().all(|one| one.layer == 0), "one layer");
            let recent: usize = after.recent().iter().map(|group| group.all().len()).sum();
            assert_eq!(recent, 0, "{epsilon}: the segments say it all");
            ledger.check("after");
        }
    }

    #[test]
    fn what_was_said_after_its_piece_stays_when_the_last_piece_is_made() {
        let mut ledger = ledger(6);
        let mut old: BTreeSet<SegmentName> = ledger.read().segments().iter().map(|one| one.name).collect();
        ledger.piece(0, 0, 50, &mut old);
        // Taken back, revoked and taken back again; a layer has what was revoked in between.
        let first = KeyRange { bits: BITS, shard: 0 };
        let again: Vec<Id> = ledger.entries[0].keys().filter(|id| first.contains(id)).copied().collect();
        let others: Vec<Id> = (6_000..).map(id).take(MAX_RECENT).collect();
        for revoked in [false, true, false] {
            let mut update =
                Update::following(ledger.manifest.as_bytes(), &keys(&ledger.key), AUTHORITY, NOW).unwrap();
            for id in &again {
                let record = if revoked { Record::entry(*id, 0, None) } else { Record::undone(*id) };
                update.add_record(&tables()[0], &record).unwrap();
            }
            for id in others.iter().filter(|_| revoked) {
                update.add_record(&tables()[0], &Record::entry(*id, 0, None)).unwrap();
            }
            ledger.publish(update);
        }
        for id in again {
            ledger.entries[0].remove(&id);
        }
        ledger.entries[0].extend(others.into_iter().map(|id| (id, 0)));
        for shard in 1..1 << BITS {
            ledger.piece(0, shard, 50, &mut old);
        }
        ledger.check("after the last");
    }
}
