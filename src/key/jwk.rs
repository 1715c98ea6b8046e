//! One JWK (RFC 7517 §4) into one [`Key`]: all of its members must agree, and weak keys are refused, here, so that every
//! engine refuses the same ones.
//!
//! Certificates beside a key (`x5c`, `x5t`) are not looked at, and nothing is ever fetched from `x5u`: the key is what its
//! own members say.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Algorithm, By, Curve, Key, KeyOptions, Material, Use, roca};
use crate::base64url;
use crate::engine::{self, HostKey, Imported, rules};
use crate::error::Error;
use crate::json::{self, Object};
use crate::limits::{MAX_RSA_BITS, MIN_RSA_BITS};

pub(super) fn import(jwk: &Object, options: &KeyOptions<'_>) -> Result<Key, Error> {
    let material = Material::from_jwk(jwk)?;
    let stated = match text(jwk, "alg")? {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or(DISAGREES)?),
    };
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Error::JwkInvalid("`use` is not `sig`"));
    }
    if !may_verify(jwk)? {
        return Err(Error::JwkInvalid("`key_ops` does not hold `verify`"));
    }
    Key::new(text(jwk, "kid")?, &material, stated, options)
}

impl Key {
    /// Imports a key for every algorithm that it stands for.
    pub(crate) fn new(
        id: Option<&str>,
        material: &Material,
        stated: Option<Algorithm>,
        options: &KeyOptions<'_>,
    ) -> Result<Self, Error> {
        if stated.is_some_and(|algorithm| !material.fits(algorithm)) {
            return Err(DISAGREES);
        }
        let fitting = || options.algorithms.iter().copied().filter(|algorithm| material.fits(*algorithm));
        let algorithms = match stated {
            Some(algorithm) => vec![algorithm],
            None if options.algorithms.is_empty() => vec![material.default_algorithm()],
            None => fitting().collect(),
        };
        let mut uses = Vec::with_capacity(algorithms.len());
        for algorithm in algorithms {
            material.check_strength(algorithm)?;
            let signature_bytes = rules::signature_bytes(algorithm, material).ok_or(UNSUPPORTED)?;
            let engine = engine::serving(options.engines, algorithm);
            let engine = engine.ok_or(Error::JwkInvalid("no engine of this build knows the algorithm"))?;
            let by = match engine.import(algorithm, material)? {
                Imported::Here(key) => By::Here(key),
                Imported::Host => {
                    By::Host(HostKey::new(algorithm, material.public_jwk().unwrap_or_default()))
                }
            };
            uses.push(Use { algorithm, signature_bytes, by });
        }
        if uses.is_empty() {
            return Err(Error::JwkInvalid("its type fits none of the allowed algorithms"));
        }
        let name = match material {
            Material::Secret(_) => id.map(Box::from),
            public => public.thumbprint(),
        };
        Ok(Self { id: id.map(Box::from), name, uses })
    }
}

impl Key {
    /// A key that the host alone has; see [`super::Jwks::opaque`].
    pub(super) fn opaque(algorithm: Algorithm, modulus_bits: usize) -> Result<Self, Error> {
        let signature_bytes = match rules::signature_bytes_of(algorithm) {
            Some(bytes) => bytes,
            None if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&modulus_bits) => modulus_bits.div_ceil(8),
            None => return Err(MODULUS),
        };
        let by = By::Host(HostKey::new(algorithm, "{}".into()));
        Ok(Self { id: None, name: None, uses: vec![Use { algorithm, signature_bytes, by }] })
    }
}

impl Material {
    /// Reads a JWK, a JSON text in UTF-8, as strictly as a token's header is read: a member named twice is refused. Its
    /// type and strength are checked, but neither `alg`, `use` nor `key_ops`, which are about a key and not what it is
    /// made of; `alg` only where it is part of the key (RFC 9964 §3).
    ///
    /// # Errors
    /// [`Error::JwkInvalid`].
    pub fn parse(jwk: &[u8]) -> Result<Self, Error> {
        Self::from_jwk(&json::object(jwk).ok_or(Error::JwkInvalid("it is not a JSON object"))?)
    }

