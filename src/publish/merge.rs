//! Several snapshots as one: whatever any of them says to be revoked is revoked.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_LAYERS, MAX_RECENT, MAX_RULES, MAX_TABLES};
use crate::revocation::{Entry, Id, Manifest, Rule, Segment, SegmentName, SegmentRef, Table};
use crate::time::UnixTime;

use super::assembly::{Signed, members};
use super::epsilon::lookups;
use super::table::TableKey;
use super::terms::Terms;
use super::update::{Operation, groups};
use super::wire::WireSegment;
use super::{Epsilon, SigningKey, invalid};

/// Snapshots that are to be one. Their segments stay as they are, in as many layers as it takes for key ranges not to overlap;
/// an id about which one of them has an operation gets one that says what all of them together say of it.
///
/// Each layer costs a look-up, so the error of the result is the sum of theirs, and its `epsilon` says so.
#[derive(Debug)]
pub struct Merge {
    terms: Terms,
    /// In an order that does not depend on the one in which they were given.
    parts: Vec<Manifest>,
    rules: Vec<Rule>,
    tables: Vec<Table>,
}

/// A segment, which table of the result it is of, and what it looks like.
struct Placed {
    reference: SegmentRef,
    /// Its error in units of 2^-92, rounded up.
    error: u128,
}

impl Merge {
    /// Joins these under new terms, covering what any of them covers.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when their salts are not that of the terms, or they have more rules or tables together than
    /// readers take.
    pub fn new(terms: Terms, mut parts: Vec<Manifest>) -> Result<Self, Error> {
        if parts.iter().any(|part| part.salt() != terms.salt()) {
            return Err(invalid(
                "the snapshots have another salt, so that no id of one is an id of the other",
            ));
        }
        parts.sort_by_key(|part| (part.seq(), *part.hash()));
        parts.dedup_by_key(|part| *part.hash());
        let terms = parts.iter().flat_map(Manifest::covered).fold(terms, Terms::cover);
        let rules: BTreeSet<&Rule> = parts.iter().flat_map(Manifest::rules).collect();
        let rules: Vec<Rule> = rules.into_iter().cloned().collect();
        let mut keys = BTreeSet::new();
        for part in &parts {
            for table in part.tables() {
                let rule = part.rules().get(table.rule).ok_or_else(|| invalid("a table has no rule"))?;
                keys.insert(TableKey::new(rule.clone(), table.kind, table.claim.clone())?);
            }
        }
        if rules.len() > MAX_RULES || keys.len() > MAX_TABLES {
            return Err(invalid("together they have too many rules, or pairs of a rule and a way to revoke"));
        }
        let tables = keys.into_iter().map(|key| Table {
            rule: rules.iter().position(|rule| rule == key.rule()).unwrap_or(usize::MAX),
            kind: key.kind(),
            claim: key.claim().map(str::to_owned),
        });
        let tables = tables.collect();
        Ok(Self { terms, parts, rules, tables })
    }

