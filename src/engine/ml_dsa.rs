//! ML-DSA (FIPS 204, RFC 9964), through the library beneath jwt-simple: its keys come in one type for all three
//! parameter sets, which would link them all.

use ml_dsa::{EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// ML-DSA-44, ML-DSA-65 and ML-DSA-87: the pure variant, with an empty context (RFC 9964).
pub static ML_DSA: MlDsaEngine = MlDsaEngine(());

/// See [`ML_DSA`].
#[derive(Debug)]
pub struct MlDsaEngine(());

impl Engine for MlDsaEngine {
    fn name(&self) -> &'static str {
        "ml-dsa"
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        matches!(algorithm, Algorithm::MLDSA44 | Algorithm::MLDSA65 | Algorithm::MLDSA87)
    }

    fn import(&self, algorithm: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not an ML-DSA key");
        let Material::MlDsa { public, .. } = material else { return Err(INVALID) };
        match algorithm {
            Algorithm::MLDSA44 => read::<MlDsa44>(public),
            Algorithm::MLDSA65 => read::<MlDsa65>(public),
            Algorithm::MLDSA87 => read::<MlDsa87>(public),
            _ => None,
        }
        .ok_or(INVALID)
    }
}

/// Any bytes of the right length are a key (FIPS 204, algorithm 23). Its matrix is expanded here, once.
fn read<P: MlDsaParams + Send + Sync + 'static>(public: &[u8]) -> Option<Imported>
where
    VerifyingKey<P>: Send + Sync,
{
    let encoded = EncodedVerifyingKey::<P>::try_from(public).ok()?;
    Some(Imported::here(VerifyingKey::<P>::decode(&encoded)))
}

impl<P: MlDsaParams> VerifySignature for VerifyingKey<P>
where
    Self: Send + Sync,
{
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::<P>::try_from(signature) else { return false };
        self.verify_with_context(signing_input, &[], &signature)
    }
}
