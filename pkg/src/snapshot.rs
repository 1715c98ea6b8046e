//! How current a snapshot is, into JavaScript.

use js_sys::Object;
use revocable::SnapshotInfo;
use wasm_bindgen::JsValue;

use crate::number;
use crate::plain::set;

/// How current a snapshot is, in JavaScript's unit for durations in tokens, seconds: a `SnapshotInfo` of
/// `pkg/ts/decision.ts`.
pub(crate) fn plain(info: &SnapshotInfo) -> JsValue {
    let snapshot = Object::new();
    set(&snapshot, "seq", number::from_u64(info.seq));
    set(&snapshot, "age", number::from_u64(info.age_millis) / 1000.0);
    set(&snapshot, "checkedAgo", number::from_u64(info.checked_millis_ago) / 1000.0);
    snapshot.into()
}
