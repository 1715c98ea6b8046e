//! The write side of a running authority, as far as it is the same on every platform: who may revoke what, what a logout, a
//! changed password or a leaked key means in revocations, and what is recorded. It makes no I/O: whoever keeps the ledger is
//! handed an [`Order`] and gives a [`Receipt`].

mod access;
mod admin;
mod budget;
mod clients;
mod doors;
mod events;
mod form;
mod introspect;
mod logout;
mod metrics;
mod order;
mod refusal;
mod status;
mod tokens;

use crate::gate::Rate;
use crate::key::Jwks;
use crate::publish::{Epsilon, SigningKey, Terms};
use crate::revocation::Salt;
use crate::time::UnixTime;

pub use access::{AdminKey, Permission};
pub use admin::{Fault, Intake, Listing, Posted, Retraction};
pub use budget::KvBudget;
pub use clients::{Assertion, Credentials, Identified};
pub use events::{EventRefusal, MAX_SET_BYTES};
pub use form::{Form, MAX_FORM_BYTES};
pub use introspect::Introspector;
pub use metrics::{Counted, Counters, LIMITS, METRICS_TYPE, metrics};
pub use order::{Once, Order, Outcome, Receipt, Recorded, Wanted};
pub use refusal::Refusal;
pub use status::LedgerStatus;
pub use tokens::RevokeRequest;
pub(crate) use {
    clients::{ASSERTION_TOLERANCE_SECONDS, Client, Clients},
    doors::Doors,
    events::{Events, MOST_SET_SECONDS, Meaning, Path, SET_TYP, Sender, Way},
    logout::{Everywhere, Logout},
    tokens::{Naming, Tokens},
};

/// An authority, as it is configured.
#[derive(Debug)]
pub struct Authority {
    pub(crate) name: String,
    pub(crate) signing_key: SigningKey,
    pub(crate) keys: Jwks,
    pub(crate) succeeds: u64,
    pub(crate) covers: Vec<String>,
    pub(crate) epsilon: Epsilon,
    pub(crate) valid_for: u64,
    pub(crate) hash_only: bool,
    pub(crate) kv_writes_per_day: u32,
    pub(crate) admin_keys: Vec<AdminKey>,
    pub(crate) rate: Rate,
    pub(crate) logout_rate: Rate,
    pub(crate) doors: Doors,
}

impl Authority {
    /// The name that it signs its lists under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that it signs its lists with.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The keys that its lists may be signed with: the signing key's public part, and those before it.
    #[must_use]
    pub const fn keys(&self) -> &Jwks {
        &self.keys
    }

    /// The number of the last manifest of whoever published under this name before; 0 if nobody did.
    #[must_use]
    pub const fn succeeds(&self) -> u64 {
        self.succeeds
    }

    /// The token issuers that it speaks for.
    #[must_use]
    pub fn covers(&self) -> &[String] {
        &self.covers
    }

    /// How seldom its lists may be wrong.
    #[must_use]
    pub const fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// For how many seconds its manifests may be relied on.
    #[must_use]
    pub const fn valid_for(&self) -> u64 {
        self.valid_for
    }

    /// Whether the ledger keeps ids alone. Then nobody can search it by value, and a listing shows none.
    #[must_use]
    pub const fn hash_only(&self) -> bool {
        self.hash_only
    }

    /// How many writes to KV there may be in a day, of manifests and of the segments that they bring.
    #[must_use]
    pub const fn kv_writes_per_day(&self) -> u32 {
        self.kv_writes_per_day
    }

    /// How often each actor may ask, and how often whoever has not proved to be one may try from one network.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How often logouts may be asked for from one network.
    #[must_use]
    pub const fn logout_rate(&self) -> Rate {
        self.logout_rate
    }

    /// What its first manifest says of itself.
    #[must_use]
    pub fn terms(&self, salt: Salt, now: UnixTime) -> Terms {
        self.terms_of(Terms::new(&self.name, salt, now))
    }

    /// What every manifest says of itself, whichever it follows.
    #[must_use]
    pub fn terms_of(&self, terms: Terms) -> Terms {
        let terms = terms.epsilon(self.epsilon).valid_for(self.valid_for);
        self.covers.iter().fold(terms, |terms, issuer| terms.cover(issuer))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::GateConfig;
    use serde_json::{Value, json};

    pub(crate) const ISSUER: &str = "https://issuer.example";
    pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
    pub(crate) const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    /// The key of a seed.
    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    pub(crate) fn public(seed: u8) -> Value {
        serde_json::from_str(&key(seed).to_public_jwk()).unwrap()
    }

    /// A token signed with the key of a seed.
    pub(crate) fn signed(seed: u8, typ: &str, claims: &Value) -> String {
        use ed25519_dalek::Signer as _;
        let encode = |value: &Value| crate::base64url::encode(value.to_string());
        let input = format!("{}.{}", encode(&json!({ "alg": "EdDSA", "typ": typ })), encode(claims));
        let pair = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        format!("{input}.{}", crate::base64url::encode(pair.sign(input.as_bytes()).to_bytes()))
    }

    /// An object with other members, or without those that are `null` there.
    pub(crate) fn with(mut object: Value, changes: Value) -> Value {
        let members = object.as_object_mut().unwrap();
        let Value::Object(changes) = changes else { panic!("changes are an object") };
        for (name, value) in changes {
            match value {
                Value::Null => drop(members.remove(&name)),
                value => drop(members.insert(name, value)),
            }
        }
        object
    }

    fn hash(secret: &str) -> String {
        crate::revocation::SegmentName::of(secret.as_bytes()).to_string()
    }

    /// An authority for [`ISSUER`], whose keys are those of 7, with three clients and these fields of its configuration.
    pub(crate) fn authority(fields: Value) -> Authority {
        gate(fields).authority.unwrap()
    }

    /// The gate that it belongs to: the issuer's tokens are for `api`.
    pub(crate) fn gate(fields: Value) -> crate::Gate {
        let fields = with(
            json!({
                "signingKey": { "secret": "AUTHORITY_KEY" },
                "clients": [
                    { "id": "app-1", "secretHashes": [hash("s%ecret 1"), hash("second")] },
                    { "id": "app-2", "secretHashes": [hash("two")], "azp": ["app-2", "web"], "introspect": true },
                    { "id": "app-3", "jwks": { "keys": [public(3)] } },
                ],
            }),
            fields,
        );
        let config = json!({
            "issuers": [{ "issuer": ISSUER, "jwks": public(7), "audience": "api" }],
            "lists": [{ "issuer": "https://authority.example", "keys": public(7), "for": [ISSUER] }],
            "authority": fields,
            "tokenFrom": ["header", "cookie:__Host-session"],
        });
        GateConfig::parse(&config.to_string()).unwrap().build(|_| Some(key(7).to_jwk())).unwrap()
    }
}
