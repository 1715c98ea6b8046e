//! EdDSA on Curve25519 (RFC 8032 §5.1, RFC 8037 §3.1), without the cofactor. What is settled before any engine is asked is
//! stated in [`crate::engine`].

use ed25519_dalek::{Signature, VerifyingKey};

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// EdDSA, also called Ed25519.
pub static EDDSA: EdDsa = EdDsa(());

/// See [`EDDSA`].
#[derive(Debug)]
pub struct EdDsa(());

impl Engine for EdDsa {
    fn name(&self) -> &'static str {
        "ed25519"
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        algorithm == Algorithm::EdDSA
    }

    fn import(&self, _: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a usable point on Curve25519");
        let Material::Ed25519 { x } = material else { return Err(INVALID) };
        VerifyingKey::from_bytes(x).map(Imported::here).map_err(|_| INVALID)
    }
}

impl VerifySignature for VerifyingKey {
    /// Compares the encoding of `[S]B - [k]A` with that of `R`, as OpenSSL and BoringSSL do.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        ed25519_dalek::Verifier::verify(self, signing_input, &signature).is_ok()
    }
}
