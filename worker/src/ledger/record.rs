//! Recording an order: its events, what they make of the entries, and the manifest that says so, all of it or nothing.

use std::collections::HashMap;

use revocable::authority::{Authority, Once, Order, Outcome, Receipt, Recorded, Retraction, Wanted};
use revocable::limits::{EXPIRED_ENTRY_GRACE_SECONDS, MAX_RULES, MAX_SEQ, MAX_TABLES};
use revocable::publish::{Record, TableKey};
use revocable::{Error, Id, IdPrefix, Rule, Salt, SegmentName, UnixTime};
use serde_json::Value;
use worker::SqlStorageValue as Sql;

use super::press::table_key;
use super::store::{Store, number};
use super::{Fault, Ledger, authority};
use crate::host;

/// What has changed for readers of the list.
pub(super) type Changes = Vec<(TableKey, Record)>;

/// Who asks, and what makes it happen once.
struct Asked<'a> {
    actor: &'a str,
    once: Option<&'a Once>,
    /// The idempotency key, and all that was asked with it.
    key: Option<(&'a str, String)>,
}

impl Ledger {
    /// Records an order. When this is answered it is durable: the platform holds an answer back until its writes are.
    pub(super) async fn record(&self, order: &Order) -> Result<Recorded, Fault> {
        let key = order.key.as_deref().map(|key| (key, order.to_json()));
        let asked = Asked { actor: &order.actor, once: order.once.as_ref(), key };
        self.commit(&asked, |authority, book| {
            let mut outcomes = Vec::with_capacity(order.changes.len());
            let may_take_back = authority.may_take_back(&order.actor);
            for wanted in &order.changes {
                if !authority.covers().iter().any(|issuer| issuer == wanted.revocation.issuer()) {
                    let reason = "`issuer` is none that this authority speaks for";
                    return Err(Error::RevocationInvalid(reason.to_owned()).into());
                }
                outcomes.push(book.enter(wanted, &order.actor, may_take_back)?);
            }
            Ok(outcomes)
        })
        .await
    }

    /// Takes back the entry with a number.
    pub(super) async fn retract(&self, retraction: &Retraction) -> Result<Recorded, Fault> {
        let key = retraction.key.as_deref().map(|key| (key, retraction.to_json()));
        let asked = Asked { actor: &retraction.actor, once: None, key };
        self.commit(&asked, |_, book| Ok(vec![book.strike(retraction)?])).await
    }

    async fn commit(
        &self,
        asked: &Asked<'_>,
        enter: impl FnOnce(&Authority, &mut Book<'_>) -> Result<Vec<Outcome>, Fault>,
    ) -> Result<Recorded, Fault> {
        self.settle()?;
        let now = host::now();
        let store = self.store()?;
        let before = store.meta("seq")?.unwrap_or(0);
        let recorded = store.atomically(|| {
            authority(|authority| {
                if let Some(once) = asked.once {
                    let is_new = store.count(
                        "INSERT OR IGNORE INTO onces VALUES (?, ?, ?)",
                        vec![once.sender.as_str().into(), once.jti.as_str().into(), number(once.until)],
                    )?;
                    if is_new == 0 {
                        return Ok(Recorded::Replayed);
                    }
                }
                let key = asked.key.as_ref().map(|(key, text)| (*key, SegmentName::of(text.as_bytes())));
                if let Some((key, digest)) = &key
                    && let Some(receipt) = answered_before(store, asked.actor, key, digest)?
                {
                    return Ok(Recorded::Done(Receipt { manifest: self.newest()?.text, ..receipt }));
                }
                let mut book = Book::open(store, now, authority.hash_only())?;
                let outcomes = enter(authority, &mut book)?;
                let changes = book.close()?;
                let manifest =
                    if changes.is_empty() { self.newest()? } else { self.print(authority, &changes, now)? };
                let receipt = Receipt { seq: manifest.seq, outcomes, manifest: manifest.text };
                if let Some((key, digest)) = &key {
                    keep_answer(store, asked.actor, key, digest, &receipt, now)?;
                }
                Ok(Recorded::Done(receipt))
            })
        })?;
        if store.meta("seq")?.unwrap_or(0) > before {
            // KV is behind now; it is written to at once, unless it was a moment ago.
            self.wake_in(0).await?;
            // It is recorded, whoever has heard of it.
            if let Err(fault) = self.tell(before).await {
                fault.log("feed");
            }
        }
        Ok(recorded)
    }
}

/// The entries, while an order is entered.
struct Book<'a> {
    store: &'a Store,
    now: UnixTime,
    hash_only: bool,
    salt: Salt,
    seq: u64,
    entries: u64,
    tables: HashMap<TableKey, u64>,
    /// What ids of a rule and issuer have in common: most orders are about one.
    prefixes: HashMap<(Rule, String), IdPrefix>,
    changes: Changes,
}

