//! Metrics, as Prometheus reads them (text exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::Code;
use crate::freshness::Urgency;
use crate::gate::Gate;
use crate::time::UnixTime;

use super::LedgerStatus;

/// What one place, such as an isolate, has counted since it started.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    decisions: BTreeMap<&'static str, u64>,
    failures: BTreeMap<&'static str, u64>,
    limited: BTreeMap<&'static str, u64>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It was forwarded.
    Allowed,
    /// It was forwarded although the list could not tell, because the policy says so.
    Unchecked,
    /// It was refused with this code.
    Refused(Code),
}

impl Counted {
    /// Its name: `allow`, `unchecked` or the code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Unchecked => "unchecked",
            Self::Refused(code) => code.as_str(),
        }
    }
}

impl Counters {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { decisions: BTreeMap::new(), failures: BTreeMap::new(), limited: BTreeMap::new() }
    }

    /// Counts what became of a request.
    pub fn decided(&mut self, what: Counted) {
        count(&mut self.decisions, what.name());
    }

    /// Counts that something could not be read: `keys`, `sender_keys` (of those who send events) or `snapshot`.
    pub fn failed(&mut self, what: &'static str) {
        count(&mut self.failures, what);
    }

    /// Counts that somebody asked too often: one of [`LIMITS`].
    pub fn limited(&mut self, limit: &'static str) {
        count(&mut self.limited, limit);
    }
}

fn count(counters: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    let counter = counters.entry(name).or_default();
    *counter = counter.saturating_add(1);
}

/// What is counted: actors, logouts, readers, and those that have not proved to be anybody.
pub const LIMITS: [&str; 4] = ["actor", "logout", "reader", "unproved"];

/// The media type of [`metrics`].
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics. `ledger` is what the ledger says of itself, where it could be asked.
#[must_use]
pub fn metrics(gate: &Gate, counters: &Counters, ledger: Option<&LedgerStatus>, now: UnixTime) -> String {
    let mut page = Page(String::new());
    page.family("decisions_total", "counter", "Requests by what became of them, since this isolate started.");
    for (code, count) in &counters.decisions {
        page.sample("decisions_total", &[("code", code)], *count);
    }
    let help = "Readings that came to nothing, by what was read, since this isolate started.";
    page.family("refresh_failures_total", "counter", help);
    for what in ["keys", "sender_keys", "snapshot"] {
        page.sample(
            "refresh_failures_total",
            &[("what", what)],
            counters.failures.get(what).copied().unwrap_or(0),
        );
    }
    page.family(
        "rate_limited_total",
        "counter",
        "Requests that came too often, by what is counted, since this isolate started.",
    );
    for limit in LIMITS {
        let count = counters.limited.get(limit).copied().unwrap_or(0);
        page.sample("rate_limited_total", &[("limit", limit)], count);
    }
    snapshot(&mut page, gate, now);
    keys(&mut page, gate, now);
    if gate.authority().is_some() {
        page.one("ledger_up", "Whether the ledger could be asked.", u64::from(ledger.is_some()));
    }
    if let Some(ledger) = ledger {
        of_ledger(&mut page, ledger);
    }
    page.0
}

fn snapshot(page: &mut Page, gate: &Gate, now: UnixTime) {
    let Some(lists) = gate.verifier().revocations() else { return };
    let info = lists.info(now);
    page.one("snapshot_up", "Whether this isolate has a snapshot.", u64::from(info.is_some()));
    let Some(info) = info else { return };
    page.one("snapshot_seq", "The number of this isolate's snapshot.", info.seq);
    page.seconds("snapshot_age_seconds", "How long ago this isolate's snapshot was made.", info.age_millis);
    let help = "How long ago this isolate last found its snapshot to be the newest.";
    page.seconds("snapshot_checked_seconds", help, info.checked_millis_ago);
    if let Some(snapshot) = lists.snapshot() {
        let segments = snapshot.manifest().segments();
        let entries = segments.iter().fold(0_u64, |all, segment| all.saturating_add(segment.entries));
        let help =
            "The entries in the segments of this isolate's snapshot, those that newer ones replace included.";
        page.one("snapshot_entries", help, entries);
    }
}

fn keys(page: &mut Page, gate: &Gate, now: UnixTime) {
    let issuers = || gate.verifier().issuers().iter();
    let help = "Whether this isolate has an issuer's keys and may rely on them.";
    page.family("keys_up", "gauge", help);
    for issuer in issuers() {
        let is_up = issuer.keys().current(now).is_ok();
        page.sample("keys_up", &[("issuer", issuer.name())], u64::from(is_up));
    }
    let help =
        "How long ago an issuer gave the keys that this isolate has; none for those in the configuration.";
    page.family("keys_age_seconds", "gauge", help);
    for issuer in issuers() {
        if let Some(age) = issuer.keys().age_millis(now) {
            page.sample("keys_age_seconds", &[("issuer", issuer.name())], Seconds(age));
        }
    }
    let help = "How urgently this isolate should read an issuer's keys: 0 not at all, 1 soon, 2 now.";
    page.family("keys_urgency", "gauge", help);
    for issuer in issuers() {
        let urgency: u64 = match issuer.keys().wanted(now) {
            Urgency::No => 0,
            Urgency::Background => 1,
            Urgency::Now => 2,
        };
        page.sample("keys_urgency", &[("issuer", issuer.name())], urgency);
    }
}

