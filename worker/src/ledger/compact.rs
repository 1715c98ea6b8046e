//! Compaction: all segments anew, some key ranges a turn. Each turn is a transaction with a manifest of its own, so requests are
//! answered in between, readers never hold more than a part twice, and after a crash the next turn goes on.

use std::collections::{BTreeSet, HashSet};

use revocable::authority::Authority;
use revocable::publish::{Assembly, Epsilon, Tally, Update};
use revocable::{KeyRange, Manifest, SegmentName, UnixTime};
use worker::SqlStorageValue as Sql;

use super::press::{Printed, Reading, build, keep, keep_segments, next_seq, table_key, tally};
use super::record::salt;
use super::store::{Store, number};
use super::{Fault, Ledger, authority};

/// A table that is made anew.
struct Planned {
    number: u64,
    tally: Tally,
    bits: u8,
    /// The next key range; as many as there are when all are made.
    shard: u32,
    /// How many entries, and bytes of segments, a key range was to have at the beginning.
    entries: u64,
    bytes: u64,
}

impl Ledger {
    /// Begins a compaction where that is worth it, or goes on with the one under way.
    pub(super) fn compact(&self, store: &Store, authority: &Authority, now: UnixTime) -> Result<(), Fault> {
        if is_compacting(store)? {
            return self.make_piece(store, authority, now);
        }
        let newest = self.newest()?;
        let Ok(manifest) = Manifest::inspect(newest.text.as_bytes(), authority.keys()) else {
            // Nothing can follow one that was signed with a key which is trusted no more.
            let seq = next_seq(store, authority)?;
            return build(store, authority, seq, now).map(|_| ());
        };
        if !wants_compaction(store, authority, &manifest)? {
            return Ok(());
        }
        plan(store, authority, &manifest, now)?;
        if is_compacting(store)? {
            return Ok(());
        }
        // There is nothing to be made, but the manifest is to say what is configured.
        let seq = next_seq(store, authority)?;
        build(store, authority, seq, now).map(|_| ())
    }

    /// How soon the next piece is to be made: by then readers that look once a second have the one before. Sooner where new entries
    /// take up the layers that are left.
    pub(super) fn pause_millis(&self) -> u64 {
        let layers = self.newest().and_then(|newest| {
            authority(|authority| Ok(layers(&Manifest::inspect(newest.text.as_bytes(), authority.keys())?)))
        });
        if layers.is_ok_and(|layers| layers >= HARDLY_ANY_LEFT) { SHORT_PAUSE_MILLIS } else { PAUSE_MILLIS }
    }

    fn make_piece(&self, store: &Store, authority: &Authority, now: UnixTime) -> Result<(), Fault> {
        let mut planned = planned(store)?;
        let epsilon = epsilon(store, "epsilon")?;
        let terms = authority.terms(salt(store)?, now).epsilon(epsilon);
        let tallies = planned.iter().map(|one| one.tally.clone()).collect();
        let mut part = Assembly::new(terms, BTreeSet::new(), tallies)?;
        make(store, &mut planned, &mut part, now)?;
        let is_last = planned.iter().all(|one| u64::from(one.shard) >= ranges(one.bits));
        let stated = if is_last { part.epsilon() } else { self::epsilon(store, "compaction_epsilon")? };
        let seq = next_seq(store, authority)?;
        match self.put(store, authority, (part, stated), (seq, now))? {
            Some(_) if is_last => forget_plan(store),
            Some(_) => planned.iter().try_for_each(|one| {
                let values = vec![number(u64::from(one.shard)), number(one.number)];
                store.run("UPDATE compaction SET shard = ? WHERE tbl = ?", values)
            }),
            None => build(store, authority, seq, now).map(|_| ()),
        }
    }