impl<'a> Book<'a> {
    fn open(store: &'a Store, now: UnixTime, hash_only: bool) -> Result<Self, Fault> {
        Ok(Self {
            store,
            now,
            hash_only,
            salt: salt(store)?,
            seq: store.meta("seq")?.unwrap_or(0),
            entries: store.meta("entries")?.unwrap_or(0),
            tables: HashMap::new(),
            prefixes: HashMap::new(),
            changes: Vec::new(),
        })
    }

    /// Enters one change.
    ///
    /// A target has one entry of a kind, and one undoing undoes it however often it was recorded. Of cutoffs and minima the
    /// stricter stands, and each entry for as long as the later of two says: whoever may only revoke takes nothing back by
    /// saying less. Whoever may take back may also move them: then what is recorded last stands.
    fn enter(&mut self, wanted: &Wanted, actor: &str, may_take_back: bool) -> Result<Outcome, Fault> {
        let revocation = &wanted.revocation;
        let key = (revocation.rule().clone(), revocation.issuer().to_owned());
        let salt = self.salt;
        let prefix =
            self.prefixes.entry(key).or_insert_with_key(|(rule, issuer)| IdPrefix::new(salt, rule, issuer));
        let record = revocation.record_of(revocation.id_after(prefix));
        let outcome =
            |seq, result: &str| Outcome { seq, id: record.id().to_string(), result: result.to_owned() };
        // What comes to nothing makes no table, because tables stay.
        let known = self.known_table(revocation.table())?;
        let before = match known {
            Some(table) => self.entry(table, &record)?,
            None => None,
        };
        let Some(value) = record.value() else {
            let (Some(table), Some(before)) = (known, before) else { return Ok(outcome(0, "absent")) };
            let seq = self.take_back(table, before.seq, actor, wanted.reason.as_deref())?;
            self.changes.push((revocation.table().clone(), record));
            return Ok(outcome(seq, "undone"));
        };
        if record.expires().is_some_and(|at| at.plus_seconds(EXPIRED_ENTRY_GRACE_SECONDS) <= self.now) {
            return Ok(outcome(0, "over"));
        }
        let mut expires = record.expires().map(UnixTime::as_millis);
        let mut stands = value;
        if let Some(before) = &before {
            if !may_take_back {
                stands = value.max(before.value);
            }
            if !may_take_back || value == before.value {
                expires = before.expires.zip(expires).map(|(one, other)| one.max(other));
            }
            if (stands, expires) == (before.value, before.expires) {
                return Ok(outcome(before.seq, "unchanged"));
            }
        } else {
            self.entries = self.entries.saturating_add(1);
        }
        let table = match known {
            Some(table) => table,
            None => self.new_table(revocation.table())?,
        };
        let result = if before.is_some() { "replaced" } else { "added" };
        let record = Record::entry(record.id(), stands, expires.map(UnixTime::from_millis));
        let seq = self.event(wanted, actor, table, &record)?;
        self.store.run(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)",
            vec![
                number(table),
                id(&record),
                number(seq),
                Sql::Integer(stands),
                expires.map_or(Sql::Null, number),
            ],
        )?;
        self.changes.push((revocation.table().clone(), record));
        Ok(Outcome { seq, id: record.id().to_string(), result: result.to_owned() })
    }

    /// Takes back the entry with a number.
    fn strike(&mut self, retraction: &Retraction) -> Result<Outcome, Fault> {
        let row = self.store.row(
            "SELECT n.tbl, n.id, t.rule, t.kind, t.claim FROM entries n JOIN tables t ON t.number = n.tbl WHERE n.seq = ?",
            vec![number(retraction.seq)],
        )?;
        let row = row.ok_or(Fault::Refused(Error::NotFound))?;
        let id = row.bytes(1)?.try_into().map(Id::from_bytes).map_err(|_| Fault::odd("an id"))?;
        let seq =
            self.take_back(row.number(0)?, retraction.seq, &retraction.actor, retraction.reason.as_deref())?;
        self.changes.push((table_key(&row, 2)?, Record::undone(id)));
        Ok(Outcome { seq, id: id.to_string(), result: "undone".to_owned() })
    }

    /// Removes an entry; what is kept of it in the log is that of the event that made it.
    fn take_back(&mut self, table: u64, entry: u64, actor: &str, reason: Option<&str>) -> Result<u64, Fault> {
        let seq = self.next()?;
        self.store.run(
            "INSERT INTO events SELECT ?, ?, ?, tbl, id, issuer, vals, 1, value, expires, ? FROM events WHERE seq = ?",
            vec![
                number(seq),
                number(self.now.as_millis()),
                actor.into(),
                reason.map_or(Sql::Null, Sql::from),
                number(entry),
            ],
        )?;
        self.store
            .run("DELETE FROM entries WHERE tbl = ? AND seq = ?", vec![number(table), number(entry)])?;
        self.entries = self.entries.saturating_sub(1);
        Ok(seq)
    }

    fn next(&mut self) -> Result<u64, Fault> {
        self.seq = self.seq.checked_add(1).filter(|seq| *seq < MAX_SEQ).ok_or(Error::LedgerUnavailable)?;
        Ok(self.seq)
    }

    /// Numbers an event that adds, and keeps it.
    fn event(&mut self, wanted: &Wanted, actor: &str, table: u64, record: &Record) -> Result<u64, Fault> {
        let seq = self.next()?;
        let values = Value::from(wanted.revocation.values().to_vec()).to_string();
        self.store.run(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            vec![
                number(seq),
                number(self.now.as_millis()),
                actor.into(),
                number(table),
                id(record),
                wanted.revocation.issuer().into(),
                if self.hash_only { Sql::Null } else { values.into() },
                Sql::Integer(record.value().unwrap_or(0)),
                record.expires().map_or(Sql::Null, |at| number(at.as_millis())),
                wanted.reason.as_deref().map_or(Sql::Null, Sql::from),
            ],
        )?;
        Ok(seq)
    }

    fn known_table(&mut self, key: &TableKey) -> Result<Option<u64>, Fault> {
        if let Some(number) = self.tables.get(key) {
            return Ok(Some(*number));
        }
        let (rule, kind, claim) = wire(key);
        let row = self.store.row(
            "SELECT number FROM tables WHERE rule = ? AND kind = ? AND claim = ?",
            vec![rule.into(), kind.into(), claim.into()],
        )?;
        let number = row.map(|row| row.number(0)).transpose()?;
        if let Some(number) = number {
            self.tables.insert(key.clone(), number);
        }
        Ok(number)
    }

    /// Makes a table, if readers take one more.
    fn new_table(&mut self, key: &TableKey) -> Result<u64, Fault> {
        let (rule, kind, claim) = wire(key);
        let row = self.store.row(
            "SELECT COUNT(*), COUNT(DISTINCT rule), ifnull(MAX(rule = ?), 0) FROM tables",
            vec![rule.as_str().into()],
        )?;
        let row = row.ok_or_else(|| Fault::odd("a count"))?;
        let (tables, rules, is_known) = (row.number(0)?, row.number(1)?, row.number(2)? != 0);
        let most = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
        if tables >= most(MAX_TABLES) || (!is_known && rules >= most(MAX_RULES)) {
            let reason = "`rule`: there are as many rules, or ways to revoke by them, as a list may have";
            return Err(Error::RevocationInvalid(reason.to_owned()).into());
        }
        self.store.run(
            "INSERT INTO tables (rule, kind, claim) VALUES (?, ?, ?)",
            vec![rule.into(), kind.into(), claim.into()],
        )?;
        self.known_table(key)?.ok_or_else(|| Fault::odd("a table"))
    }

    fn entry(&self, table: u64, record: &Record) -> Result<Option<Before>, Fault> {
        let row = self.store.row(
            "SELECT seq, value, expires FROM entries WHERE tbl = ? AND id = ?",
            vec![number(table), id(record)],
        )?;
        row.map(|row| {
            Ok(Before { seq: row.number(0)?, value: row.integer(1)?, expires: row.number_if_any(2)? })
        })
        .transpose()
    }

    fn close(self) -> Result<Changes, Fault> {
        self.store.set_meta("seq", self.seq)?;
        self.store.set_meta("entries", self.entries)?;
        Ok(self.changes)
    }
}

