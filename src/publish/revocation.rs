//! One revocation, as people write it.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::Error;
use crate::limits::MAX_TARGET_VALUE_BYTES;
use crate::revocation::{Entry, Id, Rule, Salt, Value};
use crate::time::{Cutoff, UnixTime};

/// A target and how it is revoked: outright, or for tokens issued before an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Revocation {
    rule: Rule,
    issuer: String,
    /// One for each of the rule's members, in their order, each fit to name a target.
    values: Vec<Json>,
    pub(super) entry: Entry,
    pub(super) expires: Option<UnixTime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    rule: Vec<String>,
    issuer: String,
    values: Vec<Json>,
    // `null` is no way to leave them out: without `before`, every token is revoked.
    #[serde(default, deserialize_with = "seconds")]
    before: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    expires: Option<f64>,
}

impl Revocation {
    /// Reads one JSON object:
    ///
    /// | member | type | what |
    /// |---|---|---|
    /// | `rule` | list of strings | the members that name the target |
    /// | `issuer` | string | the token issuer |
    /// | `values` | list | a string, integer or boolean for each member, in the order in which `rule` has them here |
    /// | `before` | seconds, optional | tokens issued before this are revoked; without it, every token is |
    /// | `expires` | seconds, optional | when the last token it could match expires; without it, the entry stays |
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let line: Line = serde_json::from_str(text).map_err(|error| invalid(&reason(&error)))?;
        let rule = Rule::new(line.rule.iter().cloned())?;
        if line.values.len() != line.rule.len() {
            return Err(invalid("there is not one value for each member of the rule"));
        }
        if line.issuer.is_empty() || line.issuer.len() > MAX_TARGET_VALUE_BYTES {
            return Err(invalid("`issuer` is empty or too long"));
        }
        let mut named: Vec<(String, Json)> = line.rule.into_iter().zip(line.values).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        let values: Vec<Json> = named.into_iter().map(|(_, value)| value).collect();
        if values.iter().any(|value| Value::from_json(value).is_none()) {
            return Err(invalid(
                "a value is not a string, an integer below 2^53 or a boolean, or is too long",
            ));
        }
        let entry = match line.before {
            None => Entry::Outright,
            Some(_) if rule.names_key() => {
                return Err(invalid(
                    "a rule over `@key` takes no `before`: whoever holds the key chooses `iat`",
                ));
            }
            Some(before) => {
                let cutoff = Cutoff::from_seconds(before);
                Entry::Cutoff(cutoff.ok_or_else(|| invalid("`before` is not a time in seconds"))?)
            }
        };
        let expires = match line.expires {
            None => None,
            Some(expires) => {
                let instant = UnixTime::from_numeric_date(expires);
                Some(instant.ok_or_else(|| invalid("`expires` is not a time in seconds"))?)
            }
        };
        Ok(Self { rule, issuer: line.issuer, values, entry, expires })
    }

    /// The rule that names the target.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The issuer of the tokens it revokes.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn id(&self, salt: Salt) -> Id {
        let values: Vec<Value<'_>> = self.values.iter().filter_map(Value::from_json).collect();
        Id::new(salt, &self.rule, &self.issuer, &values)
    }
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(deserializer).map(Some)
}

fn invalid(reason: &str) -> Error {
    Error::RevocationInvalid(reason.to_owned())
}

/// serde_json's own words, without the line number, which is always 1 here, and without the value that was found.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if text.starts_with("invalid") => format!("expected {expected}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt::from_bytes([7; 16]);

    #[test]
    fn values_follow_the_order_in_which_the_line_names_its_members() {
        let line = |rule: &str, values: &str| {
            let text = format!(r#"{{"rule":{rule},"issuer":"i","values":{values}}}"#);
            Revocation::from_json(&text).unwrap().id(SALT)
        };
        let one = line(r#"["sub","azp"]"#, r#"["alice","app-1"]"#);
        assert_eq!(one, line(r#"["azp","sub"]"#, r#"["app-1","alice"]"#));
        assert_ne!(one, line(r#"["azp","sub"]"#, r#"["alice","app-1"]"#));
    }

    #[test]
    fn a_malformed_line_is_refused_with_what_is_wrong() {
        let cases = [
            (r#"{"rule":["jti"],"issuer":"i","values":[]}"#, "one value for each"),
            (r#"{"rule":["jti"],"issuer":"","values":["a"]}"#, "issuer"),
            (r#"{"rule":["jti"],"issuer":"i","values":[1.5]}"#, "value"),
            (r#"{"rule":["jti"],"issuer":"i","values":[null]}"#, "value"),
            (r#"{"rule":["jti"],"issuer":"i","values":["a"],"expire":1}"#, "unknown field `expire`"),
            (r#"{"rule":["jti"],"issuer":"i","values":["a"],"before":-1}"#, "`before`"),
            (r#"{"rule":["jti"],"issuer":"i","values":["a"],"before":"x"}"#, "expected f64"),
            (r#"{"rule":["jti"],"issuer":"i","values":["a"],"expires":1e300}"#, "`expires`"),
            (r#"{"rule":["@key"],"issuer":"i","values":["a"],"before":1}"#, "@key"),
            (r#"{"rule":["@kid"],"issuer":"i","values":["a"]}"#, "@"),
            (r#"{"issuer":"i","values":["a"]}"#, "missing field `rule`"),
            ("not json", "expected"),
        ];
        for (line, wanted) in cases {
            let error = Revocation::from_json(line).unwrap_err();
            assert!(error.to_string().contains(wanted), "{line}: {error}");
        }
    }
}
