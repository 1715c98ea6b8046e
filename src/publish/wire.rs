//! A manifest's claims in the order in which they are written; the reader's table says what they mean.

use serde::Serialize;

use crate::error::Error;
use crate::key::{Jwks, Secrets};
use crate::limits::MAX_MANIFEST_BYTES;
use crate::revocation::{Manifest, SegmentName, SegmentRef, Table};
use crate::time::UnixTime;

use super::{SigningKey, invalid};

#[derive(Serialize)]
pub(super) struct WireManifest<'a> {
    pub(super) iss: &'a str,
    pub(super) iat: u64,
    pub(super) exp: u64,
    pub(super) ttl: u64,
    pub(super) seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prev: Option<String>,
    pub(super) hash: &'static str,
    pub(super) salt: String,
    pub(super) epsilon: String,
    pub(super) covers: Vec<&'a str>,
    pub(super) rules: Vec<Vec<&'a str>>,
    pub(super) segments: Vec<WireSegment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recent: Vec<WireOperations>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct WireSegment {
    pub(super) hash: String,
    pub(super) rule: usize,
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) layer: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bits: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<u64>,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<WireExact>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct WireExact {
    pub(super) hash: String,
    pub(super) bytes: u64,
}

#[derive(Serialize)]
pub(super) struct WireOperations {
    pub(super) rule: usize,
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<String>,
    pub(super) op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) width: Option<usize>,
    pub(super) data: String,
}

impl WireSegment {
    /// `rule` and `claim` are of the manifest that it is written into.
    pub(super) fn new(reference: &SegmentRef, table: &Table) -> Self {
        let SegmentRef { name, layer, range, expires, entries, bytes, exact, .. } = reference;
        let is_part = range.bits > 0;
        Self {
            hash: name.to_string(),
            rule: table.rule,
            kind: table.kind.name(),
            claim: table.claim.clone(),
            layer: *layer,
            bits: is_part.then_some(range.bits),
            shard: is_part.then_some(range.shard),
            expires: expires.map(round_up),
            entries: *entries,
            bytes: *bytes,
            exact: exact.map(|exact| WireExact { hash: exact.name.to_string(), bytes: exact.bytes }),
        }
    }
}

/// As every bound on pruning is rounded.
pub(super) fn round_up(instant: UnixTime) -> u64 {
    instant.plus_millis(999).as_seconds()
}

impl WireManifest<'_> {
    /// Signs it. What readers would refuse is not published: they would go on with an old snapshot until it expires.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        let header =
            serde_json::json!({ "alg": "EdDSA", "kid": key.kid(), "typ": crate::flow::MANIFEST_TYP });
        let payload = serde_json::to_string(self).map_err(|_| invalid("the manifest cannot be written"))?;
        let manifest = key.sign(&header.to_string(), &payload);
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(invalid("the manifest would be too large"));
        }
        let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
        let read = Manifest::inspect(manifest.as_bytes(), &keys);
        read.map_err(|error| invalid(&format!("no reader would take the snapshot: {error}")))?;
        Ok(manifest)
    }
}

pub(super) fn hex(hash: [u8; 32]) -> String {
    SegmentName::from_digest(hash).to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(layer: &u8) -> bool {
    *layer == 0
}
