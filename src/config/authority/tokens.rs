//! How an issuer's tokens are named when they are taken back.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::authority::{Naming, Tokens};
use crate::config::fields::Fields;
use crate::config::{Wrong, element, member, wrong};
use crate::limits::MAX_UNIX_SECONDS;
use crate::revocation::Rule;

/// How an issuer's tokens are named when a client takes one back, or somebody logs out.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// Whose tokens: one of the issuers of the gate's list.
    pub issuer: String,
    /// The rule of one token; by default `["jti"]`.
    pub rule: Option<Vec<String>>,
    /// The rule of a refresh token, by which its access tokens go with it; by default `["sid"]`.
    pub refresh_rule: Option<Vec<String>>,
    /// The claim that says which client a token was issued to; by default `azp`, else `client_id`.
    pub client_claim: Option<String>,
    /// For how many seconds after a session has begun, or after a token was issued, the last of its tokens may pass. So long
    /// stay sessions that are ended and cutoffs; by default until they are undone, and the list grows with them.
    pub lifetime: Option<u64>,
}

impl TokenConfig {
    pub(super) fn read_all(authority: &Fields<'_>) -> Vec<Self> {
        authority.value("tokens").map(|_| authority.list("tokens", Self::read)).unwrap_or_default()
    }

    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        const FIELDS: &[&str] = &["issuer", "rule", "refreshRule", "clientClaim", "lifetime"];
        Fields::read(value, path, FIELDS, |fields| Self {
            issuer: fields.text("issuer"),
            rule: fields.texts_if_any("rule"),
            refresh_rule: fields.texts_if_any("refreshRule"),
            client_claim: fields.text_if_any("clientClaim"),
            lifetime: fields.seconds("lifetime"),
        })
    }

    pub(super) fn build_all(tokens: Vec<Self>, path: &str, covered: &[String]) -> Result<Tokens, Wrong> {
        let (mut by_issuer, otherwise) = (BTreeMap::new(), Naming::default());
        for (index, tokens) in tokens.into_iter().enumerate() {
            let path = element(path, index);
            if !covered.contains(&tokens.issuer) {
                return Err(wrong(member(&path, "issuer"), "the gate's list does not speak for it"));
            }
            for (field, rule) in [("rule", &tokens.rule), ("refreshRule", &tokens.refresh_rule)] {
                rule.iter().try_for_each(|rule| holders_rule(rule, &member(&path, field)))?;
            }
            if tokens.client_claim.as_deref() == Some("") {
                return Err(wrong(member(&path, "clientClaim"), "it is empty"));
            }
            if tokens.lifetime.is_some_and(|lifetime| lifetime > MAX_UNIX_SECONDS) {
                return Err(wrong(member(&path, "lifetime"), "expected at most 253402300799 seconds"));
            }
            let default = otherwise.clone();
            let naming = Naming {
                rule: tokens.rule.unwrap_or(default.rule),
                refresh_rule: tokens.refresh_rule.unwrap_or(default.refresh_rule),
                client_claim: tokens.client_claim,
                lifetime: tokens.lifetime,
            };
            if by_issuer.insert(tokens.issuer, naming).is_some() {
                return Err(wrong(member(&path, "issuer"), "the issuer is configured twice"));
            }
        }
        Ok(Tokens { by_issuer, otherwise })
    }
}

/// A rule by which holders of tokens may revoke: neither everything of an issuer, nor everything signed with a key.
pub(super) fn holders_rule(rule: &[String], path: &str) -> Result<(), Wrong> {
    match Rule::new(rule.to_vec()) {
        Ok(rule) if !rule.members().is_empty() && !rule.names_key() => Ok(()),
        _ => Err(wrong(
            path,
            "expected a rule of 1 to 8 members, each a claim's name or `header:` and a header field's, and none twice",
        )),
    }
}
