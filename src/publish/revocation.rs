//! One revocation, as people write it.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::Error;
use crate::limits::MAX_TARGET_VALUE_BYTES;
use crate::revocation::{Entry, Id, IdPrefix, Kind, Member, Rule, Salt, Value};
use crate::time::{Cutoff, UnixTime};

use super::invalid;
use super::table::{Record, TableKey};

/// A target and how it is revoked, or that it no longer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Revocation {
    table: TableKey,
    issuer: String,
    /// One for each of the rule's members, in their order, each fit to name a target.
    values: Vec<Json>,
    /// `None` where the entry is taken back.
    entry: Option<Entry>,
    expires: Option<UnixTime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    rule: Vec<String>,
    issuer: String,
    values: Vec<Json>,
    // `null` is no way to leave them out: without `before`, every token is revoked.
    #[serde(default, deserialize_with = "some")]
    before: Option<f64>,
    #[serde(default, deserialize_with = "some")]
    minimum: Option<Json>,
    #[serde(default, deserialize_with = "some")]
    claim: Option<String>,
    #[serde(default, deserialize_with = "some")]
    expires: Option<f64>,
    #[serde(default)]
    undo: bool,
    #[serde(default, deserialize_with = "some")]
    kind: Option<String>,
}

/// A revocation that is put together, or one that is taken back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The target is revoked so.
    Add(Entry),
    /// What was said of the target in this way no longer holds.
    Undo(Kind),
}

impl Revocation {
    /// Reads one JSON object:
    ///
    /// | member | type | what |
    /// |---|---|---|
    /// | `rule` | list of strings | the members that name the target |
    /// | `issuer` | string | the token issuer |
    /// | `values` | list | a string, integer or boolean for each member, in the order in which `rule` has them here |
    /// | `before` | seconds, optional | tokens issued before this are revoked |
    /// | `claim`, `minimum` | string and integer, optional | tokens are revoked in which this claim is lower, missing or no integer |
    /// | `expires` | seconds, optional | when the last token it could match expires; without it, the entry stays |
    /// | `undo` | boolean, optional | the target's entry is taken back: the one of the `kind` and `claim` given |
    /// | `kind` | string, with `undo` only | `outright`, which is the default, `cutoff` or `minimum` |
    ///
    /// Without `before` and `minimum`, every token of the target is revoked.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_line(serde_json::from_str(text).map_err(|error| invalid(&reason(&error)))?)
    }

    /// [`Revocation::from_json`] for an object that has been read already.
    ///
    /// # Errors
    /// As there.
    pub fn from_value(object: Json) -> Result<Self, Error> {
        Self::from_line(serde_json::from_value(object).map_err(|error| invalid(&reason(&error)))?)
    }

    /// The object that [`Revocation::from_value`] reads.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let rule: Vec<&str> = self.rule().members().iter().map(Member::as_str).collect();
        let mut line = json!({ "rule": rule, "issuer": self.issuer, "values": self.values });
        let Some(members) = line.as_object_mut() else { return line };
        match self.entry {
            None => {
                members.insert("undo".to_owned(), true.into());
                members.insert("kind".to_owned(), self.table.kind().name().into());
            }
            Some(Entry::Outright) => {}
            Some(Entry::Cutoff(before)) => {
                members.insert("before".to_owned(), seconds(before.as_millis()));
            }
            Some(Entry::Minimum(minimum)) => {
                members.insert("minimum".to_owned(), minimum.into());
            }
        }
        if let Some(claim) = self.table.claim() {
            members.insert("claim".to_owned(), claim.into());
        }
        if let Some(expires) = self.expires {
            members.insert("expires".to_owned(), seconds(expires.as_millis()));
        }
        line
    }

    fn from_line(line: Line) -> Result<Self, Error> {
        let change = change(&line)?;
        let expires = line.expires.map(|expires| {
            let instant = UnixTime::from_numeric_date(expires);
            instant.ok_or_else(|| invalid("`expires` is not a time in seconds"))
        });
        Self::new(line.rule, line.issuer, line.values, line.claim, change, expires.transpose()?)
    }

    /// Puts one together; see [`Revocation::from_json`] for what is what.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] with what is wrong.
    pub fn new(
        rule: Vec<String>,
        issuer: String,
        values: Vec<Json>,
        claim: Option<String>,
        change: Change,
        expires: Option<UnixTime>,
    ) -> Result<Self, Error> {
        if values.len() != rule.len() {
            return Err(invalid("`values`: there is not one value for each member of the rule"));
        }
        if issuer.is_empty() || issuer.len() > MAX_TARGET_VALUE_BYTES {
            return Err(invalid("`issuer` is empty or too long"));
        }
        let mut named: Vec<(&String, &Json)> = rule.iter().zip(&values).collect();
        named.sort_by_key(|(member, _)| *member);
        let values: Vec<Json> = named.into_iter().map(|(_, value)| value.clone()).collect();
        if values.iter().any(|value| Value::from_json(value).is_none()) {
            return Err(invalid(
                "`values`: a value is not a string, an integer below 2^53 or a boolean, or is too long",
            ));
        }
        let (kind, entry) = match change {
            Change::Add(entry) => (entry.kind(), Some(entry)),
            Change::Undo(kind) => (kind, None),
        };
        if entry.is_some_and(|entry| !kind.allows(entry.value())) {
            return Err(invalid("`minimum` is not an integer below 2^53"));
        }
        Ok(Self { table: TableKey::new(Rule::new(rule)?, kind, claim)?, issuer, values, entry, expires })
    }

    /// What it is an entry of.
    #[must_use]
    pub const fn table(&self) -> &TableKey {
        &self.table
    }

    /// The rule that names the target.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        self.table.rule()
    }

    /// The issuer of the tokens it revokes.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The values that name the target, in the order of the rule's members.
    #[must_use]
    pub fn values(&self) -> &[Json] {
        &self.values
    }

    /// How the target is revoked; `None` where that is taken back.
    #[must_use]
    pub const fn entry(&self) -> Option<Entry> {
        self.entry
    }

    /// When the last token that it could match expires.
    #[must_use]
    pub const fn expires(&self) -> Option<UnixTime> {
        self.expires
    }

    /// Its target's id.
    #[must_use]
    pub fn id(&self, salt: Salt) -> Id {
        self.id_after(&IdPrefix::new(salt, self.table.rule(), &self.issuer))
    }

    /// The same, where what the ids of its rule and issuer have in common has been hashed before.
    #[must_use]
    pub fn id_after(&self, prefix: &IdPrefix) -> Id {
        prefix.id(self.values.iter().filter_map(Value::from_json))
    }

    /// What a publisher keeps of it.
    #[must_use]
    pub fn record(&self, salt: Salt) -> Record {
        self.record_of(self.id(salt))
    }

    /// What a publisher keeps of it, where its id is known.
    #[must_use]
    pub fn record_of(&self, id: Id) -> Record {
        match self.entry {
            Some(entry) => Record::entry(id, entry.value(), self.expires),
            None => Record::undone(id),
        }
    }
}

