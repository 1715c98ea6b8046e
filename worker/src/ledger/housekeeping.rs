//! What the alarm does: forgets what has expired, signs anew what would grow old, compacts, writes to KV, and clears up after it.

use revocable::UnixTime;
use revocable::authority::Authority;
use serde_json::{Value, json};
use worker::SqlStorageValue as Sql;

use super::compact::is_compacting;
use super::press::{Printed, named, names, over};
use super::store::{Store, number};
use super::{Fault, Ledger, authority, kv};
use crate::host;

impl Ledger {
    /// Does all that is due, and has the alarm go off when something is next. What fails keeps nothing else from being done.
    pub(super) async fn keep_house(&self) -> Result<(), Fault> {
        self.settle()?;
        let mut outcome = self.broadcast();
        let now = host::now();
        // The alarm goes off much more often than there is something to clear up.
        let is_due = now.as_millis().saturating_sub(self.cleared.get()) >= CLEAR_UP_MILLIS;
        let store = self.store()?;
        let each = |work: &dyn Fn(&Authority) -> Result<(), Fault>| {
            store.atomically(|| authority(|authority| work(authority)))
        };
        // It also goes off for every order, and is not to be busy with pieces for that.
        if is_due || (is_compacting(store)? && now.as_millis() >= self.rested.get()) {
            outcome = outcome.and(each(&|authority| self.compact(store, authority, now)));
            self.rested.set(host::now().as_millis().saturating_add(self.pause_millis()));
        }
        if is_due {
            self.cleared.set(now.as_millis());
            outcome = outcome
                .and(each(&|authority| self.sign_anew(authority, now)))
                .and(each(&|authority| self.clear_up(store, authority, now)));
            outcome = outcome.and(self.sweep_kv().await).and(self.recheck_kv().await);
        }
        outcome = outcome.and(self.write_kv().await);
        outcome = outcome.and(self.beat().await);
        if is_compacting(store)? {
            self.wake_in(self.rested.get().saturating_sub(host::now().as_millis())).await?;
        }
        let next = self.newest()?.at.plus_seconds(RESIGN_SECONDS).millis_since(host::now());
        self.wake_in(next.max(LEAST_PAUSE_MILLIS)).await?;
        outcome
    }

    /// Signs a manifest that says the same, where the newest grows old.
    fn sign_anew(&self, authority: &Authority, now: UnixTime) -> Result<(), Fault> {
        if self.newest()?.at.plus_seconds(RESIGN_SECONDS) <= now {
            self.print(authority, &Vec::new(), now)?;
        }
        Ok(())
    }

    /// Forgets what is over.
    fn clear_up(&self, store: &Store, authority: &Authority, now: UnixTime) -> Result<(), Fault> {
        let gone = store.count(
            "DELETE FROM entries WHERE expires IS NOT NULL AND expires <= ?",
            vec![number(over(now))],
        )?;
        if gone > 0 {
            store.set_meta("entries", store.meta("entries")?.unwrap_or(0).saturating_sub(gone))?;
        }
        let before = |seconds| number(now.minus_seconds(seconds).as_millis());
        store.run("DELETE FROM orders WHERE at < ?", vec![before(DAY_SECONDS)])?;
        store.run("DELETE FROM onces WHERE until < ?", vec![number(now.as_seconds())])?;
        store.run("DELETE FROM written WHERE at < ?", vec![before(WEEK_SECONDS)])?;
        // Hourly, because all that is in force is looked at.
        if store.meta("log_cut")?.unwrap_or(0) <= now.minus_seconds(LOG_CUT_SECONDS).as_millis() {
            store.set_meta("log_cut", now.as_millis())?;
            cut_log(store, now)?;
        }
        // Until two minutes after a newer one was made.
        store.run(
            "DELETE FROM manifests WHERE seq < (SELECT MAX(seq) FROM manifests WHERE at < ?)",
            vec![before(MANIFEST_SECONDS)],
        )?;
        unused_segments(store, authority, &self.newest()?, now)
    }

