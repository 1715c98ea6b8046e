//! How current a snapshot is, into JavaScript.

use revocable::SnapshotInfo;
use serde::Serialize;

use crate::number;

/// How current a snapshot is, in JavaScript's unit for durations in tokens: seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    seq: f64,
    age: f64,
    checked_ago: f64,
}

impl Snapshot {
    pub(crate) fn new(info: &SnapshotInfo) -> Self {
        Self {
            seq: number::from_u64(info.seq),
            age: number::from_u64(info.age_millis) / 1000.0,
            checked_ago: number::from_u64(info.checked_millis_ago) / 1000.0,
        }
    }
}
