//! Engines: who checks a signature, for which algorithm.
//!
//! An engine is an object in a list and not an arm of a `match`, so that a build whose list leaves one out does not
//! link its code. A key is imported once for each algorithm it stands for, by the first engine of the list that knows the
//! algorithm; what comes back holds the key in the form that the engine verifies fastest.
//!
//! All but one answer at once. [`HOST`] stands for whatever the surroundings have, such as WebCrypto, which answers later:
//! see [`crate::Asking`].

mod ecdsa;
mod eddsa;
mod hmac;
mod host;
mod ml_dsa;
mod rsa;
pub(crate) mod rules;

use std::fmt::Debug;

use crate::error::Error;
use crate::key::{Algorithm, Material};

pub use ecdsa::{ES256, ES256K, ES384, ES512, Ecdsa};
pub use eddsa::{EDDSA, EdDsa};
pub use hmac::{HMAC, HmacEngine};
pub use host::{HOST, Host, HostKey};
pub use ml_dsa::{ML_DSA, MlDsaEngine};
pub use rsa::{RSA, RsaEngine};

/// The engines of this crate, in the order in which they are asked: everything in Rust, synchronous, everywhere.
pub static DEFAULT: Engines = &[&HMAC, &EDDSA, &ES256, &RSA, &ES384, &ES512, &ES256K, &ML_DSA];

/// The engines that are small: what is left is asked of the host.
pub static SMALL: Engines = &[&HMAC, &EDDSA, &HOST];

/// A list of engines, the preferred ones first.
pub type Engines = &'static [&'static dyn Engine];

/// The first engine of the list that knows the algorithm: the one that keys are imported by.
#[must_use]
pub fn serving(engines: Engines, algorithm: Algorithm) -> Option<&'static dyn Engine> {
    engines.iter().copied().find(|engine| engine.knows(algorithm))
}

/// Somebody who can check signatures.
pub trait Engine: Sync + Debug {
    /// What it is called in documentation and in measurements: `"hmac"`, `"ed25519"`, `"rsa"`, …
    fn name(&self) -> &'static str;

    /// Whether this engine knows the algorithm.
    fn knows(&self, algorithm: Algorithm) -> bool;

    /// Takes a key in, for one algorithm. The material has already been found to fit the algorithm in type, curve and
    /// size.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when the material is no valid key.
    fn import(&self, algorithm: Algorithm, material: &Material) -> Result<Imported, Error>;
}

/// A key that an engine has taken in.
pub enum Imported {
    /// It verifies at once.
    Here(Box<dyn VerifySignature>),
    /// The host is to be asked.
    Host,
}

/// A key, ready to verify with.
pub trait VerifySignature: Send + Sync {
    /// Whether `signature` is one of this key's over `signing_input` (RFC 7515 §5.2). Never panics, whatever the bytes.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool;
}

impl Imported {
    fn here(key: impl VerifySignature + 'static) -> Self {
        Self::Here(Box::new(key))
    }
}

#[cfg(test)]
mod tests;