    /// Numbers for operators.
    pub(super) fn status(&self) -> Result<Value, Fault> {
        self.settle()?;
        let store = self.store()?;
        let newest = self.newest()?;
        let budget = kv::budget(store)?;
        let (now, kv_seq) = (host::now(), store.meta("kv_seq")?);
        let behind = if kv_seq == Some(newest.seq) { 0 } else { now.millis_since(newest.at) };
        // Not those of the store, which has what was replaced for as long as readers may rely on it.
        let segments = named(&newest.text)?;
        Ok(json!({
            "seq": newest.seq,
            "ageMillis": now.millis_since(newest.at),
            "entries": store.meta("entries")?.unwrap_or(0),
            "segments": segments.len(),
            "segmentBytes": segments.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes)),
            "storageBytes": store.size(),
            "kvSeq": kv_seq,
            "kvBehindMillis": behind,
            "kvWritesToday": budget.spend(0, now).used,
            "compacting": is_compacting(store)?,
            "conflict": store.meta("conflict")? == Some(1),
            "subscribers": self.subscribers(),
        }))
    }
}

/// Forgets what happened longer ago than the log goes back, some of it at a time. What is still in force keeps the event that
/// says why.
fn cut_log(store: &Store, now: UnixTime) -> Result<(), Fault> {
    let cut =
        "SELECT seq FROM events WHERE at < ? AND seq NOT IN (SELECT seq FROM entries) ORDER BY seq LIMIT ?";
    let bounds = || vec![number(now.minus_seconds(LOG_SECONDS).as_millis()), number(EVENTS_AT_A_TIME)];
    let last = store.row(&format!("SELECT MAX(seq) FROM ({cut})"), bounds())?;
    let Some(last) = last.map(|row| row.number_if_any(0)).transpose()?.flatten() else { return Ok(()) };
    // What is cut later may be older.
    store.set_meta("log_from", last.max(store.meta("log_from")?.unwrap_or(0)))?;
    store.run(&format!("DELETE FROM events WHERE seq IN ({cut})"), bounds())
}

/// Notes which segments the newest manifest does not name, and removes those that none has named for longer than any reader may
/// rely on one; those that KV has, once it has them no more.
fn unused_segments(
    store: &Store,
    authority: &Authority,
    newest: &Printed,
    now: UnixTime,
) -> Result<(), Fault> {
    let used: Vec<String> = names(&newest.text)?.iter().map(ToString::to_string).collect();
    let used = || Sql::String(Value::from(used.clone()).to_string());
    store.run(
        "UPDATE segments SET unused_since = NULL WHERE unused_since IS NOT NULL AND lower(hex(hash)) IN \
         (SELECT value FROM json_each(?))",
        vec![used()],
    )?;
    store.run(
        "UPDATE segments SET unused_since = ? WHERE unused_since IS NULL AND lower(hex(hash)) NOT IN \
         (SELECT value FROM json_each(?))",
        vec![number(now.as_millis()), used()],
    )?;
    let hard_limit = authority.valid_for().saturating_add(CLOCKS_SECONDS);
    let since = number(now.minus_seconds(hard_limit).as_millis());
    store.run("DELETE FROM segments WHERE unused_since < ? AND in_kv = 0", vec![since])
}

/// A manifest that says nothing new is signed this often, so that readers can tell an authority that has nothing to say from one
/// that is gone.
const RESIGN_SECONDS: u64 = 600;
const LEAST_PAUSE_MILLIS: u64 = 1_000;
const CLEAR_UP_MILLIS: u64 = 10_000;
const DAY_SECONDS: u64 = 86_400;
const WEEK_SECONDS: u64 = 7 * DAY_SECONDS;
/// How long the log of what happened is kept, beside what is still in force.
const LOG_SECONDS: u64 = 30 * DAY_SECONDS;
const LOG_CUT_SECONDS: u64 = 3_600;
/// As much as a transaction takes easily.
const EVENTS_AT_A_TIME: u64 = 50_000;
/// A head points to a manifest for a minute at most.
const MANIFEST_SECONDS: u64 = 120;
/// How much clocks may differ.
pub(super) const CLOCKS_SECONDS: u64 = 300;