    /// Makes the manifest. `segment` gives any of their segments by its name, and is asked for each at least once. No segment is
    /// new.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a full build is due, because layers, operations or epsilon do not suffice;
    /// [`Error::SegmentMissing`] or [`Error::SegmentInvalid`] of a segment.
    pub fn finish(
        self,
        key: &SigningKey,
        mut segment: impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<Signed, Error> {
        let mut expired = 0_u64;
        let mut placed: Vec<Placed> = Vec::new();
        let mut known: BTreeMap<(usize, SegmentName), usize> = BTreeMap::new();
        for part in &self.parts {
            for reference in part.segments() {
                if !self.terms.is_live(reference.expires) {
                    expired = expired.saturating_add(reference.entries);
                    continue;
                }
                let table = self.table_of(part, reference.table)?;
                if let Some(one) =
                    known.get(&(table, reference.name)).and_then(|index| placed.get_mut(*index))
                {
                    let kept = &mut one.reference;
                    kept.expires = later(kept.expires, reference.expires);
                    kept.exact = kept.exact.or(reference.exact);
                    continue;
                }
                let error = open(&reference.name, &mut segment)?.error_units();
                let layer = free_layer(&placed, table, reference)?;
                known.insert((table, reference.name), placed.len());
                placed.push(Placed { reference: SegmentRef { table, layer, ..*reference }, error });
            }
        }
        let operations = self.operations(&mut segment)?;
        let epsilon = self.epsilon(&placed)?;
        let terms = self.terms.epsilon(epsilon);
        placed.sort_by_key(|Placed { reference: one, .. }| {
            (one.table, one.layer, one.range.bits, one.range.shard)
        });
        let mut manifest = terms.manifest()?;
        manifest.rules = members(&self.rules);
        let written = placed.iter().filter_map(|Placed { reference, .. }| {
            Some(WireSegment::new(reference, self.tables.get(reference.table)?))
        });
        manifest.segments = written.collect();
        let tables = self.tables.iter().zip(&operations);
        manifest.recent = tables.flat_map(|(table, operations)| groups(table, operations)).collect();
        let manifest = manifest.sign(key)?;
        let entries = placed.iter().fold(0_u64, |sum, one| sum.saturating_add(one.reference.entries));
        Ok(Signed { manifest, seq: terms.seq, entries, expired })
    }

    /// Which table of the result one of a part's is.
    fn table_of(&self, part: &Manifest, index: usize) -> Result<usize, Error> {
        let found = part.tables().get(index).and_then(|table| {
            let rule = part.rules().get(table.rule)?;
            self.tables.iter().position(|other| {
                self.rules.get(other.rule) == Some(rule)
                    && other.kind == table.kind
                    && other.claim == table.claim
            })
        });
        found.ok_or_else(|| invalid("a segment is of no table"))
    }

    /// For every id of which a part has an operation: what all of them together say. It replaces what the segments say.
    fn operations(
        &self,
        segment: &mut impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<Vec<BTreeMap<Id, Operation>>, Error> {
        let mut all = Vec::with_capacity(self.tables.len());
        let mut count = 0_usize;
        for index in 0..self.tables.len() {
            let mut ids = BTreeSet::new();
            let mut hits: Vec<BTreeMap<Id, (Entry, Option<UnixTime>)>> = Vec::new();
            for part in &self.parts {
                for group in part.recent() {
                    if self.table_of(part, group.table)? == index {
                        ids.extend(group.all().iter().map(|(id, _)| *id));
                    }
                }
            }
            for part in &self.parts {
                hits.push(self.hits(part, index, &ids, segment)?);
            }
            let mut operations = BTreeMap::new();
            for id in ids {
                let states =
                    self.parts.iter().zip(&hits).map(|(part, hits)| self.state(part, index, hits, &id));
                let strictest = states.flatten().reduce(|one, other| Operation {
                    value: one.value.max(other.value),
                    expires: later(one.expires, other.expires),
                });
                // Where a segment says so, and whoever has it has taken it back.
                let undone = || hits.iter().any(|hits| hits.contains_key(&id));
                let undone = || undone().then_some(Operation { value: None, expires: None });
                if let Some(operation) = strictest.or_else(undone) {
                    operations.insert(id, operation);
                }
            }
            count = count.saturating_add(operations.len());
            all.push(operations);
        }
        if count > MAX_RECENT {
            return Err(invalid(
                "together they have more operations than a manifest takes: a full build is due",
            ));
        }
        Ok(all)
    }

    /// What a part's segments say of these ids.
    fn hits(
        &self,
        part: &Manifest,
        index: usize,
        ids: &BTreeSet<Id>,
        segment: &mut impl FnMut(&SegmentName) -> Option<Vec<u8>>,
    ) -> Result<BTreeMap<Id, (Entry, Option<UnixTime>)>, Error> {
        let mut hits: BTreeMap<Id, (Entry, Option<UnixTime>)> = BTreeMap::new();
        for reference in part.segments() {
            if self.table_of(part, reference.table)? != index
                || !ids.iter().any(|id| reference.range.contains(id))
            {
                continue;
            }
            let mut opened = open(&reference.name, segment)?;
            if opened.error_bits() < COARSEST_SURE_EPSILON_BITS {
                let Some(exact) = &reference.exact else {
                    // What is made an operation is believed, and this hit must not be.
                    if ids.iter().any(|id| opened.get(id).is_some()) {
                        return Err(invalid(
                            "a coarse segment that nothing confirms has one of the ids: a full build is due",
                        ));
                    }
                    continue;
                };
                opened = open(&exact.name, segment)?;
            }
            for id in ids {
                let Some(entry) = opened.get(id) else { continue };
                let expires = reference.expires;
                let hit = hits.entry(*id).or_insert((entry, expires));
                if entry.value() > hit.0.value() {
                    hit.0 = entry;
                }
                hit.1 = later(hit.1, expires);
            }
        }
        Ok(hits)
    }

    /// What a part says of an id: nothing, or how it is revoked.
    fn state(
        &self,
        part: &Manifest,
        index: usize,
        hits: &BTreeMap<Id, (Entry, Option<UnixTime>)>,
        id: &Id,
    ) -> Option<Operation> {
        let groups = part.recent().iter().filter(|group| self.table_of(part, group.table) == Ok(index));
        let said = groups.filter_map(|group| group.get(id).map(|entry| (entry, group.expiry(id)))).next();
        let (entry, expires) = match said {
            Some((entry, expires)) => (entry?, expires),
            None => *hits.get(id)?,
        };
        Some(Operation { value: Some(entry.value()), expires })
    }

    /// How seldom a decision is wrong that asks every layer of every table, rounded to what is worse.
    fn epsilon(&self, placed: &[Placed]) -> Result<Epsilon, Error> {
        let mut worst: BTreeMap<(usize, u8), u128> = BTreeMap::new();
        for Placed { reference, error } in placed {
            let layer = worst.entry((reference.table, reference.layer)).or_default();
            *layer = (*layer).max(*error);
        }
        let mut sum = 0_u128;
        for ((table, _), error) in worst {
            let rule = self.tables.get(table).and_then(|table| self.rules.get(table.rule));
            sum = sum.saturating_add(error.saturating_mul(u128::from(rule.map_or(1, lookups))));
        }
        // 92 less the logarithm of the sum, rounded up.
        let logarithm = u128::BITS.saturating_sub(sum.saturating_sub(1).leading_zeros());
        let bits = ERROR_UNIT_BITS.saturating_sub(logarithm).min(u32::from(Epsilon::FINEST_BITS));
        let stated = self.parts.iter().map(Manifest::epsilon_bits).min().unwrap_or(Epsilon::FINEST_BITS);
        let bits = if placed.is_empty() { stated } else { u8::try_from(bits).unwrap_or(stated) };
        Epsilon::from_bits(bits).ok_or_else(|| invalid("together they are too coarse: a full build is due"))
    }
}

/// The later of two expiries; none where one never expires.
fn later(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// The first layer of a table in which a segment's key range overlaps no other.
fn free_layer(placed: &[Placed], table: usize, wanted: &SegmentRef) -> Result<u8, Error> {
    let is_free = |layer: &u8| {
        !placed.iter().any(|Placed { reference, .. }| {
            (reference.table, reference.layer) == (table, *layer) && reference.range.overlaps(&wanted.range)
        })
    };
    (0..MAX_LAYERS)
        .find(is_free)
        .ok_or_else(|| invalid("together they have more layers than readers ask: a full build is due"))
}

fn open(
    name: &SegmentName,
    segment: &mut impl FnMut(&SegmentName) -> Option<Vec<u8>>,
) -> Result<Segment<Vec<u8>>, Error> {
    Segment::open(segment(name).ok_or(Error::SegmentMissing)?)
}

/// Errors are counted in units of 2^-92.
const ERROR_UNIT_BITS: u32 = 92;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Jwks, Secrets};
    use crate::publish::{Publisher, Record, Stored, Update};
    use crate::revocation::{Kind, List, Offer, Revocations, Salt, Target};

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
    const AUTHORITY: &str = "https://authority.example";
    const TOKENS: &str = "https://issuer.example";
    const SALT: Salt = Salt::from_bytes([7; 16]);

    /// What each id of each table is said to be; `None` where it was taken back.
    type Model = BTreeMap<(usize, Id), Option<i64>>;

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33).checked_rem(most).unwrap_or(0)
        }

        fn id(&mut self) -> Id {
            Id::from_number(u128::from(self.below(40)) << 121 | 5)
        }

        fn value(&mut self, kind: Kind) -> i64 {
            if kind.has_values() { i64::try_from(self.below(5)).unwrap() } else { 0 }
        }
    }

    fn tables() -> [TableKey; 3] {
        let rule = |member: &str| Rule::new([member]).unwrap();
        [
            TableKey::new(rule("jti"), Kind::Outright, None).unwrap(),
            TableKey::new(rule("sub"), Kind::Cutoff, None).unwrap(),
            TableKey::new(rule("sub"), Kind::Minimum, Some("v".to_owned())).unwrap(),
        ]
    }

    fn keys(key: &SigningKey) -> Jwks {
        Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore).unwrap()
    }

    /// A snapshot of random entries, and on it one of random changes.
    fn snapshot(draw: &mut Draw, key: &SigningKey, segments: &mut Vec<Stored>) -> (String, Model) {
        let mut model = Model::new();
        let mut publisher = Publisher::new(AUTHORITY, SALT, NOW).cover(TOKENS);
        for (index, table) in tables().into_iter().enumerate() {
            for _ in 0..draw.below(15) {
                let (id, value) = (draw.id(), draw.value(table.kind()));
                publisher.add_records(table.clone(), [Record::entry(id, value, None)]);
                model.insert((index, id), Some(value));
            }
        }
        let built = publisher.finish(key).unwrap();
        segments.extend(built.segments);
        let mut update = Update::following(built.manifest.as_bytes(), &keys(key), AUTHORITY, NOW).unwrap();
        for (index, table) in tables().into_iter().enumerate() {
            for _ in 0..draw.below(8) {
                let (id, value) = (draw.id(), draw.value(table.kind()));
                let value = (draw.below(2) == 0).then_some(value);
                let record = value.map_or_else(|| Record::undone(id), |value| Record::entry(id, value, None));
                update.add_record(&table, &record).unwrap();
                model.insert((index, id), value);
            }
        }
        let (signed, stored) = update.finish(key, |_| None).unwrap();
        segments.extend(stored);
        (signed.manifest, model)
    }

    #[test]
    fn a_merged_list_says_of_every_id_the_strictest_that_one_of_them_says() {
        let key = SigningKey::from_seed([7; 32]);
        for seed in 0..60 {
            let mut draw = Draw(seed);
            let mut segments = Vec::new();
            let mut manifests = Vec::new();
            let mut models = Vec::new();
            for _ in 0..2 + seed % 2 {
                let (manifest, model) = snapshot(&mut draw, &key, &mut segments);
                manifests.push(Manifest::inspect(manifest.as_bytes(), &keys(&key)).unwrap());
                models.push(model);
            }
            let find = |name: &SegmentName| {
                segments.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone())
            };
            let merged = |parts: Vec<Manifest>| {
                let terms = Terms::new(AUTHORITY, SALT, NOW).seq(9);
                Merge::new(terms, parts).unwrap().finish(&key, find).unwrap().manifest
            };
            let manifest = merged(manifests.clone());
            manifests.reverse();
            assert_eq!(merged(manifests), manifest, "whatever the order");

            let mut reader = Revocations::new(vec![List::new(AUTHORITY, keys(&key), [TOKENS])]);
            let Offer::Newer(mut incoming) = reader.offer(manifest.as_bytes(), NOW).unwrap() else {
                panic!("newer")
            };
            for name in incoming.missing() {
                incoming.supply(find(&name).unwrap()).unwrap();
            }
            reader.accept(*incoming, NOW).unwrap();
            for (index, table) in tables().iter().enumerate() {
                for number in 0..40_u128 {
                    let id = Id::from_number(number << 121 | 5);
                    let said = models.iter().filter_map(|model| *model.get(&(index, id))?).max();
                    let target = Target { rule: table.rule(), kind: table.kind(), claim: table.claim(), id };
                    let found = reader.snapshot().unwrap().exactly(&target).unwrap();
                    assert_eq!(found.map(|entry| entry.value()), said, "{seed} {index} {number}");
                }
            }
        }
    }

    /// A list of 300 at 2^-8 with what confirms its hits and without, an id that it has by mistake, and one that it has not.
    fn coarse(key: &SigningKey, segments: &mut Vec<Stored>) -> ([Manifest; 2], [Id; 2]) {
        let [table, ..] = tables();
        let id = |nth: u64| Id::from_number(u128::from(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64);
        let mut publisher =
            Publisher::new(AUTHORITY, SALT, NOW).cover(TOKENS).epsilon(Epsilon::from_bits(8).unwrap());
        publisher.add_records(table, (0..300).map(|nth| Record::entry(id(nth), 0, None)));
        let built = publisher.finish(key).unwrap();
        segments.extend(built.segments);
        let confirmed = Manifest::inspect(built.manifest.as_bytes(), &keys(key)).unwrap();
        let [reference] = confirmed.segments() else { panic!("one segment") };
        let (_, bytes) = segments.iter().find(|(name, _)| *name == reference.name).unwrap();
        let segment = Segment::open(bytes.as_slice()).unwrap();
        let other = |is_hit: bool| (300..).map(id).find(|id| segment.get(id).is_some() == is_hit).unwrap();

        let terms = Terms::new(AUTHORITY, SALT, NOW).cover(TOKENS).epsilon(Epsilon::from_bits(8).unwrap());
        let mut manifest = terms.manifest().unwrap();
        manifest.rules = members(confirmed.rules());
        let unconfirmed = SegmentRef { exact: None, ..*reference };
        manifest.segments.push(WireSegment::new(&unconfirmed, &confirmed.tables()[0]));
        let manifest = manifest.sign(key).unwrap();
        let unconfirmed = Manifest::inspect(manifest.as_bytes(), &keys(key)).unwrap();
        ([confirmed, unconfirmed], [other(true), other(false)])
    }

    #[test]
    fn no_hit_of_a_coarse_segment_becomes_an_operation_unless_it_is_confirmed() {
        let key = SigningKey::from_seed([7; 32]);
        let mut segments = Vec::new();
        let ([confirmed, unconfirmed], [mistaken, other]) = coarse(&key, &mut segments);
        let expires = NOW.plus_seconds(600);
        let merged = |coarse: &Manifest, id: Id| {
            let empty = Publisher::new(AUTHORITY, SALT, NOW).cover(TOKENS).finish(&key).unwrap().manifest;
            let mut update = Update::following(empty.as_bytes(), &keys(&key), AUTHORITY, NOW).unwrap();
            let [table, ..] = tables();
            update.add_record(&table, &Record::entry(id, 0, Some(expires))).unwrap();
            let changed = update.finish(&key, |_| None).unwrap().0.manifest;
            let changed = Manifest::inspect(changed.as_bytes(), &keys(&key)).unwrap();
            let merge = Merge::new(
                Terms::new(AUTHORITY, SALT, NOW).cover(TOKENS).seq(9),
                vec![coarse.clone(), changed],
            );
            let find = |name: &SegmentName| {
                segments.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone())
            };
            merge.unwrap().finish(&key, find).map(|signed| {
                let merged = Manifest::inspect(signed.manifest.as_bytes(), &keys(&key)).unwrap();
                // Had the hit been believed, the operation would never expire, as the segment does not.
                merged.recent().iter().map(|group| (group.all().len(), group.expiry(&id))).collect::<Vec<_>>()
            })
        };
        assert_eq!(merged(&confirmed, mistaken), Ok(vec![(1, Some(expires))]));
        assert_eq!(merged(&confirmed, other), Ok(vec![(1, Some(expires))]));
        assert_eq!(merged(&unconfirmed, other), Ok(vec![(1, Some(expires))]));
        let Err(Error::RevocationInvalid(reason)) = merged(&unconfirmed, mistaken) else { panic!("refused") };
        assert!(reason.contains("a coarse segment that nothing confirms"), "{reason}");
    }
}