    /// Reads the members that `kty` and `crv` call for (RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).
    pub(crate) fn from_jwk(jwk: &Object) -> Result<Self, Error> {
        match (text(jwk, "kty")?, text(jwk, "crv")?) {
            (Some("oct"), None) => Ok(Self::Secret(bytes(jwk, "k")?)),
            (Some("RSA"), None) => Self::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
            (Some("EC"), Some(curve)) => {
                let curve = Curve::from_name(curve).ok_or(UNSUPPORTED)?;
                Self::ec(curve, bytes(jwk, "x")?, bytes(jwk, "y")?)
            }
            (Some("OKP"), Some("Ed25519")) => Self::ed25519(&bytes(jwk, "x")?),
            (Some("AKP"), None) => {
                let algorithm = text(jwk, "alg")?.and_then(Algorithm::from_name);
                Self::ml_dsa(algorithm.ok_or(UNSUPPORTED)?, bytes(jwk, "pub")?)
            }
            _ => Err(UNSUPPORTED),
        }
    }

    /// An RSA key. Its strength is checked here, as it does not depend on the algorithm.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.first().map_or(0, |first| {
            n.len().saturating_mul(8).saturating_sub(usize::try_from(first.leading_zeros()).unwrap_or(8))
        });
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            return Err(MODULUS);
        }
        if n.last().is_none_or(|last| last.is_multiple_of(2)) {
            return Err(Error::JwkInvalid("an RSA modulus is odd"));
        }
        if e != [1, 0, 1] {
            return Err(Error::JwkInvalid("the public exponent of an RSA key is 65537"));
        }
        if roca::is_marked(n) {
            return Err(Error::JwkInvalid("its RSA modulus comes from a generator whose keys are broken"));
        }
        Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// A point; each coordinate is exactly as long as the curve's field (RFC 7518 §6.2.1.2).
    pub(crate) fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, Error> {
        if x.len() != curve.field_bytes() || y.len() != curve.field_bytes() {
            return Err(Error::JwkInvalid("a coordinate is not as long as the curve's field"));
        }
        Ok(Self::Ec { curve, x, y })
    }

    /// An Ed25519 public key: the one encoding of its point, and not of small order.
    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, Error> {
        let x: [u8; 32] =
            x.try_into().map_err(|_| Error::JwkInvalid("an Ed25519 public key has 32 bytes"))?;
        if !rules::ed25519_point(&x) {
            return Err(Error::JwkInvalid("not the encoding of a usable point on Curve25519"));
        }
        Ok(Self::Ed25519 { x })
    }

    /// An ML-DSA public key of the length in FIPS 204, table 2.
    pub(crate) fn ml_dsa(algorithm: Algorithm, public: Vec<u8>) -> Result<Self, Error> {
        let length = match algorithm {
            Algorithm::MLDSA44 => 1312,
            Algorithm::MLDSA65 => 1952,
            Algorithm::MLDSA87 => 2592,
            _ => return Err(UNSUPPORTED),
        };
        if public.len() != length {
            return Err(Error::JwkInvalid("an ML-DSA public key is not as long as its parameter set says"));
        }
        Ok(Self::MlDsa { algorithm, public })
    }

    /// Whether a key of this type may stand for the algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        match self {
            Self::Secret(_) => matches!(algorithm, A::HS256 | A::HS384 | A::HS512),
            Self::Rsa { .. } => {
                matches!(algorithm, A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512)
            }
            Self::Ec { .. } | Self::Ed25519 { .. } | Self::MlDsa { .. } => {
                algorithm == self.default_algorithm()
            }
        }
    }

    /// What a key of this type stands for when neither it nor its issuer's configuration says so.
    #[must_use]
    pub const fn default_algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::HS256,
            Self::Rsa { .. } => Algorithm::RS256,
            Self::Ec { curve: Curve::P256, .. } => Algorithm::ES256,
            Self::Ec { curve: Curve::P384, .. } => Algorithm::ES384,
            Self::Ec { curve: Curve::P521, .. } => Algorithm::ES512,
            Self::Ec { curve: Curve::Secp256k1, .. } => Algorithm::ES256K,
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::MlDsa { algorithm, .. } => *algorithm,
        }
    }

    /// RFC 7518 §3.2: a secret of the same size as the hash output or larger MUST be used.
    fn check_strength(&self, algorithm: Algorithm) -> Result<(), Error> {
        let Self::Secret(secret) = self else { return Ok(()) };
        // Whoever has a public key in PEM could sign with it, were its text taken for a secret.
        if secret.windows(PEM_LABEL.len()).any(|part| part == PEM_LABEL) {
            return Err(Error::JwkInvalid("a secret that is a key in PEM is none"));
        }
        let hash = match algorithm {
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => 32,
        };
        if secret.len() < hash {
            return Err(Error::JwkInvalid("a secret is at least as long as the hash of its algorithm"));
        }
        Ok(())
    }

    /// As JWK, a JSON text: the members that RFC 7638 §3.2 requires, in lexicographic order and without white space; none for
    /// a secret.
    ///
    /// ```
    /// use revocable::Material;
    /// let jwk = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// assert_eq!(Material::parse(jwk.as_bytes())?.public_jwk().as_deref(), Some(jwk));
    /// # Ok::<(), revocable::Error>(())
    /// ```
    #[must_use]
    pub fn public_jwk(&self) -> Option<Box<str>> {
        let spell = |bytes: &[u8]| base64url::encode(bytes);
        let jwk = match self {
            Self::Secret(_) => return None,
            Self::Rsa { n, e } => {
                [r#"{"e":""#, &spell(e), r#"","kty":"RSA","n":""#, &spell(n), r#""}"#].concat()
            }
            Self::Ec { curve, x, y } => {
                let (x, y) = (spell(x), spell(y));
                [r#"{"crv":""#, curve.name(), r#"","kty":"EC","x":""#, &x, r#"","y":""#, &y, r#""}"#].concat()
            }
            Self::Ed25519 { x } => [r#"{"crv":"Ed25519","kty":"OKP","x":""#, &spell(x), r#""}"#].concat(),
            Self::MlDsa { algorithm, public } => {
                let public = spell(public);
                [r#"{"alg":""#, algorithm.name(), r#"","kty":"AKP","pub":""#, &public, r#""}"#].concat()
            }
        };
        Some(jwk.into())
    }

    /// The RFC 7638 thumbprint with SHA-256. A private key has that of its public part (§3.2.1).
    fn thumbprint(&self) -> Option<Box<str>> {
        let canonical = self.public_jwk()?;
        Some(base64url::encode(Sha256::digest(canonical.as_bytes())).into())
    }
}

impl Curve {
    fn from_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521, Self::Secp256k1].into_iter().find(|curve| curve.name() == name)
    }

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    /// How many bytes a coordinate has.
    #[must_use]
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

const MODULUS: Error = Error::JwkInvalid("an RSA modulus has 2048 to 8192 bits");
const DISAGREES: Error = Error::JwkInvalid("`alg` does not agree with the key's type");
/// What every PEM text has (RFC 7468 §2).
const PEM_LABEL: &[u8] = b"-----BEGIN ";

const UNSUPPORTED: Error = Error::JwkInvalid("`kty`, `crv` and `alg` name no supported key type");

/// Whether a JWK holds the private part of a key pair (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2, RFC 9964).
pub(crate) fn is_private(jwk: &Object) -> bool {
    let is_secret = jwk.get("kty").is_some_and(|kty| kty == "oct");
    !is_secret && jwk.keys().any(|member| PRIVATE_MEMBERS.contains(&member.as_str()))
}

const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// RFC 7517 §4.3: a list of texts, none of them twice.
fn may_verify(jwk: &Object) -> Result<bool, Error> {
    const INVALID: Error = Error::JwkInvalid("`key_ops` is no list of operations, each once");
    let operations = match jwk.get("key_ops") {
        None => return Ok(true),
        Some(Value::Array(operations)) => operations,
        Some(_) => return Err(INVALID),
    };
    // A map of the kind that JSON is read into: a set of another type would be Wasm of its own.
    let mut distinct = Object::new();
    for operation in operations {
        let name = operation.as_str().ok_or(INVALID)?;
        if distinct.insert(name.to_owned(), Value::Null).is_some() {
            return Err(INVALID);
        }
    }
    Ok(distinct.contains_key("verify"))
}

fn bytes(jwk: &Object, member: &'static str) -> Result<Vec<u8>, Error> {
    let bytes = text(jwk, member)?.and_then(base64url::decode);
    bytes.ok_or(Error::JwkInvalid("a member that the key's type calls for is missing or not base64url"))
}

fn text<'a>(jwk: &'a Object, member: &str) -> Result<Option<&'a str>, Error> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::JwkInvalid("a member is not a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_is_read_as_strictly_as_a_header() {
        let x = base64url::encode([9; 32]);
        let read = |jwk: String| Material::parse(jwk.as_bytes());
        let good = read(format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).unwrap();
        assert!(matches!(good, Material::Ed25519 { x } if x == [9; 32]));
        for bad in [
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","x":"{x}"}}"#),
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}} "more""#),
            format!(r#"["OKP","Ed25519","{x}"]"#),
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(),
            String::new(),
        ] {
            assert!(matches!(read(bad.clone()), Err(Error::JwkInvalid(_))), "{bad}");
        }
    }
}
