//! ECDSA (RFC 7518 §3.4, RFC 8812 §3.2) through jwt-simple's keys. Signatures are raw: `r` and `s`, each as long as the
//! group's order.
//!
//! jwt-simple is asked one question only: does this signature fit this key and these bytes? Its whole-token call reads
//! header and claims a second time and refuses tokens for reasons of its own (a `jti` or `nonce` that is a number, a
//! `typ` other than `JWT` or `…+jwt`, a header member called `salt`), which an oracle for signatures must not. So its keys
//! are used with the primitives they expose. [`crate::manual::decisions`] has the measurement.

use jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256PublicKey};
use p256::ecdsa::signature::Verifier as _;

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Curve, Material};

/// ES256.
pub static ECDSA: Ecdsa = Ecdsa(());

/// See [`ECDSA`].
#[derive(Debug)]
pub struct Ecdsa(());

impl Engine for Ecdsa {
    fn knows(&self, algorithm: Algorithm) -> bool {
        algorithm == Algorithm::ES256
    }

    fn import(&self, _: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a point on the curve");
        let Material::Ec { curve: Curve::P256, x, y } = material else { return Err(INVALID) };
        let sec1 = [&[0x04], x.as_slice(), y.as_slice()].concat();
        ES256PublicKey::from_bytes(&sec1).map(Imported::here).map_err(|_| INVALID)
    }
}

impl VerifySignature for ES256PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}
