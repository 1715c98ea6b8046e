//! The write side of a gate that is an authority too.

mod clients;
mod doors;
mod events;
mod keys;
mod logout;
mod tokens;

use serde_json::Value;

use crate::authority::Authority;
use crate::engine::Engines;
use crate::gate::Rate;
use crate::key::{Jwks, Key, KeyOptions, Secrets};
use crate::limits::MAX_SEQ;
use crate::publish::{Epsilon, SigningKey};

use super::fields::Fields;
use super::gate::SecretRef;
use super::rate::RateConfig;
use super::verifier::ListConfig;
use super::{Wrong, member, wrong};

pub use clients::ClientConfig;
pub use doors::DoorsConfig;
pub use events::{MeaningConfig, SenderConfig};
pub use keys::AdminKeyConfig;
pub use logout::{EverywhereConfig, LogoutConfig};
pub use tokens::TokenConfig;

/// An authority: the member `authority` of a gate's configuration. Its name is the `issuer` of the gate's list, and it speaks for
/// the token issuers of that list.
#[derive(Debug)]
pub struct AuthorityConfig {
    /// The secret that holds the private key, an Ed25519 JWK. The gate's list must have its public part among its keys.
    pub signing_key: SecretRef,
    /// The number of the last manifest that was published under this name before there was this ledger, by the command line or by
    /// a ledger that is lost. The first of this one has the next. 0 by default.
    pub succeeds: Option<u64>,
    /// How many bits of ε; 50 by default.
    pub epsilon_bits: Option<u64>,
    /// For how many seconds a manifest may be relied on; an hour by default, at least 900, because one that says nothing new is
    /// made every ten minutes.
    pub valid_for: Option<u64>,
    /// Whether the ledger keeps ids alone, and no values. Then nobody can search it by value, and a listing shows none. By
    /// default, no.
    pub hash_only: bool,
    /// How many writes to KV there may be in a day, of manifests and segments; 900 by default.
    pub kv_writes_per_day: Option<u64>,
    /// Who may ask by a key; by default, nobody.
    pub keys: Vec<AdminKeyConfig>,
    /// How often each actor may ask, and how often whoever has not proved to be one may try from one network; 50 a second and 200
    /// at once by default.
    pub rate: RateConfig,
    /// How often logouts may be asked for from one network; 50 a second and 200 at once by default.
    pub logout_rate: RateConfig,
    /// The endpoints for tokens.
    pub doors: DoorsConfig,
}

impl AuthorityConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        let known = [FIELDS, &DoorsConfig::FIELDS].concat();
        Fields::read(value, path, &known, |fields| {
            fields.required("signingKey");
            Self {
                signing_key: fields
                    .nested("signingKey", SecretRef::read)
                    .unwrap_or(SecretRef { secret: String::new() }),
                succeeds: fields.whole_number("succeeds"),
                epsilon_bits: fields.whole_number("epsilonBits"),
                valid_for: fields.seconds("validFor"),
                hash_only: fields.flag("hashOnly", false),
                kv_writes_per_day: fields.whole_number("kvWritesPerDay"),
                keys: AdminKeyConfig::read_all(fields),
                rate: fields.nested("rate", RateConfig::read).unwrap_or_default(),
                logout_rate: fields.nested("logoutRate", RateConfig::read).unwrap_or_default(),
                doors: DoorsConfig::of(fields),
            }
        })
    }

    pub(super) fn build(
        self,
        path: &str,
        list: Option<&ListConfig>,
        engines: Engines,
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<Authority, Wrong> {
        let list = list.ok_or_else(|| wrong(path, "it signs the gate's list, so `lists` must have one"))?;
        let key = secret(&self.signing_key.secret)
            .and_then(|jwk| SigningKey::from_jwk(jwk.as_bytes()).ok())
            .ok_or_else(|| {
                wrong(
                    member(path, "signingKey.secret"),
                    "the platform has no secret of that name that is a private Ed25519 JWK",
                )
            })?;
        let options = KeyOptions::new(Secrets::Ignore);
        let keys = Jwks::from_object(&list.keys, &options)
            .map_err(|error| wrong("lists[0].keys", &error.to_string()))?;
        let public = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore);
        let name = public.ok().and_then(|public| Some(public.iter().next()?.name()?.to_owned()));
        let is_public = |one: &Key| one.name() == name.as_deref() && one.id() == Some(key.kid());
        if name.is_none() || !keys.iter().any(is_public) {
            return Err(wrong(
                member(path, "signingKey.secret"),
                "its public part is not among `lists[0].keys` with the same `kid`, so nobody would believe the list",
            ));
        }
        let succeeds = self.succeeds.unwrap_or(0);
        if succeeds >= MAX_SEQ {
            return Err(wrong(member(path, "succeeds"), "expected the number of a manifest"));
        }
        let epsilon = match self.epsilon_bits {
            None => Epsilon::DEFAULT,
            Some(bits) => u8::try_from(bits)
                .ok()
                .and_then(Epsilon::from_bits)
                .ok_or_else(|| wrong(member(path, "epsilonBits"), "expected a whole number, 8 to 64"))?,
        };
        let valid_for = self.valid_for.unwrap_or(DEFAULT_VALID_FOR_SECONDS);
        if !(LEAST_VALID_FOR_SECONDS..=MOST_VALID_FOR_SECONDS).contains(&valid_for) {
            return Err(wrong(member(path, "validFor"), "expected a whole number of seconds, 900 to 604800"));
        }
        let kv_writes_per_day = Some(self.kv_writes_per_day.unwrap_or(DEFAULT_KV_WRITES_PER_DAY))
            .filter(|writes| (LEAST_KV_WRITES_PER_DAY..=MOST_KV_WRITES_PER_DAY).contains(writes))
            .and_then(|writes| u32::try_from(writes).ok())
            .ok_or_else(|| wrong(member(path, "kvWritesPerDay"), "expected a whole number, 300 to 86400"))?;
        Ok(Authority {
            name: list.issuer.clone(),
            signing_key: key,
            keys,
            succeeds,
            covers: list.speaks_for.clone(),
            epsilon,
            valid_for,
            hash_only: self.hash_only,
            kv_writes_per_day,
            admin_keys: AdminKeyConfig::build_all(self.keys, &member(path, "keys"))?,
            rate: self.rate.build(&member(path, "rate"), Rate::DEFAULT)?,
            logout_rate: self.logout_rate.build(&member(path, "logoutRate"), Rate::DEFAULT)?,
            doors: self.doors.build(path, &list.speaks_for, engines)?,
        })
    }
}

const FIELDS: &[&str] = &[
    "signingKey",
    "succeeds",
    "epsilonBits",
    "validFor",
    "hashOnly",
    "kvWritesPerDay",
    "keys",
    "rate",
    "logoutRate",
];
const DEFAULT_VALID_FOR_SECONDS: u64 = 3600;
const LEAST_VALID_FOR_SECONDS: u64 = 900;
const MOST_VALID_FOR_SECONDS: u64 = 7 * 24 * 3600;
/// The free plan has 1,000 writes a day, of which some are the segments'.
const DEFAULT_KV_WRITES_PER_DAY: u64 = 900;
/// One every five minutes.
const LEAST_KV_WRITES_PER_DAY: u64 = 300;
/// One a second, the most that KV takes of one key.
const MOST_KV_WRITES_PER_DAY: u64 = 86_400;
