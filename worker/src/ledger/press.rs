//! Printing: manifests of what the ledger says, each with the number of all that it has.

use std::collections::{BTreeSet, VecDeque};

use revocable::authority::Authority;
use revocable::limits::{EXPIRED_ENTRY_GRACE_SECONDS, MAX_SEQ};
use revocable::publish::{Assembly, Record, Signed, Stored, TableKey, Tally, Terms, Update, sign_head};
use revocable::{Error, Id, KeyRange, Kind, Manifest, Rule, SegmentName, SegmentRef, UnixTime};
use worker::SqlStorageValue as Sql;

use super::compact::forget_plan;
use super::record::{Changes, salt};
use super::store::{Row, Store, number};
use super::{Fault, Ledger, authority};
use crate::host;

/// A manifest that was signed.
pub(super) struct Printed {
    pub(super) seq: u64,
    pub(super) text: String,
    pub(super) hash: SegmentName,
    pub(super) at: UnixTime,
}

impl Ledger {
    /// Makes sure that there is a manifest, also when nothing has ever been revoked, and that it comes after those which this
    /// ledger succeeds: readers that have one of those take nothing older. Says whether it had to be made.
    pub(super) fn settle(&self) -> Result<bool, Fault> {
        let store = self.store()?;
        let newest = store.meta("manifest")?;
        if authority(|authority| Ok(newest.is_some_and(|seq| seq > authority.succeeds())))? {
            return Ok(false);
        }
        let now = host::now();
        store.atomically(|| authority(|authority| self.print(authority, &Vec::new(), now).map(|_| true)))
    }

    /// The newest manifest.
    pub(super) fn newest(&self) -> Result<Printed, Fault> {
        let row = self
            .store()?
            .row("SELECT seq, text, hash, at FROM manifests ORDER BY seq DESC LIMIT 1", vec![])?;
        printed(&row.ok_or_else(|| Fault::odd("a manifest"))?)
    }

    /// A manifest by its number.
    pub(super) fn manifest(&self, seq: u64) -> Result<String, Fault> {
        let row = self.store()?.row("SELECT text FROM manifests WHERE seq = ?", vec![number(seq)])?;
        Ok(row.ok_or(Fault::Refused(Error::NotFound))?.text(0)?.to_owned())
    }

    /// What points to the newest manifest, signed just now.
    pub(super) fn head(&self) -> Result<String, Fault> {
        let newest = self.newest()?;
        let now = host::now();
        authority(|authority| {
            let (key, name) = (authority.signing_key(), authority.name());
            Ok(sign_head(key, name, newest.seq, *newest.hash.as_bytes(), now))
        })
    }

    /// Signs the manifest after the newest, with these changes. Within a transaction.
    pub(super) fn print(
        &self,
        authority: &Authority,
        changes: &Changes,
        now: UnixTime,
    ) -> Result<Printed, Fault> {
        let store = self.store()?;
        let seq = next_seq(store, authority)?;
        let updated = match store.meta("manifest")? {
            None => None,
            Some(_) => update(store, authority, &self.newest()?, changes, seq, now)?,
        };
        let Some((signed, segments)) = updated else { return build(store, authority, seq, now) };
        keep_segments(store, segments)?;
        keep(store, signed, now)
    }
}

/// The next number; one of events and of manifests is never another's.
pub(super) fn next_seq(store: &Store, authority: &Authority) -> Result<u64, Fault> {
    let seq = store.meta("seq")?.unwrap_or(0).max(authority.succeeds()).checked_add(1);
    let seq = seq.filter(|seq| *seq < MAX_SEQ).ok_or(Error::LedgerUnavailable)?;
    store.set_meta("seq", seq)?;
    Ok(seq)
}

type Made = (Signed, Vec<Stored>);

/// The manifest before with what has changed; none where all is to be made anew.
fn update(
    store: &Store,
    authority: &Authority,
    previous: &Printed,
    changes: &Changes,
    seq: u64,
    now: UnixTime,
) -> Result<Option<Made>, Fault> {
    let update = Update::following(previous.text.as_bytes(), authority.keys(), authority.name(), now);
    // One that was signed with a key which is trusted no more is followed by none.
    let Ok(update) = update else { return Ok(None) };
    let mut update = update.terms(|terms| authority.terms_of(terms).seq(seq));
    for (table, record) in changes {
        update.add_record(table, record)?;
    }
    let mut fault = None;
    let made = update.finish(authority.signing_key(), |name| {
        store.segment(name).unwrap_or_else(|failed| {
            fault = Some(failed);
            None
        })
    });
    match (fault, made) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) if Update::wants_full_build(&error) => Ok(None),
        (None, made) => Ok(Some(made?)),
    }
}

