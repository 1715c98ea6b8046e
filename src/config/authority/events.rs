//! Whose security events are heard, and what they mean.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::authority::{Events, MOST_SET_SECONDS, Meaning, Path, SET_TYP, Sender, Way};
use crate::config::fields::Fields;
use crate::config::{Wrong, element, member, wrong};
use crate::engine::Engines;
use crate::flow::Expectations;
use crate::json::Object;
use crate::key::KeyCache;
use crate::key::discovery::may_be_fetched;
use crate::revocation::{Kind, Rule};
use crate::verifier::{Issuer, Verifier};

use super::clients::public_keys;

/// Somebody who sends security events.
#[derive(Debug)]
pub struct SenderConfig {
    /// Its name: `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    /// Its public keys. Exactly one of this and `jwks_uri`.
    pub jwks: Option<Object>,
    /// Where its public keys are read: `https`, or `http` on a loopback host.
    pub jwks_uri: Option<String>,
    /// What its events mean, by their URIs. Others are accepted, and mean nothing.
    pub map: BTreeMap<String, MeaningConfig>,
}

/// What an event means.
#[derive(Debug)]
pub struct MeaningConfig {
    /// The rule that names what is revoked.
    pub rule: Vec<String>,
    /// `outright`, `cutoff` or `minimum`.
    pub kind: String,
    /// Whose tokens are revoked: one of the issuers of the gate's list. By default, the sender's.
    pub token_issuer: Option<String>,
    /// Where the value is for each of the rule's members: names with dots between them. A path that begins with `sub`, `sub_id` or
    /// `toe` leads into the token, any other into the event.
    pub values: Vec<String>,
    /// With `minimum`: the claim that must not be lower.
    pub claim: Option<String>,
    /// With `minimum`: where its lowest value is.
    pub minimum: Option<String>,
    /// With `cutoff`: where its instant is, in seconds. By default, it is now.
    pub at: Option<String>,
}

impl SenderConfig {
    pub(super) fn read_all(authority: &Fields<'_>) -> Vec<Self> {
        authority.value("events").map(|_| authority.list("events", Self::read)).unwrap_or_default()
    }

    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["issuer", "audience", "jwks", "jwksUri", "map"], |fields| Self {
            issuer: fields.text("issuer"),
            audience: fields.text("audience"),
            jwks: fields.object_if_any("jwks"),
            jwks_uri: fields.text_if_any("jwksUri"),
            map: {
                fields.required("map");
                fields.nested("map", meanings).unwrap_or_default()
            },
        })
    }

    pub(super) fn build_all(
        senders: Vec<Self>,
        path: &str,
        covered: &[String],
        engines: Engines,
    ) -> Result<Events, Wrong> {
        let (mut all, mut issuers): (Vec<Sender>, Vec<Issuer>) = (Vec::new(), Vec::new());
        for (index, sender) in senders.into_iter().enumerate() {
            let path = element(path, index);
            if sender.issuer.is_empty() || all.iter().any(|earlier| earlier.issuer == sender.issuer) {
                return Err(wrong(member(&path, "issuer"), "it is empty, or configured twice"));
            }
            let keys = keys(sender.jwks.as_ref(), sender.jwks_uri, &path, engines)?;
            // RFC 8417 §2.2 wants no `exp`; how old a token may be says its `iat`.
            let expected = Expectations::new(&sender.issuer)
                .audience([&sender.audience])
                .typ(SET_TYP)
                .require_exp(false)
                .required_claims(["jti", "events"])
                .max_token_age(MOST_SET_SECONDS);
            issuers.push(Issuer::new(expected, keys));
            let mut map = BTreeMap::new();
            for (uri, meaning) in sender.map {
                let path = member(&member(&path, "map"), &uri);
                let meaning = meaning.build(&path, &sender.issuer, covered)?;
                map.insert(uri, meaning);
            }
            all.push(Sender { issuer: sender.issuer, map });
        }
        Ok(Events { verifier: Verifier::without_revocation(issuers), senders: all })
    }
}

