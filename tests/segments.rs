//! Segments at volume: none of millions of keys is lost at any error, others are found as seldom as was asked for, and no
//! changed byte does harm.
//!
//! Everything here is drawn from a counter, so that each run is the same.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use revocable::limits::{COARSEST_SURE_EPSILON_BITS, MAX_SHARD_BITS};
use revocable::publish::{Assembly, Built, Epsilon, Publisher, Record, TableKey, Tally, Terms, settle};
use revocable::{
    Entry, Id, Interval, Jwks, KeyRange, Kind, Manifest, Rule, Secrets, Segment, SegmentName, SegmentRef,
    UnixTime,
};

use common::*;

/// The `nth` id of a stream: two rounds of a mixing function that is known to spread (splitmix64).
fn id(stream: u64, nth: u64) -> Id {
    let mix = |seed: u64| {
        let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let high = mix(mix(stream).wrapping_add(nth.wrapping_mul(2)));
    let low = mix(mix(stream ^ 0x5555).wrapping_add(nth.wrapping_mul(2).wrapping_add(1)));
    Id::from_number(u128::from(high) << 64 | u128::from(low))
}

fn table(kind: Kind) -> TableKey {
    let claim = (kind == Kind::Minimum).then(|| "pwd_ver".to_owned());
    TableKey::new(Rule::new(["sub"]).unwrap(), kind, claim).unwrap()
}

fn value(kind: Kind, nth: u64) -> i64 {
    match kind {
        Kind::Cutoff => (SECONDS * 1000 - nth.wrapping_mul(7_919) % 7_776_000_000) as i64,
        Kind::Minimum => (nth.wrapping_mul(31) % 1000) as i64 - 500,
        _ => 0,
    }
}

/// A table's entries as they are published; every seventh expires within a week.
fn records(kind: Kind, stream: u64, count: u64) -> Vec<Record> {
    let expires = |nth: u64| nth.is_multiple_of(7).then(|| NOW.plus_seconds(nth % 600_000));
    let mut records: Vec<Record> =
        (0..count).map(|nth| Record::entry(id(stream, nth), value(kind, nth), expires(nth))).collect();
    settle(&mut records);
    records
}

fn publisher_of(bits: u8, max_segment: u64, windows: u8) -> Publisher {
    publisher(&[])
        .epsilon(Epsilon::from_bits(bits).unwrap())
        .terms(|terms| terms.max_segment(max_segment).expiry_windows(windows))
}

/// A segment, and the one that confirms its hits.
type Part = (SegmentRef, Segment<Vec<u8>>, Option<Segment<Vec<u8>>>);

/// What a manifest names, opened, by table, layer and key range: as a reader asks it, without a reader.
struct Opened {
    manifest: Manifest,
    layers: BTreeMap<(usize, u8), Vec<Part>>,
}

impl Opened {
    fn of(built: Built) -> Self {
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        let manifest = Manifest::inspect(built.manifest.as_bytes(), &keys).unwrap();
        let mut bytes: BTreeMap<SegmentName, Vec<u8>> = built.segments.into_iter().collect();
        let mut layers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for reference in manifest.segments() {
            let opened = Segment::open(bytes.remove(&reference.name).unwrap()).unwrap();
            opened.check().unwrap();
            let range = (reference.range.bits, reference.range.shard);
            assert_eq!((opened.entries(), opened.range()), (reference.entries, range));
            assert_eq!(opened.bytes().len() as u64, reference.bytes);
            let exact =
                reference.exact.map(|exact| Segment::open(bytes.remove(&exact.name).unwrap()).unwrap());
            assert_eq!(exact.is_some(), opened.error_bits() < COARSEST_SURE_EPSILON_BITS);
            if let Some(exact) = &exact {
                exact.check().unwrap();
                assert_eq!((exact.error_bits(), exact.range()), (64, range));
            }
            layers.entry((reference.table, reference.layer)).or_default().push((*reference, opened, exact));
        }
        assert!(bytes.is_empty(), "every segment is named");
        for parts in layers.values_mut() {
            parts.sort_by_key(|(reference, ..): &Part| from(reference.range));
        }
        Self { manifest, layers }
    }

    /// The strictest that any layer of a kind says, and what its exact segment says of it.
    fn get(&self, kind: Kind, id: &Id) -> Option<(Entry, Option<Entry>)> {
        let layers = self.layers.iter().filter(|((table, _), _)| self.manifest.tables()[*table].kind == kind);
        let found = layers.filter_map(|(_, parts)| {
            let after =
                parts.partition_point(|(reference, ..)| from(reference.range) <= id.leading(MAX_SHARD_BITS));
            let (reference, segment, exact) = parts.get(after.checked_sub(1)?)?;
            let entry = segment.get(id).filter(|_| reference.range.contains(id))?;
            Some((entry, exact.as_ref().map_or(Some(entry), |exact| exact.get(id))))
        });
        // Another layer may find it wrongly, and have a stricter value.
        let strictest =
            |one: Option<Entry>, other: Option<Entry>| one.into_iter().chain(other).max_by_key(Entry::value);
        found.fold(None, |known, (entry, exact)| {
            let (before, confirmed) = known.map_or((None, None), |(entry, exact)| (Some(entry), exact));
            Some((strictest(before, Some(entry))?, strictest(confirmed, exact)))
        })
    }

    fn bytes(&self) -> u64 {
        self.layers.values().flatten().map(|(reference, ..)| reference.bytes).sum()
    }

    fn entries(&self) -> u64 {
        self.layers.values().flatten().map(|(reference, ..)| reference.entries).sum()
    }
}

fn from(range: KeyRange) -> u32 {
    range.shard << (MAX_SHARD_BITS - range.bits)
}

/// Every record is found with a value that is no less strict, and exactly its own in the segment that confirms.
fn all_are_found(opened: &Opened, kind: Kind, records: &[Record]) {
    for record in records {
        let Some((entry, exact)) = opened.get(kind, &record.id()) else { panic!("{} is lost", record.id()) };
        let value = record.value().unwrap();
        assert!(entry.kind() == kind && entry.value() >= value, "{} has {entry:?}, not {value}", record.id());
        assert!(exact.is_some_and(|exact| exact.value() >= value), "{} is not confirmed", record.id());
    }
}

/// How many of ids that were not put in are found, against how many may be: within three standard deviations.
fn found_as_seldom_as_asked(opened: &Opened, kind: Kind, rate: f64, others: u64) {
    let found = (0..others).filter(|nth| opened.get(kind, &id(99, *nth)).is_some()).count() as f64;
    let expected = others as f64 * rate;
    let deviation = (expected * (1.0 - rate)).sqrt();
    assert!((found - expected).abs() <= 3.0 * deviation + 1.0, "{found} found, {expected} expected");
}

#[test]
fn none_of_millions_of_keys_is_lost_at_any_error_and_others_are_found_as_seldom_as_asked() {
    let all = records(Kind::Outright, 1, 250_000);
    for bits in [8, 9, 12, 16, 20, 32, 39, 40, 50, 64] {
        let mut publisher = publisher_of(bits, 25 << 20, 1);
        publisher.add_records(table(Kind::Outright), all.iter().copied());
        let opened = Opened::of(publisher.finish(&authority_key()).unwrap());
        all_are_found(&opened, Kind::Outright, &all);
        // What the header says is what is measured, and no more than what was asked for.
        let rate: f64 = opened
            .layers
            .values()
            .flatten()
            .map(|(_, segment, _)| {
                let header = segment.bytes();
                let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
                let is_ribbon = header[21] == 1;
                let share = if is_ribbon { 1.0 } else { f64::from(number(8)) / f64::from(number(12)) };
                share / 2_f64.powi(header[7].into())
            })
            .sum();
        let asked = 0.5_f64.powi(bits.into());
        assert!(rate <= asked || bits == 64, "{rate} is more than 2^-{bits}");
        assert!(rate >= asked * 0.95, "{rate} is much less than 2^-{bits}: room is wasted");
        let others = if bits <= 12 { 500_000 } else { 100_000 };
        found_as_seldom_as_asked(&opened, Kind::Outright, rate, others);
        let each = opened.bytes() as f64 * 8.0 / opened.entries() as f64;
        assert!(each <= f64::from(bits) + 2.25, "{each} bits an entry for 2^-{bits}");
    }
}

#[test]
fn maps_lose_no_key_and_soften_no_value_in_one_segment_in_many_and_in_windows_of_expiry() {
    for kind in [Kind::Cutoff, Kind::Minimum] {
        let all = records(kind, 2, 80_000);
        let before = all.len();
        for (bits, max_segment, windows) in [
            (50, 25 << 20, 1),
            (50, 1 << 16, 1),
            (20, 1 << 16, 1),
            (8, 1 << 15, 1),
            (50, 1 << 18, 5),
            (12, 1 << 15, 15),
        ] {
            let mut publisher = publisher_of(bits, max_segment, windows);
            publisher.add_records(table(kind), all.iter().copied());
            let opened = Opened::of(publisher.finish(&authority_key()).unwrap());
            all_are_found(&opened, kind, &all);
            let layers: BTreeSet<u8> = opened.layers.keys().map(|(_, layer)| *layer).collect();
            assert_eq!(layers.len(), if windows == 1 { 1 } else { usize::from(windows) + 1 });
            for (reference, segment, exact) in opened.layers.values().flatten() {
                let largest =
                    exact.as_ref().map_or(0, |exact| exact.bytes().len() as u64).max(reference.bytes);
                assert!(largest <= max_segment, "{largest} bytes");
                if windows == 1 {
                    assert_eq!(reference.expires, None, "some never expire");
                }
                let (bits, shard) = segment.range();
                assert!(segment.iter().unwrap().all(|(interval, _)| interval.from.leading(bits) == shard
                    && interval.to.leading(bits) == shard));
            }
            // Of those whose fingerprints fall together one is kept.
            let merged = before as u64 - opened.entries();
            assert!(
                merged as f64 <= 3.0 * (before as f64) * 0.5_f64.powi((bits - 1).into()) + 5.0,
                "{merged}"
            );
        }
    }
}

#[test]
fn windows_of_expiry_fall_away_whole_and_what_stays_is_found() {
    let all = records(Kind::Outright, 3, 60_000);
    let mut publisher = publisher_of(50, 1 << 20, 6);
    publisher.add_records(table(Kind::Outright), all.iter().copied());
    let built = publisher.finish(&authority_key()).unwrap();
    let mut manifest = built.manifest.clone();
    let stored: BTreeMap<SegmentName, Vec<u8>> = built.segments.iter().cloned().collect();
    let mut left = Opened::of(built.clone()).layers.len();
    assert_eq!(left, 7);
    for day in 1..=7 {
        let now = NOW.plus_seconds(day * 100_000 + 300);
        let mut next = update_at(now, &manifest, &[], |_| None).unwrap();
        manifest = next.manifest.clone();
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        let named = Manifest::inspect(manifest.as_bytes(), &keys).unwrap();
        next.segments = named.segments().iter().map(|one| (one.name, stored[&one.name].clone())).collect();
        let opened = Opened::of(next);
        assert!(opened.layers.len() <= left);
        left = opened.layers.len();
        let lives = |record: &&Record| record.expires().is_none_or(|expires| now < expires.plus_seconds(300));
        let living: Vec<Record> = all.iter().filter(lives).copied().collect();
        all_are_found(&opened, Kind::Outright, &living);
    }
    assert_eq!(left, 1, "what never expires");
}

#[test]
fn what_is_built_opened_read_back_and_built_again_is_the_same() {
    for (kind, count) in [(Kind::Outright, 30_000), (Kind::Cutoff, 20_000), (Kind::Minimum, 1)] {
        for bits in [8, 20, 50, 64] {
            let all = records(kind, 4, count);
            let build = |records: &[Record]| {
                let mut publisher = publisher_of(bits, 1 << 16, 1);
                publisher.add_records(table(kind), records.iter().copied());
                publisher.finish(&authority_key()).unwrap()
            };
            let built = build(&all);
            let mut backwards = all.clone();
            backwards.reverse();
            assert_eq!(build(&backwards), built, "whatever the order");
            if bits < COARSEST_SURE_EPSILON_BITS {
                continue;
            }
            // From the least id that each may be.
            let opened = Opened::of(built.clone());
            let read = opened.layers.values().flatten().flat_map(|(_, segment, _)| {
                segment
                    .iter()
                    .unwrap()
                    .map(|(Interval { from, .. }, entry)| Record::entry(from, entry.value(), None))
            });
            let again = build(&read.collect::<Vec<_>>());
            assert_eq!(again.segments, built.segments, "{kind} 2^-{bits}");
        }
    }
}

#[test]
fn key_range_by_key_range_the_same_segments_come_out_as_all_at_once() {
    let all = records(Kind::Cutoff, 5, 50_000);
    let at_once = {
        let mut publisher = publisher_of(50, 1 << 15, 3);
        publisher.add_records(table(Kind::Cutoff), all.iter().copied());
        publisher.finish(&authority_key()).unwrap()
    };
    let mut tally = Tally::new(table(Kind::Cutoff));
    all.iter().for_each(|record| tally.add(record));
    let terms = Terms::new(AUTHORITY, SALT, NOW).cover(ISSUER).max_segment(1 << 15).expiry_windows(3);
    let mut assembly = Assembly::new(terms, BTreeSet::new(), vec![tally]).unwrap();
    let bits = assembly.range_bits(0);
    assert!(bits >= 3, "{bits}");
    let mut segments = Vec::new();
    // In whichever order.
    for shard in (0..1_u32 << bits).rev() {
        let part: Vec<Record> =
            all.iter().filter(|record| record.id().leading(bits) == shard).copied().collect();
        segments.extend(assembly.put(0, KeyRange { bits, shard }, &part).unwrap());
    }
    let signed = assembly.finish(&authority_key()).unwrap();
    assert_eq!(signed.manifest, at_once.manifest);
    let sorted = |mut segments: Vec<(SegmentName, Vec<u8>)>| {
        segments.sort();
        segments
    };
    assert_eq!(sorted(segments), sorted(at_once.segments));
}

/// One byte after the other, changed in two of its bits and to its opposite: what still opens says nothing of ids that its key range
/// does not have, answers whatever it is asked, and can be read from end to end.
#[test]
fn no_changed_byte_does_harm_outside_of_the_segments_key_range() {
    for (kind, bits, prefix, count, crowd) in [
        (Kind::Outright, 8, 0, 330, 0),
        (Kind::Cutoff, 50, 3, 330, 0),
        (Kind::Minimum, 20, 1, 330, 0),
        (Kind::Outright, 64, 16, 330, 0),
        // More in one bucket than the order of its first three can say.
        (Kind::Cutoff, 50, 0, 330, 12),
        // A ribbon.
        (Kind::Outright, 8, 2, 4200, 0),
    ] {
        let range = KeyRange { bits: prefix, shard: if prefix == 0 { 0 } else { 1 } };
        let inside = |nth: u64| {
            let number = if nth < crowd { u128::from(nth + 1) << 76 } else { id(6, nth).as_number() };
            let shared = if prefix == 0 { 0 } else { u128::from(range.shard) << (128 - prefix) };
            Id::from_number(shared | if prefix == 0 { number } else { number >> prefix })
        };
        let mut all: Vec<Record> =
            (0..count).map(|nth| Record::entry(inside(nth), value(kind, nth), None)).collect();
        settle(&mut all);
        let mut tally = Tally::new(table(kind));
        all.iter().for_each(|record| tally.add(record));
        let terms = Terms::new(AUTHORITY, SALT, NOW).cover(ISSUER).epsilon(Epsilon::from_bits(bits).unwrap());
        let mut assembly = Assembly::new(terms, BTreeSet::new(), vec![tally]).unwrap();
        let mut stored = assembly.put(0, range, &all).unwrap();
        let (_, good) = stored.pop().unwrap();
        assert_eq!(good[21] == 1, count > 4096, "which structure it has");
        let asked: Vec<Id> = (0..40)
            .map(|nth| id(7, nth))
            .chain(all.iter().step_by(count as usize / 40).map(Record::id))
            .collect();
        let (mut refused, mut opened) = (0_u32, 0_u32);
        for index in 0..good.len() {
            for change in [1 << (index % 8), 128 >> (index % 5), 255] {
                let mut changed = good.clone();
                changed[index] ^= change;
                let Ok(segment) = Segment::open(changed.as_slice()) else {
                    refused += 1;
                    continue;
                };
                opened += 1;
                let (bits, shard) = segment.range();
                for id in &asked {
                    assert!(segment.get(id).is_none() || id.leading(bits) == shard, "byte {index}");
                }
                // A manifest says which range it is: another is refused, so that nothing outside of it is ever asked.
                if index != 6 && !(16..20).contains(&index) {
                    assert_eq!((bits, shard), (range.bits, range.shard), "byte {index}");
                }
                if let Some(entries) = segment.iter() {
                    let found = entries.filter(|(interval, _)| segment.get(&interval.from).is_some());
                    assert_eq!(found.count() as u64, segment.entries(), "byte {index}");
                }
                let _ = segment.check();
            }
        }
        assert!(refused > 50 && opened > 100, "{refused} refused, {opened} opened");
        for length in 0..good.len() {
            assert!(Segment::open(&good[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn an_entry_expires_no_earlier_than_its_segment_says() {
    let all = records(Kind::Outright, 8, 20_000);
    let mut publisher = publisher_of(50, 1 << 14, 4);
    publisher.add_records(table(Kind::Outright), all.iter().copied());
    let opened = Opened::of(publisher.finish(&authority_key()).unwrap());
    let latest = |record: &Record| -> Option<UnixTime> {
        let parts = opened.layers.values().flatten();
        let of = parts.filter(|(reference, segment, _)| {
            reference.range.contains(&record.id()) && segment.get(&record.id()).is_some()
        });
        of.map(|(reference, ..)| reference.expires)
            .max_by_key(|expires| expires.map_or(u64::MAX, UnixTime::as_millis))
            .unwrap()
    };
    for record in &all {
        match (latest(record), record.expires()) {
            (None, None) => {}
            (Some(segment), Some(own)) => assert!(segment >= own),
            (segment, own) => panic!("{segment:?} of {own:?}"),
        }
    }
}

/// Whoever may choose values can have their ids where he wants them, at the price of so many hashes: none is lost for that.
#[test]
fn ids_that_are_not_spread_evenly_are_kept_in_smaller_key_ranges() {
    // All in a half, all in a 2^12th, and all but a few in each other's neighbourhood.
    for (bits, count) in [(1, 80_000), (12, 80_000), (16, 3_000)] {
        let near = |nth: u64| Id::from_number(id(9, nth).as_number() >> bits | 1 << 127 >> (bits - 1));
        let mut all: Vec<Record> = (0..count).map(|nth| Record::entry(near(nth), 0, None)).collect();
        all.extend((0..50).map(|nth| Record::entry(id(10, nth), 0, None)));
        settle(&mut all);
        for epsilon in [8, 50] {
            let mut publisher = publisher_of(epsilon, 25 << 20, 1);
            publisher.add_records(table(Kind::Outright), all.iter().copied());
            let opened = Opened::of(publisher.finish(&authority_key()).unwrap());
            all_are_found(&opened, Kind::Outright, &all);
        }
        let built = publisher(&[]).finish(&authority_key()).unwrap();
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        let update = revocable::publish::Update::following(built.manifest.as_bytes(), &keys, AUTHORITY, NOW);
        let mut update = update.unwrap();
        for record in &all {
            update.add_record(&table(Kind::Outright), record).unwrap();
        }
        let (signed, segments) = update.finish(&authority_key(), |_| None).unwrap();
        let opened = Opened::of({
            let mut next = built;
            (next.manifest, next.segments) = (signed.manifest, segments);
            next
        });
        all_are_found(&opened, Kind::Outright, &all);
    }
}
