//! The head of an authority: which manifest is its newest.

use serde::Serialize;

use crate::flow::HEAD_TYP;
use crate::limits::MAX_HEAD_VALIDITY_SECONDS;
use crate::time::UnixTime;

use super::SigningKey;
use super::wire::hex;

/// The claims in the order in which they are written; [`crate::Head`] says what they mean.
#[derive(Serialize)]
struct WireHead<'a> {
    iss: &'a str,
    seq: u64,
    manifest: String,
    iat: u64,
    exp: u64,
}

/// Says that the newest manifest of `authority` at `now` is the one of this number whose text has this SHA-256. It may be relied
/// on for a minute. The same arguments make the same bytes.
///
/// ```
/// use revocable::publish::{SigningKey, sign_head};
/// use revocable::{List, Jwks, OfferedHead, Revocations, Secrets, UnixTime};
///
/// let key = SigningKey::from_seed([7; 32]);
/// let now = UnixTime::from_seconds(1_790_000_000);
/// let head = sign_head(&key, "https://authority.example", 8, [1; 32], now);
///
/// let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
/// let list = List::new("https://authority.example", keys, ["https://issuer.example"]);
/// let OfferedHead::Authentic(head) = Revocations::new(vec![list]).start_head(head.as_bytes())? else { panic!() };
/// assert_eq!(head.read(now)?.seq(), 8);
/// # Ok::<(), revocable::Error>(())
/// ```
#[must_use]
pub fn sign_head(
    key: &SigningKey,
    authority: &str,
    seq: u64,
    manifest_hash: [u8; 32],
    now: UnixTime,
) -> String {
    let header = serde_json::json!({ "alg": "EdDSA", "kid": key.kid(), "typ": HEAD_TYP });
    let iat = now.as_seconds();
    let exp = iat.saturating_add(MAX_HEAD_VALIDITY_SECONDS);
    let claims = WireHead { iss: authority, seq, manifest: hex(manifest_hash), iat, exp };
    // Strings and integers can always be written.
    let payload = serde_json::to_string(&claims).unwrap_or_default();
    key.sign(&header.to_string(), &payload)
}
