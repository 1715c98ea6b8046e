//! The clients that may revoke their own tokens, or have tokens introspected.

use serde_json::Value;

use crate::authority::{ASSERTION_TOLERANCE_SECONDS, Client, Clients};
use crate::config::fields::Fields;
use crate::config::verifier::error_at;
use crate::config::{Wrong, element, keys, member, wrong};
use crate::engine::Engines;
use crate::flow::Expectations;
use crate::json::Object;
use crate::key::{Jwks, KeyCache, KeyOptions, Secrets};
use crate::limits::{MAX_CLIENT_SECRETS, MAX_CLIENTS};
use crate::revocation::SegmentName;
use crate::verifier::{Issuer, Verifier};

/// A client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Its identifier: 1 to 256 bytes of visible ASCII.
    pub id: String,
    /// SHA-256 of each of its secrets, 64 lower-case hexadecimal digits; several while one is replaced. A secret should be 32
    /// random bytes: whoever reads the configuration can try out what people think of.
    pub secret_hashes: Vec<String>,
    /// Its public keys, with which it signs assertions (`private_key_jwt`). There must be a secret or a key.
    pub jwks: Option<Object>,
    /// Whose tokens it may revoke and have introspected, as they say in the issuer's `clientClaim`. By default, its own.
    pub azp: Option<Vec<String>>,
    /// Whether it may have any token introspected. By default, no: those of `azp`.
    pub introspect: bool,
}

impl ClientConfig {
    pub(super) fn read_all(authority: &Fields<'_>) -> Vec<Self> {
        authority.value("clients").map(|_| authority.list("clients", Self::read)).unwrap_or_default()
    }

    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        const FIELDS: &[&str] = &["id", "secretHashes", "jwks", "azp", "introspect"];
        Fields::read(value, path, FIELDS, |fields| Self {
            id: fields.text("id"),
            secret_hashes: fields.texts_if_any("secretHashes").unwrap_or_default(),
            jwks: fields.object_if_any("jwks"),
            azp: fields.texts_if_any("azp"),
            introspect: fields.flag("introspect", false),
        })
    }

    pub(super) fn build_all(clients: Vec<Self>, path: &str, engines: Engines) -> Result<Clients, Wrong> {
        if clients.len() > MAX_CLIENTS {
            return Err(wrong(
                path,
                "expected at most 900: each has a bucket of its own for how often it asks",
            ));
        }
        let (mut all, mut issuers): (Vec<Client>, Vec<Issuer>) = (Vec::new(), Vec::new());
        for (index, client) in clients.into_iter().enumerate() {
            let path = element(path, index);
            if all.iter().any(|earlier| earlier.id == client.id) {
                return Err(wrong(member(&path, "id"), "the client is configured twice"));
            }
            let (client, issuer) = client.build(&path, engines)?;
            all.push(client);
            issuers.extend(issuer);
        }
        Ok(Clients { all, assertions: Verifier::without_revocation(issuers) })
    }

    fn build(self, path: &str, engines: Engines) -> Result<(Client, Option<Issuer>), Wrong> {
        if self.id.is_empty() || self.id.len() > 256 || !self.id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(member(path, "id"), "expected 1 to 256 bytes of visible ASCII"));
        }
        if self.secret_hashes.is_empty() && self.jwks.is_none() {
            return Err(wrong(path, "expected a secret's hash in `secretHashes`, or `jwks`"));
        }
        if self.secret_hashes.len() > MAX_CLIENT_SECRETS {
            return Err(wrong(member(path, "secretHashes"), "expected at most 8"));
        }
        let hashes = self.secret_hashes.iter().enumerate().map(|(index, hash)| {
            let hash = SegmentName::from_hex(hash).ok_or_else(|| {
                let path = element(&member(path, "secretHashes"), index);
                wrong(path, "expected the secret's SHA-256 in 64 lower-case hexadecimal digits")
            });
            hash.map(|hash| *hash.as_bytes())
        });
        let secrets = hashes.collect::<Result<Vec<_>, _>>()?;
        let issuer = self.jwks.as_ref().map(|jwks| -> Result<Issuer, Wrong> {
            let jwks = public_keys(jwks, path, "jwks", engines)?;
            let expected = Expectations::new(&self.id)
                .subject([&self.id])
                .required_claims(["aud", "jti"])
                .clock_tolerance(ASSERTION_TOLERANCE_SECONDS);
            Ok(Issuer::new(expected, KeyCache::fixed(jwks)))
        });
        let azp = self.azp.unwrap_or_else(|| vec![self.id.clone()]);
        Ok((Client { id: self.id, secrets, azp, introspect: self.introspect }, issuer.transpose()?))
    }
}

/// Public keys of somebody else's. A shared secret is no proof of who sent something where both sides hold it.
pub(super) fn public_keys(jwks: &Object, path: &str, field: &str, engines: Engines) -> Result<Jwks, Wrong> {
    if keys::holds_private_key(jwks) {
        return Err(wrong(member(path, field), "a private key belongs to its holder alone"));
    }
    let options = KeyOptions { secrets: Secrets::Ignore, algorithms: &[], engines };
    Jwks::from_object(jwks, &options).map_err(|error| error_at(path, field, &error))
}
