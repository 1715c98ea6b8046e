//! One strict reading of JSON, for headers, payloads, key sets and manifests alike.
//!
//! Two parsers that disagree about a document are how a check on one and a use of the other come apart. So whatever
//! RFC 8259 leaves open is refused here: a member named twice, nesting past [`MAX_JSON_DEPTH`], more members than
//! [`MAX_JSON_MEMBERS`], numbers that no f64 or 64-bit integer holds, anything after the end.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limits::{MAX_JSON_DEPTH, MAX_JSON_MEMBERS};

/// A JSON object that was read strictly.
pub type Object = Map<String, Value>;

/// Why a document was not read. For a stranger's, nothing is made of it: what he sent never reaches a message.
pub(crate) enum Fault {
    /// It is no JSON, from this place on, counted from 1.
    Syntax { line: usize, column: usize },
    /// It is JSON, but not one object such as is read strictly.
    Refused,
}

/// Reads a document whose outermost value is an object, as strictly as a token: a member named twice is refused, and so is
/// whatever else RFC 8259 leaves open. `None` is all that is said of a bad one.
///
/// ```
/// assert_eq!(revocable::read_object(br#"{"sub":"alice"}"#).unwrap()["sub"], "alice");
/// assert!(revocable::read_object(br#"{"sub":"alice","sub":"admin"}"#).is_none());
/// ```
#[must_use]
pub fn object(bytes: &[u8]) -> Option<Object> {
    read(bytes).ok()
}

/// [`object`], for a document of the reader's own, who may be told what is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<Object, Fault> {
    let tally = Tally::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0, tally: &tally }.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    if tally.is_refused.get() {
        return Err(Fault::Refused);
    }
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Fault::Refused),
        Err(error) => Err(Fault::Syntax { line: error.line(), column: error.column() }),
    }
}

/// What is known of a document as a whole.
#[derive(Default)]
struct Tally {
    members: Cell<usize>,
    /// Set here and looked at in the end, because errors of serde are texts, and the code that makes them is a twentieth of
    /// the npm package's Wasm. Reading stops all the same: what is left where it stopped is no longer read as JSON.
    is_refused: Cell<bool>,
}

impl Tally {
    fn refuse(&self) -> Value {
        self.is_refused.set(true);
        Value::Null
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    tally: &'a Tally,
}

impl Strict<'_> {
    fn inside(self) -> Option<Self> {
        let depth = self.depth.saturating_add(1);
        (depth <= MAX_JSON_DEPTH).then_some(Self { depth, ..self })
    }

    /// Whether there may be one more member.
    fn count_one(self) -> bool {
        let Tally { members, is_refused } = self.tally;
        members.set(members.get().saturating_add(1));
        members.get() <= MAX_JSON_MEMBERS && !is_refused.get()
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // None is not finite.
        Ok(Number::from_f64(value).map_or_else(|| self.tally.refuse(), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let Some(inside) = self.inside() else { return Ok(self.tally.refuse()) };
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inside)? {
            if !self.count_one() {
                return Ok(self.tally.refuse());
            }
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let Some(inside) = self.inside() else { return Ok(self.tally.refuse()) };
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if !self.count_one() {
                return Ok(self.tally.refuse());
            }
            let member = access.next_value_seed(inside)?;
            if object.insert(name, member).is_some() {
                return Ok(self.tally.refuse());
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_named_twice_is_refused_at_any_level_and_in_any_spelling() {
        for twice in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"a":1,"a":2}]}"#] {
            assert_eq!(object(twice.as_bytes()), None, "{twice}");
        }
    }

    #[test]
    fn nesting_past_the_limit_is_refused_and_at_the_limit_is_read() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(MAX_JSON_DEPTH - 1).as_bytes()).is_some());
        assert!(object(nested(MAX_JSON_DEPTH).as_bytes()).is_none());
        assert!(object(nested(10_000).as_bytes()).is_none());
    }

    #[test]
    fn more_members_than_the_limit_are_refused() {
        let list = |count: usize| format!("{{\"a\":[{}]}}", vec!["0"; count].join(","));
        assert!(object(list(MAX_JSON_MEMBERS - 1).as_bytes()).is_some());
        assert!(object(list(MAX_JSON_MEMBERS).as_bytes()).is_none());
    }

    #[test]
    fn what_is_not_one_object_of_utf8_json_is_refused() {
        let wrong: [&[u8]; 9] = [
            b"",
            b"null",
            b"[]",
            b"\"a\"",
            b"{} {}",
            b"{}x",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e999}",
            b"{\"a\":\"\\ud800\"}",
        ];
        for text in wrong {
            assert_eq!(object(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn names_that_mean_something_to_javascript_are_plain_members() {
        let object = object(br#"{"__proto__":{"admin":true},"toString":1}"#).unwrap();
        assert_eq!(object.len(), 2);
        assert!(object.contains_key("__proto__"));
    }
}