    /// Prints the newest manifest with this part; none where all is to be made anew at once.
    fn put(
        &self,
        store: &Store,
        authority: &Authority,
        (part, stated): (Assembly, Epsilon),
        (seq, now): (u64, UnixTime),
    ) -> Result<Option<Printed>, Fault> {
        let previous = self.newest()?;
        let update = Update::following(previous.text.as_bytes(), authority.keys(), authority.name(), now);
        let Ok(update) = update else { return Ok(None) };
        let mut update = update.terms(|terms| authority.terms_of(terms).seq(seq));
        let old = replaced(store)?;
        let mut fault = None;
        let mut segment = |name: &SegmentName| {
            store.segment(name).unwrap_or_else(|failed| {
                fault = Some(failed);
                None
            })
        };
        let made = update
            .replace(part, stated, |name| old.contains(name), &mut segment)
            .and_then(|()| update.finish(authority.signing_key(), &mut segment));
        match (fault, made) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) if Update::wants_full_build(&error) => Ok(None),
            (None, made) => {
                let (signed, segments) = made?;
                keep_segments(store, segments)?;
                keep(store, signed, now).map(Some)
            }
        }
    }
}

/// Whether one is under way.
pub(super) fn is_compacting(store: &Store) -> Result<bool, Fault> {
    Ok(store.row("SELECT 1 FROM compaction LIMIT 1", vec![])?.is_some())
}

/// What was planned is done, or done otherwise.
pub(super) fn forget_plan(store: &Store) -> Result<(), Fault> {
    store.run("DELETE FROM compaction", vec![])?;
    store.run("DELETE FROM replaced", vec![])
}

/// Whether the segments have become many, hold much that is over, or are made otherwise than is configured.
fn wants_compaction(store: &Store, authority: &Authority, manifest: &Manifest) -> Result<bool, Fault> {
    if store.meta("epsilon")? != Some(u64::from(authority.epsilon().bits())) {
        return Ok(true);
    }
    let recent = manifest.recent().iter().flat_map(|group| group.all());
    let taken_back = recent.filter(|(_, entry)| entry.is_none()).count();
    let held: u64 = manifest.segments().iter().fold(0, |sum, one| sum.saturating_add(one.entries));
    let live = store.meta("entries")?.unwrap_or(0);
    Ok(layers(manifest) >= MANY_LAYERS
        || taken_back >= MANY_TAKEN_BACK
        || held > live.saturating_mul(2).saturating_add(SOME_ENTRIES))
}

fn layers(manifest: &Manifest) -> u8 {
    manifest.segments().iter().map(|one| one.layer.saturating_add(1)).max().unwrap_or(0)
}

/// Decides what is to be made, in which key ranges, and notes what it replaces.
fn plan(store: &Store, authority: &Authority, manifest: &Manifest, now: UnixTime) -> Result<(), Fault> {
    let wanted = authority.epsilon();
    let mut tallies = Vec::new();
    let mut numbers = Vec::new();
    for row in store.rows("SELECT number, rule, kind, claim FROM tables ORDER BY number", vec![])? {
        let key = table_key(&row, 1)?;
        let number = row.number(0)?;
        let is_in_segments = manifest.segments().iter().any(|one| {
            manifest.tables().get(one.table).is_some_and(|table| {
                manifest.rules().get(table.rule) == Some(key.rule())
                    && (table.kind, table.claim.as_deref()) == (key.kind(), key.claim())
            })
        });
        let tally = tally(store, number, key, now)?;
        if tally.entries > 0 || is_in_segments {
            tallies.push(tally);
            numbers.push(number);
        }
    }
    let terms = authority.terms(salt(store)?, now);
    let sizes: Vec<u64> = tallies.iter().map(|tally| tally.entries).collect();
    let assembly = Assembly::new(terms, BTreeSet::new(), tallies)?;
    for (index, (table, entries)) in numbers.into_iter().zip(sizes).enumerate() {
        let bits = assembly.range_bits(index);
        let share = entries.checked_shr(u32::from(bits)).unwrap_or(0);
        let bytes = assembly.range_bytes(index, bits);
        store.run(
            "INSERT INTO compaction VALUES (?, ?, 0, ?, ?)",
            vec![number(table), number(u64::from(bits)), number(share), number(bytes)],
        )?;
    }
    for name in manifest.segments().iter().map(|one| one.name) {
        store.run("INSERT OR IGNORE INTO replaced VALUES (?)", vec![Sql::Blob(name.as_bytes().to_vec())])?;
    }
    // Of both kinds of segments a decision may ask one meanwhile: the errors come to twice the greater at most.
    let coarser = manifest.epsilon_bits().min(assembly.epsilon().bits());
    store.set_meta("compaction_epsilon", u64::from(coarser.saturating_sub(1).max(COARSEST_BITS)))?;
    // As it was asked for: what could be had may be less, and is not to be tried again and again.
    store.set_meta("epsilon", u64::from(wanted.bits()))
}

