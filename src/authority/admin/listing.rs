//! What is asked of the ledger by whoever looks at it.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::json;
use crate::limits::{MAX_LISTING, MAX_RULE_MEMBERS, MAX_SEQ, MAX_TARGET_VALUE_BYTES};
use crate::publish::{Change, Revocation};
use crate::revocation::{Entry, Id, Kind, Rule, Value};

use super::Fault;

/// What is looked for: everything that fits all of what is given.
///
/// | parameter | what |
/// |---|---|
/// | `rule` | the rule, as `sub,azp` or as JSON: `["sub","azp"]` |
/// | `issuer` | the token issuer |
/// | `value`, repeatable | a text that names the target |
/// | `json`, repeatable | the same for an integer or a boolean, as JSON |
/// | `kind` | `outright`, `cutoff` or `minimum` |
/// | `id` | the target's id, 32 hexadecimal digits |
/// | `actor` | who wanted it, such as `key:ops` |
/// | `after` | only what has a greater number than this |
/// | `limit` | how many at most: 1 to 1000, 100 by default |
///
/// With a value for each member of the rule, in the order in which the parameter `rule` has them, these are the members' values.
/// With fewer, or without a rule, each must be the value of any member.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Whether it is about the log, undoings included, and not about what is in force.
    pub log: bool,
    /// The rule.
    pub rule: Option<Rule>,
    /// The token issuer.
    pub issuer: Option<String>,
    /// The values: where there is one for each member of the rule, in the order of [`Rule::members`].
    pub values: Vec<Json>,
    /// How the target is revoked.
    pub kind: Option<Kind>,
    /// The target's id.
    pub id: Option<Id>,
    /// Who wanted it.
    pub actor: Option<String>,
    /// Only what has a greater number than this.
    pub after: u64,
    /// How many at most.
    pub limit: u32,
}

impl Listing {
    /// Everything, a hundred at a time.
    #[must_use]
    pub const fn new(log: bool) -> Self {
        Self {
            log,
            rule: None,
            issuer: None,
            values: Vec::new(),
            kind: None,
            id: None,
            actor: None,
            after: 0,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Reads a request's query, without its `?`. Whether it is about the log, its path says.
    ///
    /// # Errors
    /// The parameter that is unknown, given twice or malformed, or does not make sense.
    pub fn parse(query: &str, log: bool) -> Result<Self, Fault> {
        Self::read(form_urlencoded::parse(query.as_bytes()), log)
    }

    fn read<'q>(
        parameters: impl Iterator<Item = (Cow<'q, str>, Cow<'q, str>)>,
        log: bool,
    ) -> Result<Self, Fault> {
        let mut listing = Self::new(log);
        let (mut members, mut after, mut limit) = (None, None, None);
        for (name, value) in parameters {
            match &*name {
                "rule" => once("rule", &mut members, rule(&value)?)?,
                "issuer" => once("issuer", &mut listing.issuer, text("issuer", &value)?)?,
                "value" => listing.values.push(text("value", &value)?.into()),
                "json" => listing.values.push(scalar(&value)?),
                "kind" => {
                    let kind = Kind::from_name(&value);
                    let expected = "expected `outright`, `cutoff` or `minimum`";
                    once("kind", &mut listing.kind, kind.ok_or_else(|| Fault::refused("kind", expected))?)?;
                }
                "id" => {
                    let id = Id::from_hex(&value);
                    let expected = "expected 32 lower-case hexadecimal digits";
                    once("id", &mut listing.id, id.ok_or_else(|| Fault::malformed("id", expected))?)?;
                }
                "actor" => once("actor", &mut listing.actor, text("actor", &value)?)?,
                "after" => once("after", &mut after, number("after", &value, 0..=MAX_SEQ)?)?,
                "limit" => once("limit", &mut limit, number("limit", &value, 1..=MAX_LISTING.into())?)?,
                other => {
                    let known = PARAMETERS.join("`, `");
                    let name = if (1..=32).contains(&other.len()) { other } else { "query" };
                    return Err(Fault::malformed(
                        name,
                        format!("unknown parameter, expected one of `{known}`"),
                    ));
                }
            }
            if listing.values.len() > MAX_RULE_MEMBERS {
                return Err(Fault::refused("value", "there are more than a rule may have members"));
            }
        }
        listing.after = after.unwrap_or(0);
        listing.limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(DEFAULT_LIMIT);
        if let Some(members) = members {
            listing.sort_values(&members)?;
            listing.rule = Some(Rule::new(members).map_err(|error| Fault::of("rule", &error))?);
        }
        Ok(listing)
    }

    /// Has the values in the order that the rule has its members in.
    fn sort_values(&mut self, members: &[String]) -> Result<(), Fault> {
        if self.values.len() > members.len() {
            return Err(Fault::refused("value", "there are more than the rule has members"));
        }
        if self.values.len() == members.len() {
            let mut named: Vec<(&String, Json)> = members.iter().zip(self.values.drain(..)).collect();
            named.sort_by_key(|(member, _)| *member);
            self.values = named.into_iter().map(|(_, value)| value).collect();
        }
        Ok(())
    }

    /// Where the ledger is asked for it: `log` or `entries`, and [`Listing::to_query`].
    #[must_use]
    pub fn place(&self) -> String {
        [if self.log { "log" } else { "entries" }, "?", &self.to_query()].concat()
    }

    /// The query that says the same, each parameter in its place.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kind = self.kind.map(|kind| kind.name().to_owned());
        for (name, value) in [
            ("rule", self.rule.as_ref().map(Rule::to_string)),
            ("issuer", self.issuer.clone()),
            ("kind", kind),
            ("id", self.id.map(|id| id.to_string())),
            ("actor", self.actor.clone()),
        ] {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        for value in &self.values {
            match value.as_str() {
                Some(text) => query.append_pair("value", text),
                None => query.append_pair("json", &value.to_string()),
            };
        }
        query.append_pair("after", &self.after.to_string());
        query.append_pair("limit", &self.limit.to_string());
        query.finish()
    }

    /// The one target that is looked for, where rule, issuer and all values are given. Its id ([`Revocation::id`]) finds it where
    /// the ledger keeps no values; how it is revoked is nothing to that.
    #[must_use]
    pub fn target(&self) -> Option<Revocation> {
        let (rule, issuer) = (self.rule.as_ref()?, self.issuer.clone()?);
        let members = rule.members().iter().map(|member| member.as_str().to_owned()).collect();
        Revocation::new(members, issuer, self.values.clone(), None, Change::Add(Entry::Outright), None).ok()
    }

    /// Whether a target with these values, in the order of its rule's members, is one that is looked for, as far as values say.
    #[must_use]
    pub fn fits(&self, values: &[Json]) -> bool {
        let is = |one: &Json, other: &Json| Value::from_json(one) == Value::from_json(other);
        if self.has_all_values() {
            return values.len() == self.values.len()
                && values.iter().zip(&self.values).all(|(one, other)| is(one, other));
        }
        self.values.iter().all(|wanted| values.iter().any(|value| is(value, wanted)))
    }

    /// Whether there is a value for each member of a rule.
    fn has_all_values(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.members().len() == self.values.len())
    }