/// All that is revoked, in new segments, and the manifest of them: one key range at a time, so that of entries and segments no more
/// than one range is held.
pub(super) fn build(store: &Store, authority: &Authority, seq: u64, now: UnixTime) -> Result<Printed, Fault> {
    let salt = salt(store)?;
    let newest = store.row("SELECT text FROM manifests ORDER BY seq DESC LIMIT 1", vec![])?;
    let following = match &newest {
        None => None,
        Some(row) => {
            let text = row.text(0)?.as_bytes();
            Terms::following(text, authority.keys(), authority.name(), now).ok()
        }
    };
    let terms = following.map_or_else(|| Terms::new(authority.name(), salt, now), |(terms, _)| terms);
    let terms = authority.terms_of(terms).seq(seq);
    let mut rules = BTreeSet::new();
    let (mut tallies, mut numbers) = (Vec::new(), Vec::new());
    for row in store.rows("SELECT number, rule, kind, claim FROM tables ORDER BY number", vec![])? {
        let key = table_key(&row, 1)?;
        rules.insert(key.rule().clone());
        let table = row.number(0)?;
        let tally = tally(store, table, key, now)?;
        if tally.entries > 0 {
            tallies.push(tally);
            numbers.push(table);
        }
    }
    let mut assembly = Assembly::new(terms, rules, tallies)?;
    for (index, table) in numbers.into_iter().enumerate() {
        let bits = assembly.range_bits(index);
        let mut reading = Reading::of(store, table, now);
        for shard in 0..1_u32.checked_shl(u32::from(bits)).unwrap_or(0) {
            let range = KeyRange { bits, shard };
            keep_segments(store, assembly.put(index, range, &reading.up_to(range)?)?)?;
        }
    }
    forget_plan(store)?;
    // As it was asked for: what could be had may be less, and is not to be tried again and again.
    store.set_meta("epsilon", u64::from(authority.epsilon().bits()))?;
    keep(store, assembly.finish(authority.signing_key())?, now)
}

/// What is known of a table's entries before they are read.
pub(super) fn tally(store: &Store, table: u64, key: TableKey, now: UnixTime) -> Result<Tally, Fault> {
    let row = store.row(
        "SELECT COUNT(*), MIN(value), MAX(value), MAX(expires) FROM entries WHERE tbl = ? AND (expires IS NULL OR expires > ?)",
        vec![number(table), number(over(now))],
    )?;
    let row = row.ok_or_else(|| Fault::odd("a count"))?;
    let mut tally = Tally::new(key);
    tally.entries = row.number(0)?;
    if let (Some(least), Some(most)) = (row.integer_if_any(1)?, row.integer_if_any(2)?) {
        (tally.least, tally.most) = (least, most);
    }
    tally.latest = row.number_if_any(3)?.map(UnixTime::from_millis);
    Ok(tally)
}

/// Entries that expired before this, in milliseconds, are of no use any more.
pub(super) fn over(now: UnixTime) -> u64 {
    now.minus_seconds(EXPIRED_ENTRY_GRACE_SECONDS).as_millis()
}

/// The entries of a table in ascending order of id, some thousands at a time.
pub(super) struct Reading<'a> {
    store: &'a Store,
    table: u64,
    over: u64,
    after: Vec<u8>,
    ahead: VecDeque<Record>,
    ended: bool,
}

impl<'a> Reading<'a> {
    fn of(store: &'a Store, table: u64, now: UnixTime) -> Self {
        Self::in_range(store, table, KeyRange::default(), now)
    }

    /// From the first of a key range.
    pub(super) fn in_range(store: &'a Store, table: u64, range: KeyRange, now: UnixTime) -> Self {
        let (after, ahead) = (before(range), VecDeque::new());
        Self { store, table, over: over(now), after, ahead, ended: false }
    }

    /// All that are not read yet and in this range, or before it.
    pub(super) fn up_to(&mut self, range: KeyRange) -> Result<Vec<Record>, Fault> {
        let mut records = Vec::new();
        loop {
            while let Some(record) =
                self.ahead.pop_front_if(|one| one.id().leading(range.bits) <= range.shard)
            {
                records.push(record);
            }
            if !self.ahead.is_empty() || self.ended {
                return Ok(records);
            }
            self.read()?;
        }
    }

