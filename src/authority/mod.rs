//! The write side of a running authority, as far as it is the same on every platform: who may revoke what, what a logout, a
//! changed password or a leaked key means in revocations, and what is recorded. It makes no I/O: whoever keeps the ledger is
//! handed an [`Order`] and gives a [`Receipt`].

mod access;
mod admin;
mod budget;
mod metrics;
mod order;
mod rate;
mod status;

use crate::key::Jwks;
use crate::publish::{Epsilon, SigningKey, Terms};
use crate::revocation::Salt;
use crate::time::UnixTime;

pub use access::{AdminKey, Permission};
pub use admin::{Fault, Intake, Listing, Posted, Retraction};
pub use budget::KvBudget;
pub use metrics::{Counted, Counters, METRICS_TYPE, metrics};
pub use order::{Once, Order, Outcome, Receipt, Recorded, Wanted};
pub use rate::{Buckets, Rate};
pub use status::LedgerStatus;

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

    /// How often in a day the manifest may be written to KV.
    #[must_use]
    pub const fn kv_writes_per_day(&self) -> u32 {
        self.kv_writes_per_day
    }

    /// How often each actor may ask.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
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
    use crate::gate::Gate;
    use serde_json::{Value, json};

    pub(crate) const ISSUER: &str = "https://issuer.example";

    /// An authority for [`ISSUER`] with these fields of its configuration.
    pub(crate) fn authority(fields: Value) -> Authority {
        gate(fields).authority.unwrap()
    }

    /// The gate that it belongs to.
    pub(crate) fn gate(fields: Value) -> Gate {
        let key = SigningKey::from_seed([7; 32]);
        let public: Value = serde_json::from_str(&key.to_public_jwk()).unwrap();
        let mut config = json!({
            "issuers": [{ "issuer": ISSUER, "jwks": public }],
            "lists": [{ "issuer": "https://authority.example", "keys": public, "for": [ISSUER] }],
            "authority": { "signingKey": { "secret": "AUTHORITY_KEY" } },
        });
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        config["authority"].as_object_mut().unwrap().extend(fields);
        GateConfig::parse(&config.to_string()).unwrap().build(|_| Some(key.to_jwk())).unwrap()
    }
}