/// What a line says is to be done.
fn change(line: &Line) -> Result<Change, Error> {
    if line.undo {
        if line.before.is_some() || line.minimum.is_some() || line.expires.is_some() {
            return Err(invalid(
                "`undo` goes without `before`, `minimum` and `expires`: `kind` says what is taken back",
            ));
        }
        let kind = Kind::from_name(line.kind.as_deref().unwrap_or("outright"));
        return kind
            .map(Change::Undo)
            .ok_or_else(|| invalid("`kind` is not `outright`, `cutoff` or `minimum`"));
    }
    if line.kind.is_some() {
        return Err(invalid("`kind` goes with `undo` only"));
    }
    match (line.before, &line.minimum) {
        (Some(_), Some(_)) => Err(invalid("`before` and `minimum` are two revocations: write two lines")),
        (Some(before), None) => {
            let cutoff = Cutoff::from_seconds(before);
            let cutoff = cutoff.ok_or_else(|| invalid("`before` is not a time in seconds"))?;
            Ok(Change::Add(Entry::Cutoff(cutoff)))
        }
        (None, Some(minimum)) => match Value::from_json(minimum) {
            Some(Value::Integer(minimum)) => Ok(Change::Add(Entry::Minimum(minimum))),
            _ => Err(invalid("`minimum` is not an integer below 2^53")),
        },
        (None, None) => Ok(Change::Add(Entry::Outright)),
    }
}

/// A NumericDate.
fn seconds(millis: u64) -> Json {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    if rest == 0 {
        seconds.into()
    } else {
        f64::from_str(&format!("{seconds}.{rest:03}")).unwrap_or(0.0).into()
    }
}

fn some<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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