fn of_ledger(page: &mut Page, ledger: &LedgerStatus) {
    page.one("ledger_seq", "The number of the ledger's newest manifest.", ledger.seq);
    page.one("ledger_entries", "The targets that are revoked.", ledger.entries);
    if let Some(events) = ledger.events {
        page.one("ledger_events", "The changes in the ledger's log.", events);
    }
    page.one("ledger_segments", "The segments that the newest manifest names.", ledger.segments);
    if let Some(seq) = ledger.kv_seq {
        page.one("kv_seq", "The number of the manifest that was last written to KV.", seq);
    }
    let help = "For how long KV has been without the newest manifest.";
    page.seconds("publish_lag_seconds", help, ledger.kv_behind_millis);
    page.one("kv_writes_today", "The day's writes to KV, of manifests and segments.", ledger.kv_writes_today);
    let help = "Whether KV has a manifest of another ledger: then two authorities publish under one name.";
    page.one("ledger_conflict", help, u64::from(ledger.conflict));
    page.one("feed_subscribers", "Those who follow the ledger's feed.", ledger.subscribers);
}

/// The text so far.
struct Page(String);

/// Milliseconds, written as seconds.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# HELP revocable_{name} {help}\n# TYPE revocable_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "revocable_{name}{labels} {value}");
    }

    /// A gauge without labels.
    fn one(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn seconds(&mut self, name: &str, help: &str, millis: u64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], Seconds(millis));
    }
}

/// A label's value, in which these three would end it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::tests::gate;
    use serde_json::json;

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

    #[test]
    fn what_was_counted_is_there_by_code_and_what_was_not_is_nought() {
        let mut counters = Counters::new();
        for what in [Counted::Allowed, Counted::Allowed, Counted::Unchecked, Counted::Refused(Code::Revoked)]
        {
            counters.decided(what);
        }
        counters.failed("snapshot");
        let text = metrics(&gate(json!({})), &counters, None, NOW);
        for line in [
            "# TYPE revocable_decisions_total counter",
            "revocable_decisions_total{code=\"allow\"} 2",
            "revocable_decisions_total{code=\"unchecked\"} 1",
            "revocable_decisions_total{code=\"ERR_JWT_REVOKED\"} 1",
            "revocable_refresh_failures_total{what=\"snapshot\"} 1",
            "revocable_refresh_failures_total{what=\"keys\"} 0",
            "revocable_snapshot_up 0",
            "revocable_keys_up{issuer=\"https://issuer.example\"} 1",
            "revocable_keys_urgency{issuer=\"https://issuer.example\"} 0",
            "revocable_ledger_up 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
        }
        assert!(!text.contains("revocable_ledger_seq"), "nobody knows");
    }

    #[test]
    fn the_ledgers_numbers_are_as_it_says_them() {
        let status = r#"{"seq":7,"entries":5,"segments":2,"kvSeq":6,"kvBehindMillis":1250,"kvWritesToday":9,
            "conflict":true,"subscribers":3,"storageBytes":4096}"#;
        let status = LedgerStatus::parse(status).unwrap();
        let text = metrics(&gate(json!({})), &Counters::new(), Some(&status), NOW);
        for line in [
            "revocable_ledger_up 1",
            "revocable_ledger_seq 7",
            "revocable_ledger_entries 5",
            "revocable_ledger_segments 2",
            "revocable_kv_seq 6",
            "revocable_publish_lag_seconds 1.250",
            "revocable_kv_writes_today 9",
            "revocable_ledger_conflict 1",
            "revocable_feed_subscribers 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
        }
        assert!(!text.contains("revocable_ledger_events"), "it did not say");
        assert_eq!(LedgerStatus::parse("[]x"), None);
    }

    #[test]
    fn every_sample_follows_its_family_and_no_family_is_there_twice() {
        let status = LedgerStatus { events: Some(1), kv_seq: Some(1), ..LedgerStatus::default() };
        let text = metrics(&gate(json!({})), &Counters::new(), Some(&status), NOW);
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let name = help.split(' ').next().unwrap();
                assert!(!families.contains(&name), "{name}");
                families.push(name);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert_eq!(kind.split(' ').next(), families.last().copied());
            } else {
                assert_eq!(line.split(['{', ' ']).next(), families.last().copied(), "{line}");
            }
        }
        assert!(families.len() > 10);
    }

    #[test]
    fn a_label_cannot_be_ended_by_its_value() {
        let mut page = Page(String::new());
        page.sample("x", &[("issuer", "a\"b\\c\nd")], 1);
        assert_eq!(page.0, "revocable_x{issuer=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
