//! HS256, ES256 and Ed25519 through jwt-simple's keys.
//!
//! jwt-simple is asked one question only: does this signature fit this key and these bytes? Its whole-token call reads
//! header and claims a second time and refuses tokens for reasons of its own (a `jti` or `nonce` that is a number, a
//! `typ` other than `JWT` or `…+jwt`, a header member called `salt`), which an oracle for signatures must not. So its keys
//! are used with the primitives they expose. [`crate::manual::decisions`] has the measurement.

use jwt_simple::algorithms::{
    ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, HS256Key, MACLike,
};
use p256::ecdsa::signature::Verifier as _;

use super::{Engine, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// HMAC with SHA-256 (RFC 7518 §3.2).
pub static HS256: Hs256 = Hs256(());
/// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4), signatures as 64 raw bytes.
pub static ES256: Es256 = Es256(());
/// EdDSA on Curve25519 (RFC 8037 §3.1). Keys and `R` of small order and an `S` outside the group are refused.
pub static ED25519: Ed25519 = Ed25519(());

/// See [`HS256`].
pub struct Hs256(());
/// See [`ES256`].
pub struct Es256(());
/// See [`ED25519`].
pub struct Ed25519(());

impl Engine for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }

    fn import(&self, material: &Material) -> Result<Box<dyn VerifySignature>, Error> {
        match material {
            // RFC 7518 §3.2: a key of the same size as the hash output or larger MUST be used.
            Material::Secret(secret) if secret.len() >= 32 => Ok(Box::new(HS256Key::from_bytes(secret))),
            _ => Err(Error::JwkInvalid("a secret for HS256 has at least 32 bytes")),
        }
    }
}

impl VerifySignature for HS256Key {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let expected = self.authentication_tag(signing_input);
        ct_codecs::verify(&expected, signature)
    }
}

impl Engine for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn import(&self, material: &Material) -> Result<Box<dyn VerifySignature>, Error> {
        const INVALID: Error = Error::JwkInvalid("not a point on P-256");
        let Material::P256 { x, y } = material else { return Err(INVALID) };
        let mut sec1 = Vec::with_capacity(65);
        sec1.push(0x04);
        sec1.extend_from_slice(x);
        sec1.extend_from_slice(y);
        Ok(Box::new(ES256PublicKey::from_bytes(&sec1).map_err(|_| INVALID)?))
    }
}

impl VerifySignature for ES256PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}

impl Engine for Ed25519 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }

    fn import(&self, material: &Material) -> Result<Box<dyn VerifySignature>, Error> {
        const INVALID: Error = Error::JwkInvalid("not a usable point on Curve25519");
        let Material::Ed25519 { x } = material else { return Err(INVALID) };
        Ok(Box::new(Ed25519PublicKey::from_bytes(x).map_err(|_| INVALID)?))
    }
}

impl VerifySignature for Ed25519PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_compact::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}
