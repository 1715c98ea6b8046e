//! Keys: what a JWK (RFC 7517) holds once it has been checked and imported.

mod cache;
mod jwk;
mod jwks;

use std::fmt;

use crate::engine::VerifySignature;

pub use cache::KeyCache;
pub use jwks::{Jwks, Secrets};

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// EdDSA on Curve25519, called `EdDSA` by RFC 8037 and `Ed25519` by RFC 9864.
    EdDSA,
}

impl Algorithm {
    /// The algorithm that a header's or a key's `alg` names. Names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::HS256),
            "ES256" => Some(Self::ES256),
            "EdDSA" | "Ed25519" => Some(Self::EdDSA),
            _ => None,
        }
    }

    /// The algorithm's registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// What a key is made of, read from a JWK and found to have the right sizes. An engine decides whether it is a key.
#[non_exhaustive]
pub enum Material {
    /// `oct`: the secret's bytes.
    Secret(Vec<u8>),
    /// `EC`, `P-256`: the coordinates.
    P256 {
        /// `x`, big-endian.
        x: [u8; 32],
        /// `y`, big-endian.
        y: [u8; 32],
    },
    /// `OKP`, `Ed25519`: the public key.
    Ed25519 {
        /// `x` (RFC 8037 §2).
        x: [u8; 32],
    },
}

/// A key that may verify tokens.
pub struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    name: Option<Box<str>>,
    verifier: Box<dyn VerifySignature>,
}

impl Key {
    /// Its `kid`, by which a token's header may ask for it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm this key stands for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What the rule `["@key"]` calls it: the RFC 7638 SHA-256 thumbprint of a public key, the configured `kid` of a
    /// secret (whose thumbprint would help to guess it), nothing for a secret without one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(signing_input, signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
