//! The key an authority signs its lists with: Ed25519, as a JWK (RFC 8037 §2).

use ed25519_dalek::Signer;
use serde_json::{Value, json};

use crate::base64url;
use crate::error::Error;
use crate::json;
use crate::key::{Jwks, KeyOptions, Secrets};

/// An Ed25519 key that signs manifests.
pub struct SigningKey {
    pair: ed25519_dalek::SigningKey,
    kid: String,
}

impl SigningKey {
    /// The key of a 32-byte seed, which must come from a cryptographic source of randomness. Its `kid` is its RFC 7638
    /// thumbprint.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
        let kid = thumbprint(&pair).unwrap_or_default();
        Self { pair, kid }
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when it is not one of Ed25519, may not sign, or its `x` does not belong to its `d`.
    pub fn from_jwk(document: &[u8]) -> Result<Self, Error> {
        let mut jwk = json::object(document).ok_or(Error::JwkInvalid("not a JSON object"))?;
        if let Some(operations) = jwk.remove("key_ops")
            && !operations
                .as_array()
                .is_some_and(|operations| operations.iter().any(|operation| operation == "sign"))
        {
            return Err(Error::JwkInvalid("`key_ops` does not hold `sign`"));
        }
        // But for what it may do, the public part is held to the same rules as every key a verifier reads.
        let mut public = jwk.clone();
        public.remove("d");
        let public = Jwks::from_object(&public, &KeyOptions::new(Secrets::Ignore))?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let seed =
            text("d").and_then(base64url::decode_array).ok_or(Error::JwkInvalid("`d` is not 32 bytes"))?;
        let mut key = Self::from_seed(seed);
        if text("x") != Some(&base64url::encode(key.pair.verifying_key().as_bytes())) {
            return Err(Error::JwkInvalid("`x` does not belong to `d`"));
        }
        if let Some(kid) = public.iter().next().and_then(|key| key.id()) {
            key.kid = kid.to_owned();
        }
        Ok(key)
    }

    /// The private JWK, to be kept secret.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        pretty(&self.jwk(&json!({ "d": base64url::encode(self.pair.as_bytes()), "key_ops": ["sign"] })))
    }

    /// The public JWK, for those who read the lists.
    #[must_use]
    pub fn to_public_jwk(&self) -> String {
        pretty(&self.jwk(&json!({ "key_ops": ["verify"] })))
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a compact JWS. Ed25519 signatures depend on the key and the message alone.
    pub(super) fn sign(&self, header: &str, payload: &str) -> String {
        let mut jws = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = self.pair.sign(jws.as_bytes());
        jws.push('.');
        jws.push_str(&base64url::encode(signature.to_bytes()));
        jws
    }

    fn jwk(&self, more: &Value) -> Value {
        let mut jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
            "x": base64url::encode(self.pair.verifying_key().as_bytes()),
        });
        if let (Some(jwk), Some(more)) = (jwk.as_object_mut(), more.as_object()) {
            jwk.extend(more.clone());
        }
        jwk
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn thumbprint(pair: &ed25519_dalek::SigningKey) -> Option<String> {
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair.verifying_key().as_bytes()) });
    let jwks = Jwks::from_object(jwk.as_object()?, &KeyOptions::new(Secrets::Ignore)).ok()?;
    jwks.iter().next()?.name().map(str::to_owned)
}

fn pretty(jwk: &Value) -> String {
    let mut text = serde_json::to_string_pretty(jwk).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_own_jwk_and_the_public_one_holds_no_secret() {
        let key = SigningKey::from_seed([7; 32]);
        let again = SigningKey::from_jwk(key.to_jwk().as_bytes()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.sign("{}", "{}"), key.sign("{}", "{}"));
        assert!(!key.to_public_jwk().contains("\"d\""));
    }

    #[test]
    fn a_jwk_whose_parts_do_not_belong_together_is_refused() {
        let key = SigningKey::from_seed([7; 32]).to_jwk();
        let other = SigningKey::from_seed([8; 32]).to_jwk();
        let x = |jwk: &str| json::object(jwk.as_bytes()).unwrap()["x"].as_str().unwrap().to_owned();
        assert!(SigningKey::from_jwk(key.replace(&x(&key), &x(&other)).as_bytes()).is_err());
        for wrong in [
            "",
            "{}",
            "<html>",
            r#"{"kty":"oct","k":"AAAA"}"#,
            &SigningKey::from_seed([7; 32]).to_public_jwk(),
        ] {
            assert!(SigningKey::from_jwk(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
