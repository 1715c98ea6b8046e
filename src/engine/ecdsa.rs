//! ECDSA (RFC 7518 §3.4, RFC 8812 §3.2). P-256, P-384 and secp256k1 through jwt-simple's keys, P-521 (which it does not
//! have) through the library of the same family.
//!
//! jwt-simple is asked one question only: does this signature fit this key and these bytes? Its whole-token call reads
//! header and claims a second time and refuses tokens for reasons of its own (a `jti` or `nonce` that is a number, a
//! `typ` other than `JWT` or `…+jwt`, a header member called `salt`), which an oracle for signatures must not. So its keys
//! are used with the primitives they expose. [`crate::manual::decisions`] has the measurement.

use jwt_simple::algorithms::{
    ECDSAP256PublicKeyLike, ECDSAP256kPublicKeyLike, ECDSAP384PublicKeyLike, ES256PublicKey, ES256kPublicKey,
    ES384PublicKey,
};
use p256::ecdsa::signature::Verifier as _;

use super::{Engine, Imported, VerifySignature};
use crate::error::Error;
use crate::key::{Algorithm, Curve, Material};

/// ES256: P-256 with SHA-256.
pub static ES256: Ecdsa = Ecdsa {
    name: "ecdsa-p256",
    algorithm: Algorithm::ES256,
    curve: Curve::P256,
    read: |sec1| ES256PublicKey::from_bytes(sec1).ok().map(Imported::here),
};

/// ES384: P-384 with SHA-384.
pub static ES384: Ecdsa = Ecdsa {
    name: "ecdsa-p384",
    algorithm: Algorithm::ES384,
    curve: Curve::P384,
    read: |sec1| ES384PublicKey::from_bytes(sec1).ok().map(Imported::here),
};

/// ES512: P-521 with SHA-512.
pub static ES512: Ecdsa = Ecdsa {
    name: "ecdsa-p521",
    algorithm: Algorithm::ES512,
    curve: Curve::P521,
    read: |sec1| p521::ecdsa::VerifyingKey::from_sec1_bytes(sec1).ok().map(Imported::here),
};

/// ES256K: secp256k1 with SHA-256. Either `s` is accepted: RFC 8812 does not ask for the lower of the two.
pub static ES256K: Ecdsa = Ecdsa {
    name: "ecdsa-secp256k1",
    algorithm: Algorithm::ES256K,
    curve: Curve::Secp256k1,
    read: |sec1| ES256kPublicKey::from_bytes(sec1).ok().map(Imported::here),
};

/// One curve: [`ES256`], [`ES384`], [`ES512`] or [`ES256K`]. A build that names only some of them links only those.
#[derive(Debug)]
pub struct Ecdsa {
    name: &'static str,
    algorithm: Algorithm,
    curve: Curve,
    /// Reads an uncompressed point (SEC 1 §2.3.4) and finds out whether it is on the curve.
    read: fn(&[u8]) -> Option<Imported>,
}

impl Engine for Ecdsa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        algorithm == self.algorithm
    }

    fn import(&self, _: Algorithm, material: &Material) -> Result<Imported, Error> {
        const INVALID: Error = Error::JwkInvalid("not a point on the curve");
        match material {
            Material::Ec { curve, x, y } if *curve == self.curve => {
                let sec1 = [&[0x04], x.as_slice(), y.as_slice()].concat();
                (self.read)(&sec1).ok_or(INVALID)
            }
            _ => Err(INVALID),
        }
    }
}

impl VerifySignature for ES256PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}

impl VerifySignature for ES384PublicKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = p384::ecdsa::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature).is_ok()
    }
}

impl VerifySignature for p521::ecdsa::VerifyingKey {
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = p521::ecdsa::Signature::from_slice(signature) else { return false };
        p521::ecdsa::signature::Verifier::verify(self, signing_input, &signature).is_ok()
    }
}

impl VerifySignature for ES256kPublicKey {
    /// The library refuses the higher `s`, as Bitcoin does. Both stand for the same signature, so it is given the lower.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = k256::ecdsa::Signature::from_slice(signature) else { return false };
        self.public_key().as_ref().verify(signing_input, &signature.normalize_s()).is_ok()
    }
}
