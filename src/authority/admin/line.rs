//! One revocation in a body: a JSON object, whose every fault names its member.

use serde_json::Value as Json;

use crate::authority::Wanted;
use crate::json::{self, Object};
use crate::limits::MAX_REASON_BYTES;
use crate::publish::{Change, Revocation};
use crate::revocation::{Entry, Kind, Rule, Value};
use crate::time::{Cutoff, UnixTime};

use super::Fault;

/// What an authority takes: revocations of the tokens of these issuers, as of now.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) covers: &'a [String],
    pub(super) now: UnixTime,
}

/// The members of an object.
struct Line<'a>(&'a Object);

/// Reads what [`Wanted::from_value`] reads, and finds nothing good that is not good there. What is of the wrong type is malformed;
/// what is of the right one and makes no sense is refused.
pub(super) fn read(text: &[u8], terms: Terms<'_>) -> Result<Wanted, Fault> {
    let object = json::read(text).map_err(|fault| match fault {
        json::Fault::Syntax { line, column } => {
            Fault::malformed("body", format!("it is no JSON, at line {line} column {column}"))
        }
        json::Fault::Refused => {
            Fault::malformed("body", "expected one JSON object in which no member is named twice")
        }
    })?;
    let line = Line(&object);
    line.refuse_others()?;
    let (members, issuer, values) = (line.rule()?, line.text("issuer")?, line.list("values")?);
    let (before, expires) = (line.number_if_any("before")?, line.number_if_any("expires")?);
    let minimum = line.of_type("minimum", "a number", Json::is_number)?;
    let (claim, kind) = (line.text_if_any("claim")?, line.text_if_any("kind")?);
    let undo = line.of_type("undo", "a boolean", Json::is_boolean)?.is_some_and(|undo| undo == true);
    let reason = line.reason()?;
    refuse_values(&values)?;

    let rule = Rule::new(members.clone()).map_err(|error| Fault::of("rule", &error))?;
    if !terms.covers.contains(&issuer) {
        return Err(Fault::refused("issuer", "this authority does not speak for it"));
    }
    if values.len() != members.len() {
        return Err(Fault::refused("values", "expected one for each member of the rule"));
    }
    if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON_BYTES) {
        return Err(Fault::refused("reason", "it is longer than 512 bytes"));
    }
    let change = if undo {
        let given = ["before", "minimum", "expires"].into_iter().find(|name| object.contains_key(*name));
        if let Some(name) = given {
            return Err(Fault::refused(name, "`undo` goes without it: `kind` says what is taken back"));
        }
        let kind = Kind::from_name(kind.as_deref().unwrap_or("outright"));
        Change::Undo(
            kind.ok_or_else(|| Fault::refused("kind", "expected `outright`, `cutoff` or `minimum`"))?,
        )
    } else {
        if kind.is_some() {
            return Err(Fault::refused("kind", "it goes with `undo` only"));
        }
        Change::Add(entry(before, minimum, terms.now)?)
    };
    refuse_claim(claim.as_deref(), kind_of(change))?;
    if rule.names_key() && kind_of(change) != Kind::Outright {
        let name = if undo { "kind" } else { name_of(kind_of(change)) };
        return Err(Fault::refused(
            name,
            "a rule over `@key` goes without it: whoever holds the key chooses the claims",
        ));
    }
    let expires = expires.map(|expires| {
        UnixTime::from_numeric_date(expires)
            .ok_or_else(|| Fault::refused("expires", "expected a time in seconds, before the year 10000"))
    });
    let revocation = Revocation::new(members, issuer, values, claim, change, expires.transpose()?);
    Ok(Wanted { revocation: revocation.map_err(|error| Fault::of("body", &error))?, reason })
}

/// How a target is revoked.
fn entry(before: Option<f64>, minimum: Option<&Json>, now: UnixTime) -> Result<Entry, Fault> {
    match (before, minimum) {
        (Some(_), Some(_)) => {
            Err(Fault::refused("minimum", "`before` and `minimum` are two revocations: send two"))
        }
        (Some(before), None) => {
            let cutoff = Cutoff::from_seconds(before).ok_or_else(|| {
                Fault::refused("before", "expected a time in seconds, before the year 10000")
            })?;
            // It would revoke tokens that nobody has yet, and their holder would get no others until then.
            if cutoff.as_millis() > now.as_millis() {
                return Err(Fault::refused("before", "it lies in the future"));
            }
            Ok(Entry::Cutoff(cutoff))
        }
        (None, Some(minimum)) => match Value::from_json(minimum) {
            Some(Value::Integer(minimum)) => Ok(Entry::Minimum(minimum)),
            _ => Err(Fault::refused("minimum", "expected an integer of magnitude below 2^53")),
        },
        (None, None) => Ok(Entry::Outright),
    }
}

