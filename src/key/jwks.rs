//! A set of keys (RFC 7517 §5), and which of them a token's header asks for. Second stage of the flow.

use std::sync::Arc;

use serde_json::Value;

use super::{Algorithm, Key, Material, jwk};
#[cfg(feature = "engines")]
use crate::engine;
use crate::engine::Engines;
use crate::error::Error;
use crate::json::{self, Object};
use crate::limits::{MAX_JWKS_BYTES, MAX_JWKS_KEYS, MAX_KEY_CANDIDATES};

/// A set of usable keys; never empty.
#[derive(Debug)]
pub struct Jwks {
    keys: Vec<Arc<Key>>,
}

/// Whether a key set may hold secrets (`oct`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// For a key set from the caller's own configuration.
    Allow,
    /// For a key set that others can read too, such as one fetched from a URL: a secret found there is none, and
    /// everybody could sign with it. Its `oct` keys are left out, and so are private keys, whoever put them there.
    Ignore,
}

/// How a key set is read.
#[derive(Clone, Copy)]
pub struct KeyOptions<'a> {
    /// Whether it may hold secrets.
    pub secrets: Secrets,
    /// What keys without `alg` stand for: each for those of these algorithms that fit its type, and where this is empty for
    /// the one that its type stands for: RS256, ES256, ES384, ES512, ES256K, EdDSA or HS256.
    pub algorithms: &'a [Algorithm],
    /// Who verifies.
    pub engines: Engines,
}

impl KeyOptions<'_> {
    /// Keys that stand for one algorithm each, verified with this crate's engines.
    #[cfg(feature = "engines")]
    #[must_use]
    pub const fn new(secrets: Secrets) -> Self {
        Self { secrets, algorithms: &[], engines: engine::DEFAULT }
    }
}

impl Jwks {
    /// Reads a JWKS document, or a single JWK, with this crate's engines.
    ///
    /// Keys that cannot be used here (another type, `use: enc`, too weak, malformed) are left out, as RFC 7517 §5 asks,
    /// so that an issuer may publish keys of types to come.
    ///
    /// ```
    /// use revocable::{Jwks, Secrets};
    /// let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// assert_eq!(Jwks::parse(jwks, Secrets::Ignore)?.len(), 1);
    /// # Ok::<(), revocable::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::JwksInvalid`] when it is not such a document; [`Error::JwkInvalid`] with the first key's fault when no
    /// key is usable.
    #[cfg(feature = "engines")]
    pub fn parse(document: &[u8], secrets: Secrets) -> Result<Self, Error> {
        Self::parse_with(document, &KeyOptions::new(secrets))
    }

    /// [`Jwks::parse`] with engines of the caller's choice, and for an issuer's algorithms.
    ///
    /// # Errors
    /// As [`Jwks::parse`].
    pub fn parse_with(document: &[u8], options: &KeyOptions<'_>) -> Result<Self, Error> {
        if document.len() > MAX_JWKS_BYTES {
            return Err(Error::JwksInvalid("too large"));
        }
        let document = json::object(document).ok_or(Error::JwksInvalid("not a JSON object"))?;
        Self::from_object(&document, options)
    }

    /// Makes a set of the one public key of a PEM text; see [`Material::from_pem`].
    ///
    /// `kid` is by which name a token's header may ask for the key: without one, a token that names any is refused. `alg` is
    /// what it stands for; without it, as with a JWK, that say [`KeyOptions::algorithms`] and the key's type.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`].
    #[cfg(feature = "pem")]
    pub fn from_pem(
        pem: &str,
        kid: Option<&str>,
        alg: Option<Algorithm>,
        options: &KeyOptions<'_>,
    ) -> Result<Self, Error> {
        Self::from_material(&Material::from_pem(pem)?, kid, alg, options)
    }

    /// Makes a set of one key, as [`Jwks::from_pem`] does.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when the key is too weak for what it stands for, or no engine takes it.
    pub fn from_material(
        material: &Material,
        kid: Option<&str>,
        alg: Option<Algorithm>,
        options: &KeyOptions<'_>,
    ) -> Result<Self, Error> {
        Ok(Self { keys: vec![Arc::new(Key::new(kid, material, alg, options)?)] })
    }

    /// Makes a set of one key that the host alone has, such as a `CryptoKey` that cannot be exported. The host has found it
    /// strong enough, and knows which key a [`crate::Question`] about it means: its JWK is empty.
    ///
    /// It has no name, so that the rule `["@key"]` cannot say it ([`Key::name`]).
    ///
    /// `modulus_bits` is how long an RSA key is; of no other key is it looked at.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] for an RSA key that is not as long as others have to be.
    pub fn opaque(algorithm: Algorithm, modulus_bits: usize) -> Result<Self, Error> {
        Ok(Self { keys: vec![Arc::new(Key::opaque(algorithm, modulus_bits)?)] })
    }