fn planned(store: &Store) -> Result<Vec<Planned>, Fault> {
    let rows = store.rows(
        "SELECT c.tbl, c.bits, c.shard, c.entries, c.bytes, t.rule, t.kind, t.claim FROM compaction c \
         JOIN tables t ON t.number = c.tbl ORDER BY c.tbl",
        vec![],
    )?;
    let read = |row: &super::store::Row| {
        Ok(Planned {
            number: row.number(0)?,
            bits: u8::try_from(row.number(1)?).map_err(|_| Fault::odd("bits"))?,
            shard: u32::try_from(row.number(2)?).map_err(|_| Fault::odd("a key range"))?,
            entries: row.number(3)?,
            bytes: row.number(4)?,
            tally: Tally::new(table_key(row, 5)?),
        })
    };
    rows.iter().map(read).collect()
}

/// Makes the next key ranges, and stores their segments.
fn make(store: &Store, planned: &mut [Planned], part: &mut Assembly, now: UnixTime) -> Result<(), Fault> {
    let all =
        planned.iter().fold(0_u64, |sum, one| sum.saturating_add(one.bytes.saturating_mul(ranges(one.bits))));
    let most = (all / 4).max(LEAST_PIECE_BYTES);
    let (mut entries, mut bytes, mut is_first) = (0_u64, 0_u64, true);
    for (index, one) in planned.iter_mut().enumerate() {
        while u64::from(one.shard) < ranges(one.bits) {
            entries = entries.saturating_add(one.entries);
            bytes = bytes.saturating_add(one.bytes);
            if !is_first && (entries > PIECE_ENTRIES || bytes > most) {
                return Ok(());
            }
            is_first = false;
            let range = KeyRange { bits: one.bits, shard: one.shard };
            let records = Reading::in_range(store, one.number, range, now).up_to(range)?;
            keep_segments(store, part.put(index, range, &records)?)?;
            one.shard = one.shard.saturating_add(1);
        }
    }
    Ok(())
}

/// The segments that are to be replaced.
fn replaced(store: &Store) -> Result<HashSet<SegmentName>, Fault> {
    let rows = store.rows("SELECT hash FROM replaced", vec![])?;
    let name = |row: &super::store::Row| {
        let hash: [u8; 32] = row.bytes(0)?.try_into().map_err(|_| Fault::odd("a hash"))?;
        Ok(SegmentName::from_digest(hash))
    };
    rows.iter().map(name).collect()
}

fn epsilon(store: &Store, name: &str) -> Result<Epsilon, Fault> {
    let bits = store.meta(name)?.and_then(|bits| u8::try_from(bits).ok());
    bits.and_then(Epsilon::from_bits).ok_or_else(|| Fault::odd("an epsilon"))
}

fn ranges(bits: u8) -> u64 {
    1_u64.checked_shl(u32::from(bits)).unwrap_or(0)
}

/// Of 16; the rest is for what comes before the last piece.
const MANY_LAYERS: u8 = 8;
const HARDLY_ANY_LEFT: u8 = 12;
/// Of the 2,048 operations that a manifest may have.
const MANY_TAKEN_BACK: usize = 1_024;
/// So few are not worth it.
const SOME_ENTRIES: u64 = 8_192;
/// What is made at a time, unless one key range has more: about a quarter of a second's work.
const PIECE_ENTRIES: u64 = 131_072;
/// A quarter of less than four of the largest segments is not worth a manifest.
const LEAST_PIECE_BYTES: u64 = 1024 * 1024;
const PAUSE_MILLIS: u64 = 1_000;
const SHORT_PAUSE_MILLIS: u64 = 100;
/// That of [`Epsilon`].
const COARSEST_BITS: u8 = 8;
