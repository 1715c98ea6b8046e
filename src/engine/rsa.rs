//! RSA (RFC 7518 §3.3 and §3.5), through the library beneath jwt-simple: its own keys stop at 4096 bits and expose no
//! primitive.

use rsa::sha2::digest::FixedOutputReset;
use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey, pkcs1v15, pss};

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};
use crate::limits::MAX_RSA_BITS;

/// RS256, RS384, RS512, PS256, PS384 and PS512. A PSS salt is as long as the hash, no longer and no shorter, and MGF1 uses
/// the same hash (RFC 7518 §3.5).
pub static RSA: RsaEngine = RsaEngine(());

/// See [`RSA`].
#[derive(Debug)]
pub struct RsaEngine(());

impl Engine for RsaEngine {
    fn name(&self) -> &'static str {
        "rsa"
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        matches!(algorithm, A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512)
    }

    fn import(&self, algorithm: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a usable RSA key");
        let Material::Rsa { n, e } = material else { return Err(INVALID) };
        let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
        let key = RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).map_err(|_| INVALID)?;
        Ok(match algorithm {
            Algorithm::RS256 => Imported::here(pkcs1v15::VerifyingKey::<Sha256>::new(key)),
            Algorithm::RS384 => Imported::here(pkcs1v15::VerifyingKey::<Sha384>::new(key)),
            Algorithm::RS512 => Imported::here(pkcs1v15::VerifyingKey::<Sha512>::new(key)),
            Algorithm::PS256 => Imported::here(pss::VerifyingKey::<Sha256>::new(key)),
            Algorithm::PS384 => Imported::here(pss::VerifyingKey::<Sha384>::new(key)),
            Algorithm::PS512 => Imported::here(pss::VerifyingKey::<Sha512>::new(key)),
            _ => return Err(INVALID),
        })
    }
}

impl<D: Digest + Send + Sync> VerifySignature for pkcs1v15::VerifyingKey<D> {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = pkcs1v15::Signature::try_from(signature) else { return false };
        Verifier::verify(self, signing_input, &signature).is_ok()
    }
}

impl<D: Digest + FixedOutputReset + Send + Sync> VerifySignature for pss::VerifyingKey<D> {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let key: &RsaPublicKey = self.as_ref();
        let number = BigUint::from_bytes_be(signature);
        let Ok(signature) = pss::Signature::try_from(signature) else { return false };
        Verifier::verify(self, signing_input, &signature).is_ok() && fits_encoded_message(key, &number)
    }
}

/// RFC 8017 §8.1.2, step 2c: what the signature opens to has at most one bit less than the modulus. Where these bits fill
/// whole bytes, the library does not look at the byte before them. No usual key has such a size.
fn fits_encoded_message(key: &RsaPublicKey, signature: &BigUint) -> bool {
    let bits = key.n().bits();
    bits % 8 != 1 || rsa::hazmat::rsa_encrypt(key, signature).is_ok_and(|opened| opened.bits() < bits)
}
