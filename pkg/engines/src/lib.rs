//! The second Wasm inside the npm package `revocable`: public-key signatures in Rust, for hosts that lack an algorithm.
//!
//! The first Wasm asks JavaScript about every signature that its small engines do not know ([`revocable::engine::HOST`]);
//! JavaScript asks WebCrypto or `node:crypto`, and this one last. So it reads no token and no configuration, and it is
//! loaded by nobody who does not need it.

use revocable::engine::{self, Engines, Imported, VerifySignature};
use revocable::{Algorithm, Error, Material};
use wasm_bindgen::prelude::*;

/// What the first Wasm leaves to its host: everything but HMAC, whose secrets never leave it.
static ENGINES: Engines = &[
    &engine::ES256,
    &engine::RSA,
    &engine::EDDSA,
    &engine::ES384,
    &engine::ES512,
    &engine::ES256K,
    &engine::ML_DSA,
];

/// Whether signatures of this algorithm can be verified here.
#[wasm_bindgen]
#[must_use]
pub fn knows(algorithm: &str) -> bool {
    Algorithm::from_name(algorithm).is_some_and(|algorithm| engine::serving(ENGINES, algorithm).is_some())
}

/// A public key, taken in for one algorithm.
#[wasm_bindgen]
pub struct EngineKey(Box<dyn VerifySignature>);

#[wasm_bindgen]
impl EngineKey {
    /// Takes in the UTF-8 text of a JWK. Nothing comes back for what is no valid key of this algorithm, and for an
    /// algorithm that is not known here.
    #[must_use]
    pub fn import(algorithm: &str, jwk: &[u8]) -> Option<EngineKey> {
        import(algorithm, jwk).ok().map(Self)
    }

    /// Whether `signature` is one of this key's over `signing_input`; an ECDSA signature is raw.
    #[must_use]
    pub fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.0.verify(signing_input, signature)
    }
}

fn import(algorithm: &str, jwk: &[u8]) -> Result<Box<dyn VerifySignature>, Error> {
    const UNKNOWN: Error = Error::JwkInvalid("no engine of this build knows the algorithm");
    let algorithm = Algorithm::from_name(algorithm).ok_or(UNKNOWN)?;
    let engine = engine::serving(ENGINES, algorithm).ok_or(UNKNOWN)?;
    let material = Material::parse(jwk)?;
    if !material.fits(algorithm) {
        return Err(Error::JwkInvalid("its type does not fit the algorithm"));
    }
    match engine.import(algorithm, &material)? {
        Imported::Here(key) => Ok(key),
        Imported::Host => Err(UNKNOWN),
    }
}
