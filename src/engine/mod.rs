//! Engines: who checks a signature, for which algorithm.
//!
//! An engine is an object in a list and not an arm of a `match`, so that a build whose list leaves one out does not
//! link its code. A key is imported once, by the first engine of the list that knows its algorithm; what comes back
//! holds the key in the form that the engine verifies fastest.

mod jwt_simple;

use crate::error::Error;
use crate::key::{Algorithm, Material};

pub use jwt_simple::{ED25519, ES256, HS256};

/// The engines of this crate, in the order in which they are asked: everything in Rust, synchronous, everywhere.
pub static DEFAULT: Engines = &[&HS256, &ES256, &ED25519];

/// A list of engines, the preferred ones first.
pub type Engines = &'static [&'static dyn Engine];

/// Somebody who can check signatures of one algorithm.
pub trait Engine: Sync {
    /// The algorithm this engine knows.
    fn algorithm(&self) -> Algorithm;

    /// Takes a key in. The material has already been found to agree with [`Engine::algorithm`] in type and curve.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when the material is no valid key, or too weak (RFC 7518 §3.2).
    fn import(&self, material: &Material) -> Result<Box<dyn VerifySignature>, Error>;
}

/// A key, ready to verify with.
pub trait VerifySignature: Send + Sync {
    /// Whether `signature` is one of this key's over `signing_input` (RFC 7515 §5.2). Never panics, whatever the bytes.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool;
}