    /// Reads some more. A row of many entries crosses into Wasm much faster than as many rows.
    fn read(&mut self) -> Result<(), Fault> {
        let row = self.store.row(
            "SELECT group_concat(hex(id) || ',' || value || ',' || ifnull(expires, ''), ';'), COUNT(*), MAX(id) FROM \
             (SELECT id, value, expires FROM entries WHERE tbl = ? AND id > ? AND (expires IS NULL OR expires > ?) \
             ORDER BY id LIMIT ?)",
            vec![
                number(self.table),
                Sql::Blob(std::mem::take(&mut self.after)),
                number(self.over),
                number(ENTRIES_AT_A_TIME),
            ],
        )?;
        let row = row.ok_or_else(|| Fault::odd("entries"))?;
        self.ended = row.number(1)? < ENTRIES_AT_A_TIME;
        if row.number(1)? == 0 {
            return Ok(());
        }
        let records = row.text(0)?.split(';').map(record);
        let mut records = records.collect::<Option<Vec<Record>>>().ok_or_else(|| Fault::odd("entries"))?;
        // SQLite does not promise the order of what it joins.
        records.sort_unstable_by_key(Record::key);
        self.ahead.extend(records);
        self.after = row.bytes(2)?.to_vec();
        Ok(())
    }
}

/// What every id of a key range comes after, and every id before it does not: the bytes that its first begins with.
fn before(range: KeyRange) -> Vec<u8> {
    let unused = u32::BITS.saturating_sub(u32::from(range.bits));
    range.shard.checked_shl(unused).unwrap_or(0).to_be_bytes().to_vec()
}

fn record(text: &str) -> Option<Record> {
    let mut fields = text.split(',');
    let (id, value, expires) = (fields.next()?, fields.next()?, fields.next()?);
    let expires = if expires.is_empty() { None } else { Some(UnixTime::from_millis(expires.parse().ok()?)) };
    Some(Record::entry(Id::from_hex(&id.to_ascii_lowercase())?, value.parse().ok()?, expires))
}

/// Keeps segments, before the manifest that names them.
pub(super) fn keep_segments(store: &Store, segments: Vec<Stored>) -> Result<(), Fault> {
    for (name, bytes) in segments {
        let hash = || Sql::Blob(name.as_bytes().to_vec());
        store.run(
            "INSERT INTO segments (hash, bytes) VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET unused_since = NULL",
            vec![hash(), Sql::Blob(bytes)],
        )?;
        // It may be the very bytes of one that is being replaced. This one stays.
        store.run("DELETE FROM replaced WHERE hash = ?", vec![hash()])?;
    }
    Ok(())
}

/// Keeps a manifest.
pub(super) fn keep(store: &Store, signed: Signed, now: UnixTime) -> Result<Printed, Fault> {
    let hash = SegmentName::of(signed.manifest.as_bytes());
    store.run(
        "INSERT INTO manifests VALUES (?, ?, ?, ?)",
        vec![
            number(signed.seq),
            signed.manifest.as_str().into(),
            Sql::Blob(hash.as_bytes().to_vec()),
            number(now.as_millis()),
        ],
    )?;
    store.set_meta("manifest", signed.seq)?;
    Ok(Printed { seq: signed.seq, text: signed.manifest, hash, at: now })
}

/// The segments that a manifest of this ledger names, those that confirm among them, and how many bytes each has.
pub(super) fn named(manifest: &str) -> Result<Vec<(SegmentName, u64)>, Fault> {
    authority(|authority| {
        let manifest = Manifest::inspect(manifest.as_bytes(), authority.keys())?;
        let with_exact = |one: &SegmentRef| {
            one.exact.map(|exact| (exact.name, exact.bytes)).into_iter().chain([(one.name, one.bytes)])
        };
        Ok(manifest.segments().iter().flat_map(with_exact).collect())
    })
}

/// [`named`], without their bytes.
pub(super) fn names(manifest: &str) -> Result<Vec<SegmentName>, Fault> {
    Ok(named(manifest)?.into_iter().map(|(name, _)| name).collect())
}

fn printed(row: &Row) -> Result<Printed, Fault> {
    let hash = row.bytes(2)?.try_into().map_err(|_| Fault::odd("a hash"))?;
    Ok(Printed {
        seq: row.number(0)?,
        text: row.text(1)?.to_owned(),
        hash: SegmentName::from_digest(hash),
        at: UnixTime::from_millis(row.number(3)?),
    })
}

/// A rule and a kind, of three columns from this one.
pub(super) fn table_key(row: &Row, first: usize) -> Result<TableKey, Fault> {
    let members: Vec<String> = serde_json::from_str(row.text(first)?).map_err(|_| Fault::odd("a rule"))?;
    let kind = Kind::from_name(row.text(first.saturating_add(1))?).ok_or_else(|| Fault::odd("a kind"))?;
    let claim = Some(row.text(first.saturating_add(2))?).filter(|claim| !claim.is_empty());
    Ok(TableKey::new(Rule::new(members)?, kind, claim.map(str::to_owned))?)
}

/// A row of so many is some 400 KB.
const ENTRIES_AT_A_TIME: u64 = 8192;
