//! HMAC with SHA-2 (RFC 7518 §3.2), as RustCrypto has it: a key keeps its two padded blocks hashed, which is a third of
//! the work for a short token.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// HS256, HS384 and HS512. A secret is at least as long as the hash (RFC 7518 §3.2).
pub static HMAC: HmacEngine = HmacEngine(());

/// See [`HMAC`].
#[derive(Debug)]
pub struct HmacEngine(());

impl Engine for HmacEngine {
    fn name(&self) -> &'static str {
        "hmac"
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
    }

    fn import(&self, algorithm: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a secret");
        let Material::Secret(secret) = material else { return Err(INVALID) };
        match algorithm {
            Algorithm::HS256 => Hmac::<Sha256>::new_from_slice(secret).map(|mac| Imported::here(Keyed(mac))),
            Algorithm::HS384 => Hmac::<Sha384>::new_from_slice(secret).map(|mac| Imported::here(Keyed(mac))),
            Algorithm::HS512 => Hmac::<Sha512>::new_from_slice(secret).map(|mac| Imported::here(Keyed(mac))),
            _ => return Err(INVALID),
        }
        .map_err(|_| INVALID)
    }
}

/// A key with its padded blocks already hashed.
struct Keyed<M>(M);

impl<M: Mac + Clone + Send + Sync> VerifySignature for Keyed<M> {
    /// In constant time; a truncated tag is none.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let mut mac = self.0.clone();
        mac.update(signing_input);
        mac.verify_slice(signature).is_ok()
    }
}
