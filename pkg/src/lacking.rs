//! What a decision lacks: single segments, and exact answers about hits that are too coarse to be believed.

use js_sys::{Array, Object};
use revocable::{Confirmation, Cutoff, Entry, Id, Kind, Lack, Manifest, Revocations, SegmentName, Snapshot};
use wasm_bindgen::JsValue;

use crate::plain::set;
use crate::{desk, fault, number};

/// What the decision on the desk lacks: a list of `Lack` of `pkg/ts/core.ts`.
pub(crate) fn plain(lists: &Revocations) -> Array {
    let plain = Array::new();
    let Some(manifest) = lists.snapshot().map(Snapshot::manifest) else { return plain };
    desk::with_decision(|decision| {
        for lack in decision.lacking() {
            let described = match lack {
                Lack::Segment { name, bytes } => Some(segment(name, *bytes)),
                Lack::Confirmation(confirmation) => hit(manifest, confirmation),
            };
            if let Some(described) = described {
                plain.push(&described);
            }
        }
    });
    plain
}

/// A segment: a `WantedSegment` of `pkg/ts/core.ts`.
pub(crate) fn segment(name: &SegmentName, bytes: u64) -> Object {
    let plain = Object::new();
    set(&plain, "name", name.object_name());
    set(&plain, "bytes", number::from_u64(bytes));
    plain
}

/// Nothing once another manifest is in force, as the table may be another then.
fn hit(manifest: &Manifest, confirmation: &Confirmation) -> Option<Object> {
    let target = manifest.target(confirmation)?;
    let plain = Object::new();
    set(&plain, "iss", manifest.authority());
    set(&plain, "salt", manifest.salt().to_base64url());
    set(&plain, "seq", number::from_u64(confirmation.seq));
    set(&plain, "table", u32::try_from(confirmation.table).ok()?);
    set(&plain, "id", target.id.to_string());
    let members: Array = target.rule.members().iter().map(|member| JsValue::from(member.as_str())).collect();
    set(&plain, "rule", members);
    set(&plain, "kind", target.kind.name());
    if let Some(claim) = target.claim {
        set(&plain, "claim", claim);
    }
    if let Some(exact) = confirmation.exact {
        set(&plain, "exact", segment(&exact.name, exact.bytes));
    }
    Some(plain)
}

/// Gives a segment that a decision lacked.
pub(crate) fn supply(
    lists: &mut Revocations,
    object: &str,
    bytes: Vec<u8>,
    digest: Option<Box<[u8]>>,
) -> Result<(), JsValue> {
    // Only what was asked for is given, and that has such a name.
    let Some(wanted) = object.strip_prefix("segments/").and_then(SegmentName::from_hex) else {
        return Ok(());
    };
    let digest = named(&bytes, digest);
    lists.supply(wanted, digest, bytes).map_err(|error| fault::thrown(&error))
}

/// The name that these bytes have: by the host's digest of them, where there is one.
pub(crate) fn named(bytes: &[u8], digest: Option<Box<[u8]>>) -> SegmentName {
    let digest = digest.and_then(|digest| <[u8; 32]>::try_from(digest.as_ref()).ok());
    digest.map_or_else(|| SegmentName::of(bytes), SegmentName::from_digest)
}

/// Gives an exact answer about an id of a table: revoked, and with which value, or not. An answer that fits neither the table
/// nor the snapshot in force is none.
pub(crate) fn confirm(
    lists: &mut Revocations,
    seq: u64,
    (table, id): (usize, &str),
    revoked: Option<Option<i64>>,
) {
    // There is one list, and no other manifest of the same number is ever in force.
    let manifest = lists.snapshot().map(Snapshot::manifest).filter(|manifest| manifest.seq() == seq);
    let (Some(manifest), Some(id)) = (manifest, Id::from_hex(id)) else { return };
    let Some(kind) = manifest.tables().get(table).map(|table| table.kind) else { return };
    let answer = match revoked {
        None => None,
        Some(value) => match entry(kind, value) {
            Some(entry) => Some(entry),
            None => return,
        },
    };
    let confirmation = Confirmation { manifest: *manifest.hash(), seq, table, id, exact: None };
    lists.confirm(&confirmation, answer);
}

fn entry(kind: Kind, value: Option<i64>) -> Option<Entry> {
    match kind {
        Kind::Outright => Some(Entry::Outright),
        Kind::Cutoff => Cutoff::from_millis(value?.try_into().ok()?).map(Entry::Cutoff),
        Kind::Minimum => value.map(Entry::Minimum),
        // A kind that is not known here cannot be answered about here.
        _ => None,
    }
}
