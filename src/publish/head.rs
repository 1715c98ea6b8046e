//! The signed pointer to the newest manifest.

use serde_json::json;

use crate::time::UnixTime;

use super::SigningKey;
use super::wire::hex;

/// Signs a head: that the manifest with this number and SHA-256 is the newest, for a minute.
#[must_use]
pub fn sign_head(key: &SigningKey, authority: &str, seq: u64, manifest: [u8; 32], now: UnixTime) -> String {
    let header = json!({ "alg": "EdDSA", "kid": key.kid(), "typ": "revocations-head+jwt" });
    let (iat, manifest) = (now.as_seconds(), hex(manifest));
    let payload = json!({ "iss": authority, "seq": seq, "manifest": manifest, "iat": iat, "exp": iat.saturating_add(60) });
    key.sign(&header.to_string(), &payload.to_string())
}
