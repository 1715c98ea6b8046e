//! The ways in which an issuer's keys can be given.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::engine::Engines;
use crate::error::Error;
use crate::json::Object;
use crate::key::discovery::may_be_fetched;
use crate::key::{Algorithm, Discovery, Jwks, KeyCache, KeyOptions, Secrets, is_private};

use super::verifier::{IssuerConfig, error_at};
use super::wrong;

/// A public key as PEM: the text alone, or `{ key, kid, alg }`.
#[derive(Clone, Debug)]
pub struct PemConfig {
    /// The text; see [`crate::Material::from_pem`].
    pub key: String,
    /// By which name a token's header may ask for it. Without one, a token that names any is refused.
    pub kid: Option<String>,
    /// The algorithm it stands for; by default, those of the issuer's that fit its type.
    pub alg: Option<String>,
}

// Both by hand, out of a JSON value: what serde derives for several spellings of one field is several KiB of Wasm.
impl<'de> Deserialize<'de> for PemConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "expected a PEM text, or an object with `key`, `kid` and `alg`";
        Self::from_value(Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(EXPECTED))
    }
}

impl PemConfig {
    fn from_value(value: Value) -> Option<Self> {
        let members = match value {
            Value::String(key) => return Some(Self { key, kid: None, alg: None }),
            Value::Object(members) => members,
            _ => return None,
        };
        let text = |name: &str| match members.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        let are_known = members.keys().all(|name| ["key", "kid", "alg"].contains(&name.as_str()));
        are_known.then_some(Self { key: text("key")??, kid: text("kid")?, alg: text("alg")? })
    }
}

/// `true` is OpenID Connect's, which more issuers have.
pub(super) fn discovery<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Discovery>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(true) => Ok(Some(Discovery::OpenId)),
        Value::String(name) if name == "openid" => Ok(Some(Discovery::OpenId)),
        Value::String(name) if name == "oauth" => Ok(Some(Discovery::OAuth)),
        _ => Err(D::Error::custom("expected true, `openid` or `oauth`")),
    }
}

/// Makes an issuer's keys. `must_have_names` asks for keys that can be revoked.
pub(super) fn build(
    issuer: &IssuerConfig,
    path: &str,
    algorithms: &[Algorithm],
    engines: Engines,
    must_have_names: bool,
) -> Result<KeyCache, Error> {
    let IssuerConfig { jwks, jwks_uri, discovery, pem, .. } = issuer;
    let options = KeyOptions { secrets: Secrets::Allow, algorithms, engines };
    match (jwks, jwks_uri, discovery, pem) {
        (Some(jwks), None, None, None) => {
            if holds_private_key(jwks) {
                return Err(wrong(format!("{path}.jwks"), "a private key belongs to the issuer alone"));
            }
            let jwks = Jwks::from_object(jwks, &options).map_err(|error| error_at(path, "jwks", &error))?;
            if must_have_names && jwks.iter().any(|key| key.name().is_none()) {
                return Err(wrong(
                    format!("{path}.jwks"),
                    "a secret needs a `kid`, by which it can be revoked",
                ));
            }
            Ok(KeyCache::fixed(jwks))
        }
        (None, Some(uri), None, None) if may_be_fetched(uri) => {
            Ok(KeyCache::remote(uri.clone(), algorithms.to_vec(), engines))
        }
        (None, Some(_), None, None) => {
            Err(wrong(format!("{path}.jwksUri"), "expected an https URL, or http on a loopback host"))
        }
        (None, None, Some(how), None) => {
            let keys = KeyCache::discovered(&issuer.issuer, *how, algorithms.to_vec(), engines);
            keys.ok_or_else(|| {
                wrong(
                    format!("{path}.discovery"),
                    "expected an issuer whose name is an https URL without query and fragment",
                )
            })
        }
        (None, None, None, Some(PemConfig { key, kid, alg })) => {
            let alg = match alg {
                None => None,
                Some(name) => {
                    let alg = Algorithm::from_name(name);
                    let expected = "expected the name of a signature algorithm";
                    Some(alg.ok_or_else(|| wrong(format!("{path}.pem.alg"), expected))?)
                }
            };
            let jwks = Jwks::from_pem(key, kid.as_deref(), alg, &options);
            Ok(KeyCache::fixed(jwks.map_err(|error| error_at(path, "pem", &error))?))
        }
        _ => Err(wrong(path, "expected exactly one of `jwks`, `jwksUri`, `discovery` and `pem`")),
    }
}

/// Whether a private key is among these, in a set or by itself.
pub(super) fn holds_private_key(keys: &Object) -> bool {
    let jwks = keys.get("keys").and_then(Value::as_array);
    is_private(keys) || jwks.into_iter().flatten().filter_map(Value::as_object).any(is_private)
}
