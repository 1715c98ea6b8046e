//! Writing the newest snapshot to KV: the segments before the manifest that names them, and nothing over another's manifest.

use std::collections::HashSet;

use revocable::authority::KvBudget;
use revocable::{Error, Manifest, SegmentName, UnixTime};
use worker::SqlStorageValue as Sql;
use worker::kv::KvStore;

use super::housekeeping::CLOCKS_SECONDS;
use super::press::{Printed, names};
use super::store::{Store, number};
use super::{Fault, Ledger, authority};
use crate::{host, log};

const SWEPT_AT_A_TIME: u64 = 64;
const BINDING: &str = "REVOCATIONS";
const MANIFEST: &str = "manifest.jwt";
/// How soon KV is looked at again while another authority's manifest is there.
const CONFLICT_MILLIS: u64 = 60_000;
/// How soon another writer is looked after: it writes what was the newest when it began.
const BUSY_MILLIS: u64 = 1_000;
/// A writer that has not ended by then never will.
const PATIENCE_SECONDS: u64 = 120;
const SEGMENTS: &str = "segments/";
const RECHECK_SECONDS: u64 = 600;
/// The one that is read to see whose it is may be a cached one, for as long as KV caches at least.
const CACHE_SECONDS: u64 = 30;

impl Ledger {
    /// Brings KV up to the newest manifest, as soon as that may be. One at a time: the alarm and the cron trigger may come together,
    /// and the slower of them would put an older manifest over a newer, and write more often than KV allows.
    pub(super) async fn write_kv(&self) -> Result<(), Fault> {
        let now = host::now();
        if self.writing_until.get().is_some_and(|until| now < until) {
            return self.wake_in(BUSY_MILLIS).await.map_err(Fault::from);
        }
        self.writing_until.set(Some(now.plus_seconds(PATIENCE_SECONDS)));
        let outcome = self.write_newest().await;
        self.writing_until.set(None);
        outcome
    }

    async fn write_newest(&self) -> Result<(), Fault> {
        let Ok(kv) = self.env.kv(BINDING) else { return Ok(()) };
        let store = self.store()?;
        let newest = self.newest()?;
        if store.meta("kv_seq")? == Some(newest.seq) {
            return Ok(());
        }
        let mut budget = budget(store)?;
        let now = host::now();
        let lacking = lacking(store, &newest)?;
        let writes = u32::try_from(lacking.len()).unwrap_or(u32::MAX).saturating_add(1);
        let at = budget.next(writes, now);
        // Segments may be written in advance, as far as the budget has more than the manifests to come need.
        let ahead = if budget.spare(now) < writes { budget.spare(now) } else { 0 };
        if at > now && (ahead == 0 || lacking.is_empty()) {
            return self.wait_for_kv(writes, budget, now).await;
        }
        if self.is_another_authoritys(&kv, &newest).await? {
            if store.meta("conflict")? != Some(1) {
                store.set_meta("conflict", 1)?;
                log::failed("publish", &Error::ManifestConflict { seq: newest.seq }, Some(CONFLICT));
            }
            self.wake_in(CONFLICT_MILLIS).await?;
            return Ok(());
        }
        store.set_meta("conflict", 0)?;
        let many = if at > now { usize::try_from(ahead).unwrap_or(usize::MAX) } else { usize::MAX };
        for name in lacking.iter().take(many) {
            let Some(bytes) = store.segment(name)? else { continue };
            // Before it is written: one that fails may have been counted by the platform.
            budget = budget.spend(1, host::now());
            keep_budget(store, budget)?;
            kv.put_bytes(&name.object_name(), &bytes).map_err(kv_fault)?.execute().await.map_err(kv_fault)?;
            let hash = Sql::Blob(name.as_bytes().to_vec());
            store.run("UPDATE segments SET in_kv = 1 WHERE hash = ?", vec![hash])?;
        }
        if at > now {
            let left = lacking.len().saturating_sub(many).saturating_add(1);
            return self.wait_for_kv(u32::try_from(left).unwrap_or(u32::MAX), budget, now).await;
        }
        // Before it is written: what is found there later must be known, also when this ends in between.
        store.run(
            "INSERT OR IGNORE INTO written VALUES (?, ?)",
            vec![Sql::Blob(newest.hash.as_bytes().to_vec()), number(now.as_millis())],
        )?;
        keep_budget(store, budget.spend(1, host::now()))?;
        kv.put(MANIFEST, newest.text.as_str()).map_err(kv_fault)?.execute().await.map_err(kv_fault)?;
        store.set_meta("kv_seq", newest.seq)?;
        // There may be a newer one by now.
        let then = self.newest()?;
        if then.seq != newest.seq {
            let writes = self::lacking(store, &then)?.len().saturating_add(1);
            let writes = u32::try_from(writes).unwrap_or(u32::MAX);
            self.wait_for_kv(writes, self::budget(store)?, host::now()).await?;
        }
        Ok(())
    }

    /// Has the alarm go off when so much may be written.
    async fn wait_for_kv(&self, writes: u32, budget: KvBudget, now: UnixTime) -> Result<(), Fault> {
        Ok(self.wake_in(budget.next(writes, now).millis_since(now)).await?)
    }

