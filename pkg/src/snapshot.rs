//! How current a snapshot is, into JavaScript.

use js_sys::Object;
use revocable::{Revocations, SnapshotInfo};
use wasm_bindgen::JsValue;

use crate::plain::set;
use crate::{instant, number};

fn plain(info: &SnapshotInfo) -> JsValue {
    let snapshot = Object::new();
    set(&snapshot, "seq", number::from_u64(info.seq));
    // JavaScript's unit for durations in tokens: seconds.
    set(&snapshot, "age", number::from_u64(info.age_millis) / 1000.0);
    set(&snapshot, "checkedAgo", number::from_u64(info.checked_millis_ago) / 1000.0);
    snapshot.into()
}

/// How current the snapshot in force of these lists is: a `SnapshotInfo` of `pkg/ts/decision.ts`, or nothing without one.
pub(crate) fn of(lists: &Revocations, now: f64) -> Result<JsValue, JsValue> {
    let info = lists.info(instant(now)?);
    Ok(info.as_ref().map_or(JsValue::UNDEFINED, plain))
}
