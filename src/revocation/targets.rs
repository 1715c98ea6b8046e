//! By which ids a rule knows a token.

use serde_json::Value as Json;

use crate::error::{ClaimFault, Error};
use crate::flow::Claims;
#[cfg(feature = "authority")]
use crate::flow::Recognised;
use crate::limits::{MAX_LIST_VALUES, MAX_RULE_MEMBERS};

use super::id::IdPrefix;
use super::rule::Place;
use super::{Id, Rule, Value};

/// What a token has in the place of one member.
#[derive(Clone, Copy)]
enum Found<'c> {
    One(Value<'c>),
    /// More values than one that can name a target.
    Several(&'c [Json]),
}

/// Calls `each` with the ids by which a rule knows this token: none when it lacks a member, one for each value of the
/// list-valued member otherwise. Nothing is allocated.
///
/// # Errors
/// [`Error::ClaimInvalid`] when a member has more values than may be looked up, or two members have several.
pub(super) fn ids(
    claims: &Claims,
    rule: &Rule,
    prefix: &IdPrefix,
    mut each: impl FnMut(Id),
) -> Result<(), Error> {
    let mut all: [Option<Found<'_>>; MAX_RULE_MEMBERS] = [None; MAX_RULE_MEMBERS];
    let (mut lacks_one, mut several) = (false, None);
    for (member, place) in rule.members().iter().zip(&mut all) {
        let Some(found) = find(claims, &member.place()) else {
            lacks_one = true;
            continue;
        };
        *place = Some(found);
        let Found::Several(list) = found else { continue };
        if several.is_some() || values(list).count() > MAX_LIST_VALUES {
            return Err(Error::claim_invalid(member.as_str(), ClaimFault::TooMany));
        }
        several = Some(list);
    }
    if lacks_one {
        return Ok(());
    }
    let found = || all.iter().flatten();
    match several {
        None => each(prefix.id(found().filter_map(|found| match found {
            Found::One(value) => Some(*value),
            Found::Several(_) => None,
        }))),
        Some(list) => values(list).for_each(|nth| {
            each(prefix.id(found().map(|found| match found {
                Found::One(value) => *value,
                Found::Several(_) => nth,
            })));
        }),
    }
    Ok(())
}

/// Refuses a token that has nothing in this member that can name a target.
pub(crate) fn require(claims: &Claims, member: &str) -> Result<(), Error> {
    match find(claims, &Place::of(member)) {
        Some(_) => Ok(()),
        None => Err(Error::claim_invalid(member, ClaimFault::Missing)),
    }
}

/// What a token has in a place, as far as it can name a target.
fn find<'c>(claims: &'c Claims, place: &Place<'_>) -> Option<Found<'c>> {
    let json = match place {
        Place::Key => return claims.key_name().map(|name| Found::One(Value::Text(name))),
        Place::Claim(name) => claims.get(name),
        Place::Header(name) => claims.header().members().get(*name),
    };
    match json? {
        Json::Array(list) => {
            let mut values = values(list);
            let first = values.next()?;
            Some(if values.next().is_some() { Found::Several(list) } else { Found::One(first) })
        }
        value => Value::from_json(value).map(Found::One),
    }
}

/// What a token has in the place of a rule's member, as a revocation is written. A list names a target when it has one value that
/// can; several would be several targets.
#[cfg(feature = "authority")]
pub(crate) fn named(token: &impl Named, member: &str) -> Option<Json> {
    let json = match Place::of(member) {
        Place::Key => return token.key_name().map(Json::from),
        Place::Claim(name) => token.claim(name)?,
        Place::Header(name) => token.header_member(name)?,
    };
    match json {
        Json::Array(list) => {
            let mut able = list.iter().filter(|value| Value::from_json(value).is_some());
            able.next().filter(|_| able.next().is_none()).cloned()
        }
        value => Value::from_json(value).map(|_| value.clone()),
    }
}

/// What can be named: a token, however far it has come.
#[cfg(feature = "authority")]
pub(crate) trait Named {
    /// A claim.
    fn claim(&self, name: &str) -> Option<&Json>;
    /// A member of its header.
    fn header_member(&self, name: &str) -> Option<&Json>;
    /// What the rule `["@key"]` calls the key that verified it.
    fn key_name(&self) -> Option<&str>;
}

#[cfg(feature = "authority")]
impl Named for Claims {
    fn claim(&self, name: &str) -> Option<&Json> {
        self.get(name)
    }

    fn header_member(&self, name: &str) -> Option<&Json> {
        self.header().members().get(name)
    }

    fn key_name(&self) -> Option<&str> {
        self.key_name()
    }
}

#[cfg(feature = "authority")]
impl Named for Recognised {
    fn claim(&self, name: &str) -> Option<&Json> {
        self.payload().get(name)
    }

    fn header_member(&self, name: &str) -> Option<&Json> {
        self.header().members().get(name)
    }

    fn key_name(&self) -> Option<&str> {
        self.key_name()
    }
}

fn values(list: &[Json]) -> impl Iterator<Item = Value<'_>> {
    list.iter().filter_map(Value::from_json)
}
