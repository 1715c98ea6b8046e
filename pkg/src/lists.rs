//! Revocation lists that many calls of `jwtVerify` share.

use js_sys::Array;
use revocable::{Jwks, KeyOptions, List, Policy, Revocations, Secrets, UnixTime, Urgency, engine};
use wasm_bindgen::prelude::*;

use crate::incoming::{self, Incoming, Offering};
use crate::{fault, instant, lacking, snapshot, terms};

/// One authority's list, with the snapshot that is in force.
#[wasm_bindgen]
pub struct Lists {
    revocations: Revocations,
    policy: Policy,
}

#[wasm_bindgen]
impl Lists {
    /// Believes the lists of this authority, which it signs with one of `keys` (the JSON text of a JWKS or a JWK), for
    /// tokens of the issuers `speaks_for`. The rest are `Terms` of `pkg/ts/revocation_options.ts`.
    ///
    /// # Errors
    /// `ERR_JWKS_INVALID` or `ERR_JWK_INVALID`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        authority: String,
        keys: &str,
        speaks_for: Vec<String>,
        unknown: Vec<String>,
        resident_bytes: Option<u32>,
        jitter: f64,
    ) -> Result<Lists, JsValue> {
        // A shared secret cannot vouch for a list: every reader could sign one.
        let options = KeyOptions { secrets: Secrets::Ignore, algorithms: &[], engines: engine::SMALL };
        let keys = Jwks::parse_with(keys.as_bytes(), &options).map_err(|error| fault::thrown(&error))?;
        let revocations = Revocations::new(vec![List::new(authority, keys, speaks_for)]);
        let revocations = terms::kept(revocations, resident_bytes, jitter);
        Ok(Self { revocations, policy: terms::policy(&unknown) })
    }

    /// As [`crate::Core::begin_snapshot`].
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = beginSnapshot)]
    pub fn begin_snapshot(&mut self, now: f64) -> Result<(), JsValue> {
        self.revocations.begin(instant(now)?);
        Ok(())
    }

    /// As [`crate::Core::start_offer`].
    ///
    /// # Errors
    /// `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    #[wasm_bindgen(js_name = startOffer)]
    pub fn start_offer(&self, manifest: &[u8]) -> Result<Option<Offering>, JsValue> {
        incoming::start_offer(&self.revocations, manifest).map(Some)
    }

    /// As [`crate::Core::offer`].
    ///
    /// # Errors
    /// `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    pub fn offer(&mut self, offering: Offering, now: f64) -> Result<Option<Incoming>, JsValue> {
        incoming::offer(&mut self.revocations, offering, now)
    }

    /// As [`crate::Core::accept`].
    ///
    /// # Errors
    /// `ERR_REVOCATION_SEGMENT_MISSING` or `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    pub fn accept(&mut self, incoming: Incoming, now: f64) -> Result<(), JsValue> {
        incoming::accept(&mut self.revocations, incoming, now)
    }

    /// As [`crate::Core::lacking`].
    #[must_use]
    pub fn lacking(&self) -> Array {
        lacking::plain(&self.revocations)
    }

    /// As [`crate::Core::supply`].
    ///
    /// # Errors
    /// `ERR_REVOCATION_SEGMENT_HASH_MISMATCH` or `ERR_REVOCATION_SEGMENT_INVALID`.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>, digest: Option<Box<[u8]>>) -> Result<(), JsValue> {
        lacking::supply(&mut self.revocations, name, bytes, digest)
    }

    /// As [`crate::Core::confirm`].
    pub fn confirm(&mut self, seq: u64, table: usize, id: &str, revoked: bool, value: Option<i64>) {
        lacking::confirm(&mut self.revocations, seq, (table, id), revoked.then_some(value));
    }

    /// As [`crate::Core::snapshot`].
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn snapshot(&self, now: f64) -> Result<JsValue, JsValue> {
        snapshot::of(&self.revocations, now)
    }

    /// Whether a newer snapshot should be looked for in the background.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = isDue)]
    pub fn is_due(&self, now: f64) -> Result<bool, JsValue> {
        Ok(self.wanted(instant(now)?))
    }
}

impl Lists {
    pub(crate) const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn wanted(&self, now: UnixTime) -> bool {
        self.revocations.wanted(now) == Urgency::Background
    }
}
