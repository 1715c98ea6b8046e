//! EdDSA on Curve25519 (RFC 8037 §3.1) through jwt-simple's key.

use jwt_simple::algorithms::{Ed25519PublicKey, EdDSAPublicKeyLike};

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// EdDSA, also called Ed25519. Keys and `R` of small order and an `S` outside the group are refused.
pub static EDDSA: EdDsa = EdDsa(());

/// See [`EDDSA`].
#[derive(Debug)]
pub struct EdDsa(());

impl Engine for EdDsa {
    fn knows(&self, algorithm: Algorithm) -> bool {
        algorithm == Algorithm::EdDSA
    }

    fn import(&self, _: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a usable point on Curve25519");
        let Material::Ed25519 { x } = material else { return Err(INVALID) };
        Ed25519PublicKey::from_bytes(x).map(Imported::here).map_err(|_| INVALID)
    }
}

impl VerifySignature for Ed25519PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_compact::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}
