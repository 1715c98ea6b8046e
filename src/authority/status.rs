//! The ledger's numbers, for operators.

use serde::{Deserialize, Serialize};

/// The ledger's numbers. As JSON they go from whoever keeps the ledger to whoever shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LedgerStatus {
    /// The number of the newest manifest.
    pub seq: u64,
    /// How many targets are revoked.
    pub entries: u64,
    /// How many changes the log has, where it says so.
    pub events: Option<u64>,
    /// How many segments the newest manifest names.
    pub segments: u64,
    /// The number of the manifest that was last written to KV.
    pub kv_seq: Option<u64>,
    /// For how long KV has been without the newest manifest, in milliseconds.
    pub kv_behind_millis: u64,
    /// How many of the day's writes to KV are used.
    pub kv_writes_today: u64,
    /// Whether another authority's manifest is in KV.
    pub conflict: bool,
    /// How many follow the feed.
    pub subscribers: u64,
}

impl LedgerStatus {
    /// Reads it; members that are not known here are passed over. `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