    pub(crate) fn from_object(document: &Object, options: &KeyOptions<'_>) -> Result<Self, Error> {
        let single = [document];
        let jwks: Vec<&Object> = match document.get("keys") {
            Some(Value::Array(jwks)) if jwks.len() > MAX_JWKS_KEYS => {
                return Err(Error::JwksInvalid("too many keys"));
            }
            Some(Value::Array(jwks)) => {
                let jwks: Option<_> = jwks.iter().map(Value::as_object).collect();
                jwks.ok_or(Error::JwksInvalid("a key is not a JSON object"))?
            }
            Some(_) => return Err(Error::JwksInvalid("`keys` is not a list")),
            None if document.contains_key("kty") => single.to_vec(),
            None => return Err(Error::JwksInvalid("it has no `keys`")),
        };
        let mut keys = Vec::with_capacity(jwks.len());
        let mut fault = None;
        for jwk in jwks {
            if options.secrets == Secrets::Ignore && jwk.get("kty").is_some_and(|kty| kty == "oct") {
                fault = fault.or(Some(Error::JwkInvalid("a published secret is none")));
                continue;
            }
            if options.secrets == Secrets::Ignore && jwk::is_private(jwk) {
                fault = fault.or(Some(Error::JwkInvalid("a published private key is none")));
                continue;
            }
            match jwk::import(jwk, options) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        if keys.is_empty() {
            return Err(fault.unwrap_or(Error::JwksInvalid("it is empty")));
        }
        Ok(Self { keys })
    }

    /// How many usable keys there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The usable keys, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// The keys that a token with this header may have been signed with: the one it names, or, when it names none,
    /// every key of its algorithm. `alg` only confirms what a key already says of itself.
    pub(crate) fn select(
        &self,
        alg: &str,
        kid: Option<&str>,
        allowed: &[Algorithm],
    ) -> Result<(Algorithm, Vec<&Arc<Key>>), Error> {
        let algorithm = Algorithm::from_name(alg).ok_or(Error::AlgNotAllowed)?;
        if !allowed.is_empty() && !allowed.contains(&algorithm) {
            return Err(Error::AlgNotAllowed);
        }
        let mut named = self.keys.iter().filter(|key| kid.is_none() || key.id.as_deref() == kid).peekable();
        if named.peek().is_none() {
            return Err(Error::NoMatchingKey);
        }
        let fitting: Vec<&Arc<Key>> =
            named.filter(|key| key.by(algorithm).is_some()).take(MAX_KEY_CANDIDATES).collect();
        if fitting.is_empty() { Err(Error::AlgNotAllowed) } else { Ok((algorithm, fitting)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_JWKS_BYTES;

    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"ec","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
    const SECRET: &str = r#"{"kty":"oct","kid":"s","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

    fn set(keys: &[&str]) -> String {
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    fn parse(document: &str) -> Result<Jwks, Error> {
        Jwks::parse(document.as_bytes(), Secrets::Allow)
    }

    #[test]
    fn the_thumbprint_of_the_key_in_rfc_8037_a_3_is_the_one_printed_there() {
        let jwks = parse(&set(&[ED25519])).unwrap();
        assert_eq!(jwks.iter().next().unwrap().name(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    }

    #[test]
    fn a_single_jwk_is_a_set_of_one() {
        assert_eq!(parse(P256).unwrap().iter().next().unwrap().algorithms().next(), Some(Algorithm::ES256));
    }

    #[test]
    fn a_secret_is_named_by_its_configured_kid_and_never_by_its_hash() {
        assert_eq!(parse(SECRET).unwrap().iter().next().unwrap().name(), Some("s"));
        assert_eq!(parse(&SECRET.replace(r#""kid":"s","#, "")).unwrap().iter().next().unwrap().name(), None);
    }

    #[test]
    fn a_secret_in_a_published_set_is_ignored() {
        assert_eq!(Jwks::parse(set(&[SECRET, P256]).as_bytes(), Secrets::Ignore).unwrap().len(), 1);
        assert!(Jwks::parse(set(&[SECRET]).as_bytes(), Secrets::Ignore).is_err());
    }

    #[test]
    fn a_private_key_in_a_published_set_is_ignored_whichever_of_its_members_gives_it_away() {
        for member in ["d", "p", "priv", "oth"] {
            let private = P256.replace("\"kid\"", &format!("\"{member}\":\"AQAB\",\"kid\""));
            assert_eq!(Jwks::parse(set(&[&private, ED25519]).as_bytes(), Secrets::Ignore).unwrap().len(), 1);
            let alone = Jwks::parse(set(&[&private]).as_bytes(), Secrets::Ignore).unwrap_err();
            assert_eq!(alone, Error::JwkInvalid("a published private key is none"));
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_left_out_and_a_set_of_them_alone_is_refused() {
        let unusable = [
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
            P256.replace("P-256", "P-257"),
            P256.replace("MKBC", "MKBD"),
            P256.replace("\"kid\"", "\"use\":\"enc\",\"kid\""),
            P256.replace("\"kid\"", "\"key_ops\":[\"sign\"],\"kid\""),
            P256.replace("\"kid\"", "\"key_ops\":[\"verify\",\"verify\"],\"kid\""),
            P256.replace("\"kid\"", "\"key_ops\":[\"verify\",1],\"kid\""),
            P256.replace("\"kid\"", "\"alg\":\"HS256\",\"kid\""),
            P256.replace("\"kid\":\"ec\"", "\"kid\":7"),
            ED25519.replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &"A".repeat(43)),
            r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(),
            r#"{"kty":"oct","k":""}"#.to_owned(),
        ];
        for jwk in &unusable {
            assert_eq!(parse(&set(&[jwk, P256])).unwrap().len(), 1, "{jwk}");
            assert!(matches!(parse(&set(&[jwk])), Err(Error::JwkInvalid(_))), "{jwk}");
        }
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for wrong in [
            "<!doctype html><html></html>",
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[1]}"#,
        ] {
            assert!(matches!(parse(wrong), Err(Error::JwksInvalid(_))), "{wrong}");
        }
        assert!(parse(&set(&vec![P256; MAX_JWKS_KEYS + 1])).is_err());
        assert!(parse(&format!("{}{}", P256, " ".repeat(MAX_JWKS_BYTES))).is_err());
    }

    #[test]
    fn the_key_fixes_the_algorithm_and_the_header_only_confirms_it() {
        let jwks = parse(&set(&[P256, ED25519])).unwrap();
        assert_eq!(jwks.select("ES256", Some("ec"), &[]).unwrap().1.len(), 1);
        assert_eq!(jwks.select("ES256", None, &[]).unwrap().1.len(), 1);
        assert_eq!(jwks.select("EdDSA", Some("ec"), &[]).unwrap_err(), Error::AlgNotAllowed);
        assert_eq!(jwks.select("HS256", Some("ec"), &[]).unwrap_err(), Error::AlgNotAllowed);
        assert_eq!(jwks.select("none", None, &[]).unwrap_err(), Error::AlgNotAllowed);
        assert_eq!(jwks.select("es256", None, &[]).unwrap_err(), Error::AlgNotAllowed);
        assert_eq!(jwks.select("ES256", Some("other"), &[]).unwrap_err(), Error::NoMatchingKey);
        assert_eq!(jwks.select("ES256", Some("ec"), &[Algorithm::EdDSA]).unwrap_err(), Error::AlgNotAllowed);
    }

    #[test]
    fn a_key_that_the_host_alone_has_stands_for_its_one_algorithm_and_signatures_of_its_length() {
        let jwks = Jwks::opaque(Algorithm::RS256, 2048).unwrap();
        let key = jwks.iter().next().unwrap();
        assert_eq!(key.algorithms().collect::<Vec<_>>(), [Algorithm::RS256]);
        assert_eq!((key.id(), key.name()), (None, None));
        assert!(key.can_have_made(Algorithm::RS256, &[1; 256]));
        assert!(!key.can_have_made(Algorithm::RS256, &[1; 255]));
        assert!(!key.can_have_made(Algorithm::PS256, &[1; 256]));
        assert_eq!(key.verify(Algorithm::RS256, b"", &[1; 256]), None, "the host is to be asked");
        let secret = Jwks::opaque(Algorithm::HS384, 0).unwrap();
        assert!(secret.iter().next().unwrap().can_have_made(Algorithm::HS384, &[1; 48]));
        let curve = Jwks::opaque(Algorithm::ES256, 0).unwrap();
        assert!(
            !curve.iter().next().unwrap().can_have_made(Algorithm::ES256, &[0; 64]),
            "the range holds too"
        );
        for bits in [0, 1024, 2047, 8193, usize::MAX] {
            assert!(matches!(Jwks::opaque(Algorithm::PS512, bits), Err(Error::JwkInvalid(_))), "{bits}");
        }
    }
}