    /// Whether the ledger can answer it without having any values.
    pub(super) fn needs_values(&self) -> bool {
        !self.values.is_empty() && self.target().is_none()
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::malformed(name, "it is given twice")),
    }
}

fn text(name: &str, value: &str) -> Result<String, Fault> {
    if value.len() > MAX_TARGET_VALUE_BYTES {
        return Err(Fault::refused(name, "it is longer than 1024 bytes"));
    }
    Ok(value.to_owned())
}

fn scalar(value: &str) -> Result<Json, Fault> {
    let value: Json = serde_json::from_str(value).map_err(|_| Fault::malformed("json", "it is no JSON"))?;
    if Value::from_json(&value).is_none() {
        let expected =
            "expected a string of at most 1024 bytes, an integer of magnitude below 2^53 or a boolean";
        return Err(Fault::refused("json", expected));
    }
    Ok(value)
}

/// A rule's members, in their order here.
fn rule(value: &str) -> Result<Vec<String>, Fault> {
    if !value.starts_with('[') {
        let members = value.split(',').filter(|_| !value.is_empty());
        return Ok(members.map(str::to_owned).collect());
    }
    let wrapped = ["{\"rule\":", value, "}"].concat();
    let members = json::object(wrapped.as_bytes()).and_then(|object| {
        let members = object.get("rule")?.as_array()?.iter().map(|member| member.as_str().map(str::to_owned));
        members.collect::<Option<Vec<String>>>().filter(|_| object.len() == 1)
    });
    members.ok_or_else(|| {
        Fault::malformed("rule", "expected a list of strings as JSON, or names between commas")
    })
}

fn number(name: &str, value: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, Fault> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Fault::malformed(name, "expected a whole number"));
    }
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        Fault::refused(name, format!("expected a whole number, {} to {}", range.start(), range.end()))
    })
}