    /// Whether the manifest in KV is none of this ledger's, nor of whom it succeeds. KV may show an older one of ours.
    async fn is_another_authoritys(&self, kv: &KvStore, newest: &Printed) -> Result<bool, Fault> {
        let read = kv.get(MANIFEST).cache_ttl(CACHE_SECONDS).bytes().await.map_err(kv_fault)?;
        let Some(text) = read else { return Ok(false) };
        let hash = SegmentName::of(&text);
        let known = "SELECT 1 FROM written WHERE hash = ? UNION SELECT 1 FROM manifests WHERE hash = ?";
        let hash = || Sql::Blob(hash.as_bytes().to_vec());
        if self.store()?.row(known, vec![hash(), hash()])?.is_some() {
            return Ok(false);
        }
        authority(|authority| match Manifest::inspect(&text, authority.keys()) {
            Ok(manifest) if manifest.authority() == authority.name() => {
                // An old one of ours, whose hash is forgotten, has expired long since.
                let is_old = manifest.expires_at() < host::now() && manifest.seq() < newest.seq;
                Ok(manifest.seq() > authority.succeeds() && !is_old)
            }
            _ => Ok(true),
        })
    }

    /// Looks, every ten minutes, whether KV has the segments that were written to it: a write may be lost, and readers would wait
    /// for it until the next compaction. One that it does not list is written again, and the manifest after it.
    pub(super) async fn recheck_kv(&self) -> Result<(), Fault> {
        let Ok(kv) = self.env.kv(BINDING) else { return Ok(()) };
        let store = self.store()?;
        let now = host::now();
        if store.meta("kv_checked")?.unwrap_or(0) > now.minus_seconds(RECHECK_SECONDS).as_millis() {
            return Ok(());
        }
        let wanted = names(&self.newest()?.text)?;
        let mut listed = HashSet::new();
        let mut cursor = None;
        while !wanted.is_empty() {
            let list = kv.list().prefix(SEGMENTS.to_owned());
            let list = match cursor.take() {
                Some(cursor) => list.cursor(cursor),
                None => list,
            };
            let page = list.execute().await.map_err(kv_fault)?;
            listed.extend(page.keys.into_iter().map(|key| key.name));
            cursor = page.cursor.filter(|_| !page.list_complete);
            if cursor.is_none() {
                break;
            }
        }
        let mut lost = 0_u64;
        for name in wanted.iter().filter(|name| !listed.contains(&name.object_name())) {
            let hash = Sql::Blob(name.as_bytes().to_vec());
            lost = lost.saturating_add(
                store.count("UPDATE segments SET in_kv = 0 WHERE hash = ? AND in_kv = 1", vec![hash])?,
            );
        }
        if lost > 0 {
            store.set_meta("kv_seq", 0)?;
        }
        store.set_meta("kv_checked", now.as_millis())
    }

    /// Deletes from KV what no manifest has named for longer than any reader may rely on one.
    pub(super) async fn sweep_kv(&self) -> Result<(), Fault> {
        let Ok(kv) = self.env.kv(BINDING) else { return Ok(()) };
        let store = self.store()?;
        let hard_limit = authority(|authority| Ok(authority.valid_for()))?.saturating_add(CLOCKS_SECONDS);
        let since = host::now().minus_seconds(hard_limit).as_millis();
        let statement = "SELECT hash FROM segments WHERE unused_since < ? AND in_kv = 1 LIMIT ?";
        for row in store.rows(statement, vec![number(since), number(SWEPT_AT_A_TIME)])? {
            let hash: [u8; 32] = row.bytes(0)?.try_into().map_err(|_| Fault::odd("a hash"))?;
            kv.delete(&SegmentName::from_digest(hash).object_name()).await.map_err(kv_fault)?;
            // It may be named again by now; then it is written again.
            store.run("UPDATE segments SET in_kv = 0 WHERE hash = ?", vec![Sql::Blob(hash.to_vec())])?;
        }
        Ok(())
    }
}

/// What of the day's writes is used.
pub(super) fn budget(store: &Store) -> Result<KvBudget, Fault> {
    let used = u32::try_from(store.meta("kv_used")?.unwrap_or(0)).unwrap_or(u32::MAX);
    let last = UnixTime::from_millis(store.meta("kv_last")?.unwrap_or(0));
    authority(|authority| Ok(KvBudget { per_day: authority.kv_writes_per_day(), used, last }))
}

fn keep_budget(store: &Store, budget: KvBudget) -> Result<(), Fault> {
    store.set_meta("kv_used", u64::from(budget.used))?;
    store.set_meta("kv_last", budget.last.as_millis())
}

/// The segments of a manifest that KV does not have.
fn lacking(store: &Store, printed: &Printed) -> Result<Vec<SegmentName>, Fault> {
    let mut lacking = Vec::new();
    for name in names(&printed.text)? {
        let hash = vec![Sql::Blob(name.as_bytes().to_vec())];
        if store.row("SELECT 1 FROM segments WHERE hash = ? AND in_kv = 0", hash)?.is_some() {
            lacking.push(name);
        }
    }
    Ok(lacking)
}

fn kv_fault(fault: worker::kv::KvError) -> Fault {
    Fault::Platform(format!("KV: {fault}"))
}

const CONFLICT: &str = "KV holds a manifest of this name that this ledger did not write, so nothing is written there: either \
                        another authority has the same key, or the configuration lacks `succeeds`";
