//! Keys: what a JWK (RFC 7517) holds once it has been checked and imported.

mod cache;
pub(crate) mod discovery;
mod http_cache;
mod jwk;
mod jwks;
#[cfg(feature = "pem")]
mod pem;
mod roca;
#[cfg(feature = "pem")]
mod spki;

use std::fmt;

use crate::engine::{HostKey, VerifySignature, rules};

pub use cache::{Fetch, Fetched, KeyCache};
pub use discovery::Discovery;
pub use http_cache::Freshness;
pub(crate) use jwk::is_private;
pub use jwks::{Jwks, KeyOptions, Secrets};

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 8812 §3.2, RFC 9964).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    PS256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
    PS384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// ECDSA on secp256k1 with SHA-256.
    ES256K,
    /// EdDSA on Curve25519, called `EdDSA` by RFC 8037 and `Ed25519` by RFC 9864.
    EdDSA,
    /// ML-DSA-44 (FIPS 204).
    MLDSA44,
    /// ML-DSA-65 (FIPS 204).
    MLDSA65,
    /// ML-DSA-87 (FIPS 204).
    MLDSA87,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::ES256K,
        Self::EdDSA,
        Self::MLDSA44,
        Self::MLDSA65,
        Self::MLDSA87,
    ];

    /// The algorithm that a header's or a key's `alg` names. Names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDSA),
            name => Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name),
        }
    }

    /// The algorithm's registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::ES256K => "ES256K",
            Self::EdDSA => "EdDSA",
            Self::MLDSA44 => "ML-DSA-44",
            Self::MLDSA65 => "ML-DSA-65",
            Self::MLDSA87 => "ML-DSA-87",
        }
    }

    /// Whether its keys are secrets, which who verifies could sign with.
    #[must_use]
    pub const fn has_secrets(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// What a key is made of, read from a JWK, PEM or DER and found to have the right type and sizes. Whether it is a key, such as a point
/// on its curve, its engine finds out.
#[derive(Clone)]
#[non_exhaustive]
pub enum Material {
    /// `oct`: the secret's bytes.
    Secret(Vec<u8>),
    /// `RSA`: a modulus of at least 2048 bits, and 65537.
    Rsa {
        /// The modulus `n`, big-endian, without leading zeros.
        n: Vec<u8>,
        /// The public exponent `e`, big-endian, without leading zeros.
        e: Vec<u8>,
    },
    /// `EC`: the coordinates of a point, each as long as its field.
    Ec {
        /// Whose point it is.
        curve: Curve,
        /// `x`, big-endian.
        x: Vec<u8>,
        /// `y`, big-endian.
        y: Vec<u8>,
    },
    /// `OKP`, `Ed25519`: the public key.
    Ed25519 {
        /// `x` (RFC 8037 §2).
        x: [u8; 32],
    },
    /// `AKP`: an ML-DSA public key, as long as its parameter set says.
    MlDsa {
        /// Which of the three it is for: the algorithm is part of such a key.
        algorithm: Algorithm,
        /// `pub` (RFC 9964).
        public: Vec<u8>,
    },
}

/// An elliptic curve (RFC 7518 §6.2.1.1, RFC 8812 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Curve {
    /// `P-256`.
    P256,
    /// `P-384`.
    P384,
    /// `P-521`.
    P521,
    /// `secp256k1`.
    Secp256k1,
}

/// A key that may verify tokens.
pub struct Key {
    id: Option<Box<str>>,
    name: Option<Box<str>>,
    uses: Vec<Use>,
}

/// An algorithm that a key stands for, and who verifies with it.
struct Use {
    algorithm: Algorithm,
    signature_bytes: usize,
    by: By,
}

/// Who verifies.
pub(crate) enum By {
    Here(Box<dyn VerifySignature>),
    Host(HostKey),
}

impl Key {
    /// Its `kid`, by which a token's header may ask for it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithms this key stands for: its own `alg`; failing that, those of the issuer's that fit its type; failing
    /// those, the one that its type stands for. Never none.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.uses.iter().map(|used| used.algorithm)
    }

    /// What the rule `["@key"]` calls it: the RFC 7638 SHA-256 thumbprint of a public key, the configured `kid` of a
    /// secret (whose thumbprint would help to guess it), nothing for a secret without one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether these bytes can be one of this key's signatures at all. Engines are asked about no others, so that none
    /// accepts what another refuses: see [`rules`].
    pub(crate) fn can_have_made(&self, algorithm: Algorithm, signature: &[u8]) -> bool {
        let used = self.uses.iter().find(|used| used.algorithm == algorithm);
        used.is_some_and(|used| signature.len() == used.signature_bytes)
            && rules::in_range(algorithm, signature)
    }

    /// Asks this key about any bytes at all, not only about a token's: whether `signature` is its signature over
    /// `signing_input` with this algorithm (RFC 7515 §5.2), which the caller has chosen and must not have from a token's
    /// header alone. An ECDSA signature is raw. Nothing is said of what was signed.
    ///
    /// `None`: it does not stand for the algorithm, or only the host can tell ([`crate::engine::HOST`]).
    ///
    /// ```
    /// use revocable::{Algorithm, Jwks, Secrets};
    /// let jwk = br#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    /// let keys = Jwks::parse(jwk, Secrets::Allow)?;
    /// let key = keys.iter().next().ok_or("no key")?;
    /// assert_eq!(key.verify(Algorithm::HS256, b"signed", b"not its hash"), Some(false));
    /// assert_eq!(key.verify(Algorithm::ES256, b"signed", b"not its hash"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> Option<bool> {
        match self.by(algorithm)? {
            _ if !self.can_have_made(algorithm, signature) => Some(false),
            By::Here(verifier) => Some(verifier.verify(signing_input, signature)),
            By::Host(_) => None,
        }
    }

    /// How the host is asked to verify this algorithm's signatures with this key, if it is.
    #[must_use]
    pub fn host(&self, algorithm: Algorithm) -> Option<&HostKey> {
        match self.by(algorithm)? {
            By::Host(key) => Some(key),
            By::Here(_) => None,
        }
    }

    /// Who verifies signatures of this algorithm with this key, if it stands for it.
    pub(crate) fn by(&self, algorithm: Algorithm) -> Option<&By> {
        self.uses.iter().find(|used| used.algorithm == algorithm).map(|used| &used.by)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