/// The entry that a target has already.
struct Before {
    seq: u64,
    value: i64,
    expires: Option<u64>,
}

/// A rule and a kind, as they are kept.
pub(super) fn wire(key: &TableKey) -> (String, &'static str, &str) {
    (members(key.rule()), key.kind().name(), key.claim().unwrap_or_default())
}

/// A rule, as it is kept.
pub(super) fn members(rule: &Rule) -> String {
    let members: Vec<&str> = rule.members().iter().map(|member| member.as_str()).collect();
    Value::from(members).to_string()
}

/// The salt that ids are made with: drawn once.
pub(super) fn salt(store: &Store) -> Result<Salt, Fault> {
    if let Some(kept) = store.meta_bytes("salt")? {
        let kept: [u8; Salt::BYTES] = kept.try_into().map_err(|_| Fault::odd("a salt"))?;
        return Ok(Salt::from_bytes(kept));
    }
    let mut drawn = [0; Salt::BYTES];
    getrandom_04::fill(&mut drawn).map_err(|error| Fault::Platform(error.to_string()))?;
    store.run("INSERT INTO meta VALUES ('salt', ?)", vec![Sql::Blob(drawn.to_vec())])?;
    Ok(Salt::from_bytes(drawn))
}

fn id(record: &Record) -> Sql {
    Sql::Blob(record.id().as_bytes().to_vec())
}