const DEFAULT_LIMIT: u32 = 100;
const PARAMETERS: &[&str] = &["rule", "issuer", "value", "json", "kind", "id", "actor", "after", "limit"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::Salt;
    use serde_json::json;

    fn fault(query: &str) -> (u16, String) {
        let fault = Listing::parse(query, false).unwrap_err();
        (fault.status(), fault.field().to_owned())
    }

    #[test]
    fn a_query_is_read_as_it_is_written_and_written_as_it_is_read() {
        assert_eq!(Listing::parse("", false), Ok(Listing::new(false)));
        let id = "000102030405060708090a0b0c0d0e0f";
        let query = format!(
            "rule=sub,azp&issuer=https%3A%2F%2Fi.example&value=a%26b+c&json=7&kind=cutoff&id={id}&actor=key:ops&after=12&limit=1000"
        );
        let listing = Listing::parse(&query, true).unwrap();
        assert_eq!(listing.rule, Some(Rule::new(["azp", "sub"]).unwrap()));
        assert_eq!(listing.values, [json!(7), json!("a&b c")], "in the order of the rule's members");
        assert_eq!((listing.after, listing.limit, listing.kind), (12, 1000, Some(Kind::Cutoff)));
        for log in [true, false] {
            for query in [
                "",
                "rule=",
                "rule=%5B%22a,b%22%5D",
                "value=x&value=y&value=x",
                "json=true&json=%227%22",
                &query,
            ] {
                let listing = Listing::parse(query, log).unwrap();
                assert_eq!(Listing::parse(&listing.to_query(), log), Ok(listing), "{query}");
            }
        }
        assert_eq!(Listing::new(true).place(), "log?after=0&limit=100");
        assert_eq!(Listing::new(false).place(), "entries?after=0&limit=100");
        assert_eq!(Listing::parse("rule=[\"a,b\"]", false).unwrap().rule, Some(Rule::new(["a,b"]).unwrap()));
        assert_eq!(Listing::parse("rule=", false).unwrap().rule, Some(Rule::new::<&str>([]).unwrap()));
    }

    #[test]
    fn every_fault_of_a_query_names_its_parameter() {
        let long = "x".repeat(1025);
        let cases = [
            ("log=true", 400, "log"),
            ("page=1", 400, "page"),
            ("=1", 400, "query"),
            ("after=1&after=2", 400, "after"),
            ("rule=sub&rule=sub", 400, "rule"),
            ("rule=[1]", 400, "rule"),
            ("rule=[\"a\"", 400, "rule"),
            ("rule=[\"a\"],\"x\":[]", 400, "rule"),
            ("rule=@kid", 422, "rule"),
            ("rule=a,,b", 422, "rule"),
            ("rule=a,a", 422, "rule"),
            ("rule=a&value=1&value=2", 422, "value"),
            ("value=1&value=2&value=3&value=4&value=5&value=6&value=7&value=8&value=9", 422, "value"),
            ("kind=all", 422, "kind"),
            ("id=abc", 400, "id"),
            ("id=", 400, "id"),
            ("after=-1", 400, "after"),
            ("after=1.5", 400, "after"),
            ("after=", 400, "after"),
            ("after=99999999999999999999", 422, "after"),
            ("after=9007199254740992", 422, "after"),
            ("limit=0", 422, "limit"),
            ("limit=1001", 422, "limit"),
            ("limit=all", 400, "limit"),
            ("json=x", 400, "json"),
            ("json=1.5", 422, "json"),
            ("json=null", 422, "json"),
            ("json=[]", 422, "json"),
        ];
        for (query, status, field) in cases {
            assert_eq!(fault(query), (status, field.to_owned()), "{query}");
        }
        for name in ["value", "issuer", "actor"] {
            assert_eq!(fault(&format!("{name}={long}")), (422, name.to_owned()));
        }
        assert_eq!(fault(&format!("{long}=1")), (400, "query".to_owned()));
    }

    #[test]
    fn with_rule_issuer_and_all_values_the_target_is_known_by_its_id() {
        let salt = Salt::from_bytes([7; 16]);
        let target =
            |query: &str| Listing::parse(query, false).unwrap().target().map(|target| target.id(salt));
        let wanted =
            Revocation::from_value(json!({ "rule": ["sub", "azp"], "issuer": "i", "values": ["a", 7] }));
        let wanted = Some(wanted.unwrap().id(salt));
        assert_eq!(target("rule=sub,azp&issuer=i&value=a&json=7"), wanted);
        assert_eq!(target("issuer=i&json=7.0&value=a&rule=azp,sub&kind=cutoff"), wanted);
        assert_eq!(target("rule=&issuer=i").map(|_| ()), Some(()), "everything of an issuer");
        for query in
            ["rule=sub,azp&issuer=i&value=a", "rule=sub&value=a", "issuer=i&value=a", "rule=sub&issuer=i"]
        {
            assert_eq!(target(query), None, "{query}");
        }
    }

    #[test]
    fn values_are_those_of_the_members_or_of_any() {
        let fits = |query: &str, values: Json| {
            Listing::parse(query, false).unwrap().fits(values.as_array().unwrap())
        };
        assert!(fits("", json!(["x"])));
        assert!(fits("rule=azp,sub&value=app&value=a", json!(["app", "a"])));
        assert!(!fits("rule=azp,sub&value=a&value=app", json!(["app", "a"])));
        assert!(fits("rule=azp,sub&value=a", json!(["app", "a"])));
        assert!(fits("value=a", json!(["app", "a"])));
        assert!(!fits("value=b", json!(["app", "a"])));
        assert!(fits("json=7", json!([7.0])) && !fits("value=7", json!([7])));
    }
}
