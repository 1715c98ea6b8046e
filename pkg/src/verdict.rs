//! Decisions into JavaScript.

use revocable::{Decision, Object, SnapshotInfo, Status};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::fault::Fault;
use crate::number;

/// A decision as plain data: `Verdict` of `pkg/ts/core.ts`.
///
/// Claims and header cross as JSON text. `JSON.parse` gives every claim its own property, whereas setting them one by
/// one would let a claim called `__proto__` change the object's prototype; and it reads integers past 2^53 as
/// JavaScript always does, where a serializer would fail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    decision: &'static str,
    claims: Option<String>,
    header: Option<String>,
    status: Option<&'static str>,
    error: Option<Fault>,
    snapshot: Option<Snapshot>,
    remedy: Option<i32>,
}

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

pub(crate) fn to_js(decision: &Decision, remedy: Option<i32>) -> Result<JsValue, JsValue> {
    let snapshot = decision.snapshot().map(Snapshot::new);
    let refused = |decision, error| Verdict {
        decision,
        claims: None,
        header: None,
        status: None,
        error: Some(Fault::new(error)),
        snapshot: None,
        remedy,
    };
    let verdict = match decision {
        Decision::Allow(allowed) => Verdict {
            decision: "allow",
            claims: Some(text(allowed.claims.payload())),
            header: Some(text(allowed.claims.header().members())),
            status: Some(status(allowed.status.as_ref())),
            error: None,
            snapshot: None,
            remedy,
        },
        Decision::Deny(why) => refused("deny", &why.error),
        Decision::Unavailable(why) => refused("unavailable", &why.error),
    };
    Ok(serde_wasm_bindgen::to_value(&Verdict { snapshot, ..verdict })?)
}

fn text(object: &Object) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

fn status(status: Option<&Status>) -> &'static str {
    match status {
        None => "not-asked",
        Some(Status::NotRevoked) => "not-revoked",
        Some(Status::Revoked { .. }) => "revoked",
        Some(Status::Unknown(_)) => "unknown",
    }
}