/// The answer to an order that came before, if it was this one.
fn answered_before(
    store: &Store,
    actor: &str,
    key: &str,
    digest: &SegmentName,
) -> Result<Option<Receipt>, Fault> {
    let row = store.row(
        "SELECT digest, receipt FROM orders WHERE actor = ? AND name = ?",
        vec![actor.into(), key.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    if row.bytes(0)? != digest.as_bytes() {
        let reason = "`Idempotency-Key` was that of another request within the last day";
        return Err(Error::RevocationInvalid(reason.to_owned()).into());
    }
    let receipt = serde_json::from_str(row.text(1)?).map_err(|_| Fault::odd("a receipt"))?;
    Ok(Some(receipt))
}

fn keep_answer(
    store: &Store,
    actor: &str,
    key: &str,
    digest: &SegmentName,
    receipt: &Receipt,
    now: UnixTime,
) -> Result<(), Fault> {
    // Not the manifest: whoever asks again is given the newest.
    let kept = Receipt { manifest: String::new(), ..receipt.clone() };
    let kept = serde_json::to_string(&kept).map_err(|_| Fault::odd("a receipt"))?;
    store.run(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
        vec![
            actor.into(),
            key.into(),
            Sql::Blob(digest.as_bytes().to_vec()),
            kept.into(),
            number(now.as_millis()),
        ],
    )
}
