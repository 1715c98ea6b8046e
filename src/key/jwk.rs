//! One JWK (RFC 7517 §4) into one [`Key`]: all of its members must agree, and weak keys are refused.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Algorithm, Key, Material};
use crate::base64url;
use crate::engine::Engines;
use crate::error::Error;
use crate::json::Object;

pub(super) fn import(jwk: &Object, engines: Engines) -> Result<Key, Error> {
    let (material, default_algorithm) = material(jwk)?;
    let algorithm = match text(jwk, "alg")? {
        None => default_algorithm,
        Some(name) => match Algorithm::from_name(name) {
            Some(algorithm) if algorithm == default_algorithm => algorithm,
            _ => return Err(Error::JwkInvalid("`alg` does not agree with `kty` and `crv`")),
        },
    };
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Error::JwkInvalid("`use` is not `sig`"));
    }
    if !may_verify(jwk)? {
        return Err(Error::JwkInvalid("`key_ops` does not hold `verify`"));
    }
    let engine = engines.iter().find(|engine| engine.algorithm() == algorithm);
    let engine = engine.ok_or(Error::JwkInvalid("no engine of this build knows the algorithm"))?;
    let id = text(jwk, "kid")?.map(Box::from);
    let name = match &material {
        Material::Secret(_) => id.clone(),
        public => thumbprint(public),
    };
    Ok(Key { id, algorithm, name, verifier: engine.import(&material)? })
}

/// Reads the members that `kty` and `crv` call for (RFC 7518 §6, RFC 8037 §2), and which algorithm such a key stands
/// for when it does not say.
fn material(jwk: &Object) -> Result<(Material, Algorithm), Error> {
    match (text(jwk, "kty")?, text(jwk, "crv")?) {
        (Some("EC"), Some("P-256")) => {
            Ok((Material::P256 { x: coordinate(jwk, "x")?, y: coordinate(jwk, "y")? }, Algorithm::ES256))
        }
        (Some("OKP"), Some("Ed25519")) => {
            Ok((Material::Ed25519 { x: coordinate(jwk, "x")? }, Algorithm::EdDSA))
        }
        (Some("oct"), None) => {
            let secret = text(jwk, "k")?.and_then(base64url::decode);
            Ok((Material::Secret(secret.ok_or(Error::JwkInvalid("`k` is not base64url"))?), Algorithm::HS256))
        }
        _ => Err(Error::JwkInvalid("`kty` and `crv` name no supported key type")),
    }
}

/// RFC 7638 §3: SHA-256 over the required members in lexicographic order, without white space. A private key has the
/// thumbprint of its public part (§3.2.1).
fn thumbprint(material: &Material) -> Option<Box<str>> {
    let canonical = match material {
        Material::Secret(_) => return None,
        Material::P256 { x, y } => format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            base64url::encode(x),
            base64url::encode(y)
        ),
        Material::Ed25519 { x } => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x))
        }
    };
    Some(base64url::encode(Sha256::digest(canonical)).into())
}

fn coordinate(jwk: &Object, member: &'static str) -> Result<[u8; 32], Error> {
    let coordinate = text(jwk, member)?.and_then(base64url::decode_array);
    coordinate.ok_or(Error::JwkInvalid("a coordinate is not 32 bytes of base64url"))
}

fn may_verify(jwk: &Object) -> Result<bool, Error> {
    match jwk.get("key_ops") {
        None => Ok(true),
        Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
        Some(_) => Err(Error::JwkInvalid("`key_ops` is not a list")),
    }
}

fn text<'a>(jwk: &'a Object, member: &str) -> Result<Option<&'a str>, Error> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::JwkInvalid("a member is not a string")),
    }
}
