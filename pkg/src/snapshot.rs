//! How current a snapshot is, into JavaScript.

use revocable::{Revocations, SnapshotInfo};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::{instant, number};

/// How current a snapshot is, in JavaScript's unit for durations in tokens: seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    seq: f64,
    age: f64,
    checked_ago: f64,
}

impl Snapshot {
    fn new(info: &SnapshotInfo) -> Self {
        Self {
            seq: number::from_u64(info.seq),
            age: number::from_u64(info.age_millis) / 1000.0,
            checked_ago: number::from_u64(info.checked_millis_ago) / 1000.0,
        }
    }
}

/// How current the snapshot in force of these lists is: a `SnapshotInfo` of `pkg/ts/decision.ts`, or nothing without one.
pub(crate) fn of(lists: &Revocations, now: f64) -> Result<JsValue, JsValue> {
    let info = lists.info(instant(now)?);
    Ok(serde_wasm_bindgen::to_value(&info.as_ref().map(Snapshot::new))?)
}