fn refuse_claim(claim: Option<&str>, kind: Kind) -> Result<(), Fault> {
    match (claim, kind) {
        (Some(claim), Kind::Minimum) if Rule::is_claim(claim) => Ok(()),
        (Some(_), Kind::Minimum) => Err(Fault::refused("claim", "expected a claim's name")),
        (None, Kind::Minimum) => {
            Err(Fault::refused("claim", "a minimum wants it: the claim that must not be lower"))
        }
        (Some(_), _) => Err(Fault::refused("claim", "it goes with a minimum only")),
        (None, _) => Ok(()),
    }
}

fn refuse_values(values: &[Json]) -> Result<(), Fault> {
    for (index, value) in values.iter().enumerate() {
        let name = || format!("values[{index}]");
        if !matches!(value, Json::String(_) | Json::Number(_) | Json::Bool(_)) {
            return Err(Fault::malformed(name(), "expected a string, an integer or a boolean"));
        }
        if Value::from_json(value).is_none() {
            let reason = if value.is_string() {
                "it is longer than 1024 bytes"
            } else {
                "expected an integer of magnitude below 2^53"
            };
            return Err(Fault::refused(name(), reason));
        }
    }
    Ok(())
}

const fn kind_of(change: Change) -> Kind {
    match change {
        Change::Add(entry) => entry.kind(),
        Change::Undo(kind) => kind,
    }
}

/// The member that makes a revocation one of this kind.
const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Outright => "rule",
        Kind::Cutoff => "before",
        Kind::Minimum => "minimum",
    }
}

impl<'a> Line<'a> {
    fn refuse_others(&self) -> Result<(), Fault> {
        match self.0.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            None => Ok(()),
            // Who has put a token in the wrong place does not get it back.
            Some(name) => {
                let name = if (1..=MAX_NAME_BYTES).contains(&name.len()) { name } else { "body" };
                Err(Fault::malformed(
                    name,
                    format!("unknown member, expected one of `{}`", MEMBERS.join("`, `")),
                ))
            }
        }
    }

    /// A member that may be left out. One that is `null` is there: nobody can tell what that was to mean.
    fn of_type(
        &self,
        name: &'static str,
        expected: &str,
        is: impl FnOnce(&Json) -> bool,
    ) -> Result<Option<&'a Json>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) if is(value) => Ok(Some(value)),
            Some(_) => Err(Fault::malformed(name, format!("expected {expected}"))),
        }
    }

    fn text_if_any(&self, name: &'static str) -> Result<Option<String>, Fault> {
        let value = self.of_type(name, "a string", Json::is_string)?;
        Ok(value.and_then(Json::as_str).map(str::to_owned))
    }

    fn text(&self, name: &'static str) -> Result<String, Fault> {
        self.text_if_any(name)?.ok_or_else(|| Fault::malformed(name, "it is missing"))
    }

    fn number_if_any(&self, name: &'static str) -> Result<Option<f64>, Fault> {
        let value = self.of_type(name, "a number of seconds", Json::is_number)?;
        Ok(value.and_then(Json::as_f64))
    }

    fn list(&self, name: &'static str) -> Result<Vec<Json>, Fault> {
        let value = self.of_type(name, "a list", Json::is_array)?;
        let list = value.and_then(Json::as_array).cloned();
        list.ok_or_else(|| Fault::malformed(name, "it is missing"))
    }

    fn rule(&self) -> Result<Vec<String>, Fault> {
        let members = self.list("rule")?.into_iter().enumerate().map(|(index, member)| match member {
            Json::String(member) => Ok(member),
            _ => Err(Fault::malformed(format!("rule[{index}]"), "expected a string")),
        });
        members.collect()
    }

    /// Why; `null` says no more than nothing.
    fn reason(&self) -> Result<Option<String>, Fault> {
        let value = self.of_type("reason", "a string", |value| value.is_string() || value.is_null())?;
        Ok(value.and_then(Json::as_str).map(str::to_owned))
    }
}

const MEMBERS: &[&str] =
    &["rule", "issuer", "values", "before", "minimum", "claim", "expires", "undo", "kind", "reason"];
const MAX_NAME_BYTES: usize = 32;
