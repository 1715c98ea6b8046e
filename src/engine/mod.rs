//! Engines: who checks a signature, for which algorithm.
//!
//! An engine is an object in a list and not an arm of a `match`, so that a build whose list leaves one out does not
//! link its code. A key is imported once for each algorithm it stands for, by the first engine of the list that knows the
//! algorithm; what comes back holds the key in the form that the engine verifies fastest.
//!
//! | algorithm | engine | built on | in [`DEFAULT`] | in [`EDGE`] | in [`SMALL`] |
//! |---|---|---|---|---|---|
//! | HS256, HS384, HS512 | [`HMAC`] | `hmac`, `sha2` | here | here | here |
//! | EdDSA (Ed25519) | [`EDDSA`] | `ed25519-dalek` | here | host | host |
//! | ES256 | [`ES256`] | jwt-simple's key on `p256` | here | host | host |
//! | ES384 | [`ES384`] | jwt-simple's key on `p384` | here | host | host |
//! | ES512 | [`ES512`] | `p521` | here | host | host |
//! | ES256K | [`ES256K`] | jwt-simple's key on `k256` | here | here | host |
//! | RS256, RS384, RS512, PS256, PS384, PS512 | [`RSA`] | `rsa` | here | host | host |
//! | ML-DSA-44, ML-DSA-65, ML-DSA-87 | [`ML_DSA`] | `ml-dsa` | here | here | host |
//!
//! The engines of this crate are the same natively and in Wasm. What host engines know differs: WebCrypto has no ES256K,
//! for example. [`serving`] says which engine of a list a key is imported by.
//!
//! # What holds whoever verifies
//!
//! Libraries differ at the edges, and a token must not be good in one place and forged in another. So these are settled
//! before any engine is asked:
//!
//! - A signature is exactly as long as its algorithm says; an RSA signature is exactly as long as the modulus.
//! - `r` and `s` of an ECDSA signature are from 1 to the order of the group less 1. Of the two `s` that fit, either is
//!   accepted, as WebCrypto and OpenSSL do; RFC 7518 and RFC 8812 do not ask for the lower.
//! - An Ed25519 public key and `R` are the one encoding of their point and not of small order, and `S` is less than the
//!   order of the group: what the W3C's "Secure Curves in the Web Cryptography API" asks for, and more than some hosts do
//!   (Node 20 and workerd accept keys and `R` of small order).
//! - Ed25519's equation is `[S]B = R + [k]A`, without the cofactor. RFC 8032 §5.1.7 allows both; this is the one that
//!   OpenSSL, BoringSSL and ed25519-dalek check. On 2,254 signatures with every part of small order that a key and `R` can
//!   have, those three agreed on each one that the rules above let through (46 of 387 fit), in Rust, in Node 20 and in
//!   workerd; ed25519-compact, jwt-simple's library, checks with the cofactor and accepted the other 341 too.
//! - An RSA modulus is odd and has 2048 to 8192 bits, with the exponent 65537, and does not bear the mark of the generator of
//!   CVE-2017-15361; a PSS salt is as long as the hash. A secret is at least as long as the hash, and no text of a PEM key.
//!
//! All but one answer at once. [`HOST`] stands for whatever the surroundings have, such as WebCrypto, which answers later:
//! see [`crate::Asking`].

#[cfg(feature = "engines")]
mod ecdsa;
#[cfg(feature = "engines")]
mod eddsa;
mod hmac;
mod host;
#[cfg(feature = "engines")]
mod ml_dsa;
#[cfg(feature = "engines")]
mod rsa;
pub(crate) mod rules;

use std::fmt::Debug;

use crate::error::Error;
use crate::key::{Algorithm, Material};

#[cfg(feature = "engines")]
pub use ecdsa::{ES256, ES256K, ES384, ES512, Ecdsa};
#[cfg(feature = "engines")]
pub use eddsa::{EDDSA, EdDsa};
pub use hmac::{HMAC, HmacEngine};
pub use host::{HOST, Host, HostKey};
#[cfg(feature = "engines")]
pub use ml_dsa::{ML_DSA, MlDsaEngine};
#[cfg(feature = "engines")]
pub use rsa::{RSA, RsaEngine};

/// The engines of this crate, in the order in which they are asked: everything in Rust, synchronous, everywhere.
#[cfg(feature = "engines")]
pub static DEFAULT: Engines = &[&HMAC, &EDDSA, &ES256, &RSA, &ES384, &ES512, &ES256K, &ML_DSA];

/// What is faster here than asking the host: HMAC. All the rest is left to the host, and not linked.
pub static SMALL: Engines = &[&HMAC, &HOST];

/// For hosts with WebCrypto that answer many requests, such as Workers: what it has is left to it, and what it has not,
/// secp256k1 and ML-DSA, is here.
#[cfg(feature = "engines")]
pub static EDGE: Engines = &[&HMAC, &ES256K, &ML_DSA, &HOST];

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
#[cfg(feature = "engines")]
mod tests;
