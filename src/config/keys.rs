//! The ways in which an issuer's keys can be given.

use serde_json::Value;

use crate::engine::Engines;
use crate::error::Error;
use crate::json::Object;
use crate::key::discovery::may_be_fetched;
use crate::key::{Algorithm, Discovery, Jwks, KeyCache, KeyOptions, Secrets, is_private};

use super::fields::Fields;
use super::verifier::{IssuerConfig, error_at};
use super::{Wrong, member, wrong};

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

impl PemConfig {
    pub(super) fn of(issuer: &Fields<'_>) -> Option<Self> {
        issuer.nested("pem", |value, path| match value {
            Value::String(key) => Ok(Self { key: key.clone(), kid: None, alg: None }),
            value => {
                let named = Fields::read(value, String::new(), &["key", "kid", "alg"], |fields| Self {
                    key: fields.text("key"),
                    kid: fields.text_if_any("kid"),
                    alg: fields.text_if_any("alg"),
                });
                // One sentence for both spellings says more than what is wrong with the one.
                named
                    .map_err(|_| wrong(path, "expected a PEM text, or an object with `key`, `kid` and `alg`"))
            }
        })
    }
}

pub(super) fn discovery(issuer: &Fields<'_>) -> Option<Discovery> {
    let value = issuer.value("discovery")?;
    match (value, value.as_str()) {
        // `true` is OpenID Connect's, which more issuers have.
        (Value::Bool(true), _) | (_, Some("openid")) => Some(Discovery::OpenId),
        (_, Some("oauth")) => Some(Discovery::OAuth),
        // Not `false`, either: leaving the field out says it more clearly.
        _ => {
            issuer.refuse("discovery", "expected true, `openid` or `oauth`");
            None
        }
    }
}

/// Makes an issuer's keys. `must_have_names` asks for keys that can be revoked.
pub(super) fn build(
    issuer: &IssuerConfig,
    path: &str,
    algorithms: &[Algorithm],
    engines: Engines,
    must_have_names: bool,
) -> Result<KeyCache, Wrong> {
    let IssuerConfig { jwks, jwks_uri, discovery, pem, .. } = issuer;
    let options = KeyOptions { secrets: Secrets::Allow, algorithms, engines };
    match (jwks, jwks_uri, discovery, pem) {
        (Some(jwks), None, None, None) => {
            if holds_private_key(jwks) {
                return Err(wrong(member(path, "jwks"), "a private key belongs to the issuer alone"));
            }
            let jwks = Jwks::from_object(jwks, &options).map_err(|error| error_at(path, "jwks", &error))?;
            if must_have_names && jwks.iter().any(|key| key.name().is_none()) {
                return Err(wrong(
                    member(path, "jwks"),
                    "a secret needs a `kid`, by which it can be revoked",
                ));
            }
            Ok(KeyCache::fixed(jwks))
        }
        (None, Some(uri), None, None) if may_be_fetched(uri) => {
            Ok(KeyCache::remote(uri.clone(), algorithms.to_vec(), engines))
        }
        (None, Some(_), None, None) => {
            Err(wrong(member(path, "jwksUri"), "expected an https URL, or http on a loopback host"))
        }
        (None, None, Some(how), None) => {
            let keys = KeyCache::discovered(&issuer.issuer, *how, algorithms.to_vec(), engines);
            keys.ok_or_else(|| {
                wrong(
                    member(path, "discovery"),
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
                    Some(alg.ok_or_else(|| wrong(member(path, "pem.alg"), expected))?)
                }
            };
            let jwks = from_pem(key, kid.as_deref(), alg, &options);
            Ok(KeyCache::fixed(jwks.map_err(|error| error_at(path, "pem", &error))?))
        }
        _ => Err(wrong(path, "expected exactly one of `jwks`, `jwksUri`, `discovery` and `pem`")),
    }
}

fn from_pem(
    pem: &str,
    kid: Option<&str>,
    alg: Option<Algorithm>,
    options: &KeyOptions<'_>,
) -> Result<Jwks, Error> {
    #[cfg(feature = "pem")]
    return Jwks::from_pem(pem, kid, alg, options);
    #[cfg(not(feature = "pem"))]
    {
        let _ = (pem, kid, alg, options);
        Err(Error::JwkInvalid("this build reads no PEM"))
    }
}

/// Whether a private key is among these, in a set or by itself.
pub(super) fn holds_private_key(keys: &Object) -> bool {
    let jwks = keys.get("keys").and_then(Value::as_array);
    is_private(keys) || jwks.into_iter().flatten().filter_map(Value::as_object).any(is_private)
}