fn keys(jwks: Option<&Object>, uri: Option<String>, path: &str, engines: Engines) -> Result<KeyCache, Wrong> {
    match (jwks, uri) {
        (Some(jwks), None) => public_keys(jwks, path, "jwks", engines).map(KeyCache::fixed),
        (None, Some(uri)) if may_be_fetched(&uri) => Ok(KeyCache::remote(uri, Vec::new(), engines)),
        (None, Some(_)) => {
            Err(wrong(member(path, "jwksUri"), "expected an https URL, or http on a loopback host"))
        }
        _ => Err(wrong(path, "expected exactly one of `jwks` and `jwksUri`")),
    }
}

fn meanings(value: &Value, path: String) -> Result<BTreeMap<String, MeaningConfig>, Wrong> {
    let Value::Object(map) = value else { return Err(wrong(path, "expected an object")) };
    let read = map.iter().map(|(uri, value)| {
        MeaningConfig::read(value, member(&path, uri)).map(|meaning| (uri.clone(), meaning))
    });
    read.collect()
}

impl MeaningConfig {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        const FIELDS: &[&str] = &["rule", "kind", "tokenIssuer", "values", "claim", "minimum", "at"];
        Fields::read(value, path, FIELDS, |fields| Self {
            rule: fields.texts("rule"),
            kind: fields.text("kind"),
            token_issuer: fields.text_if_any("tokenIssuer"),
            values: fields.texts("values"),
            claim: fields.text_if_any("claim"),
            minimum: fields.text_if_any("minimum"),
            at: fields.text_if_any("at"),
        })
    }

    fn build(self, path: &str, sender: &str, covered: &[String]) -> Result<Meaning, Wrong> {
        let at = |field: &str| member(path, field);
        let token_issuer = self.token_issuer.unwrap_or_else(|| sender.to_owned());
        if !covered.contains(&token_issuer) {
            return Err(wrong(at("tokenIssuer"), "the gate's list does not speak for it"));
        }
        let rule = Rule::new(self.rule.clone());
        let Some(rule) = rule.ok().filter(|rule| !rule.members().is_empty()) else {
            return Err(wrong(at("rule"), "expected a rule of 1 to 8 members, none twice"));
        };
        if self.values.len() != self.rule.len() {
            return Err(wrong(at("values"), "expected one path for each member of the rule"));
        }
        let to_path = |text: String, field: &str| {
            if text.split('.').all(|step| !step.is_empty()) {
                Ok(Path(text))
            } else {
                Err(wrong(at(field), "expected names with dots between them"))
            }
        };
        let values = self.values.into_iter().map(|text| to_path(text, "values"));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let kind = Kind::from_name(&self.kind)
            .ok_or_else(|| wrong(at("kind"), "expected `outright`, `cutoff` or `minimum`"))?;
        if kind != Kind::Outright && rule.names_key() {
            return Err(wrong(at("kind"), "a rule that names keys takes `outright` only"));
        }
        if self.at.is_some() && kind != Kind::Cutoff {
            return Err(wrong(at("at"), "expected with `cutoff` only"));
        }
        let way = match (kind, self.claim, self.minimum) {
            (Kind::Minimum, Some(claim), Some(minimum)) if Rule::is_claim(&claim) => {
                Way::Minimum(claim, to_path(minimum, "minimum")?)
            }
            (Kind::Minimum, ..) => {
                return Err(wrong(at("claim"), "expected with `minimum`, and `minimum` with it"));
            }
            (Kind::Outright, None, None) => Way::Outright,
            (Kind::Cutoff, None, None) => Way::Cutoff(self.at.map(|text| to_path(text, "at")).transpose()?),
            _ => return Err(wrong(at("claim"), "expected with the kind `minimum` only")),
        };
        Ok(Meaning { rule: self.rule, token_issuer, values, way })
    }
}
