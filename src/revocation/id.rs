//! Ids: the 16-byte name of a revocation target.

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::limits::{MAX_SAFE_INTEGER, MAX_TARGET_VALUE_BYTES};

use super::rule::Rule;

/// The 16-byte name of a revocation target.
///
/// An id is the first 16 bytes of SHA-256 over these fields, one after the other:
///
/// | field | tag | bytes |
/// |---|---|---|
/// | domain | `s` | `revocable/1` |
/// | salt | `x` | 16 bytes, public, the same for a whole snapshot |
/// | rule | `l` | the number of members (u32, little-endian), then each member as a field of its own, tag `s`, in bytewise order |
/// | issuer | `s` | the token's `iss`, UTF-8 as it stands |
/// | values | `s`, `i` or `b` | one field for each member, in the members' order: UTF-8 as it stands; an integer as 8 bytes, two's complement, little-endian; a boolean as one byte, 0 or 1 |
///
/// Each field is its tag (one byte), its length in bytes (u32, little-endian) and its bytes; for the rule the length is
/// replaced by the number of members. So no two targets share an input, whatever their values hold.
///
/// The hash is cryptographic on purpose: whoever may choose a `sub` must not be able to aim at somebody else's id. (What a
/// segment keeps of ids can be aimed at with enough work: see [`crate::manual::threats`].) It is never taken over the token's text, because one token has many spellings (ECDSA signatures are malleable).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; Id::BYTES]);

/// What makes one authority's ids differ from another's. Public; changes only when everything is built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; Salt::BYTES]);

/// A value that may name a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text, compared byte for byte.
    Text(&'a str),
    /// An integer of magnitude below 2^53.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
}

impl Id {
    /// The size of an id.
    pub const BYTES: usize = 16;

    /// The bytes that lists keep, at most: a segment looks at no more than 16 bits of its key range and 96 that follow.
    pub const KEPT_BYTES: usize = 14;

    /// The id of the target that `values`, one for each of the rule's members in their order, name at `issuer`.
    ///
    /// ```
    /// use revocable::{Id, Rule, Salt, Value};
    /// let rule = Rule::new(["jti"])?;
    /// let id = Id::new(Salt::from_bytes([0; 16]), &rule, "https://issuer.example", &[Value::Text("a")]);
    /// assert_eq!(id.to_string(), "f62def59c7871fbea0795a01929effc4");
    /// # Ok::<(), revocable::Error>(())
    /// ```
    #[must_use]
    pub fn new(salt: Salt, rule: &Rule, issuer: &str, values: &[Value<'_>]) -> Self {
        IdPrefix::new(salt, rule, issuer).id(values.iter().copied())
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// As much of it as lists keep: its first [`Id::KEPT_BYTES`], followed by zeros.
    #[must_use]
    pub const fn kept(&self) -> Self {
        Self::from_number(self.as_number() >> 16 << 16)
    }

    /// The id that 32 lower-case hexadecimal digits spell.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }

    /// Its bytes as one number, most significant first: ids ascend as these do.
    #[must_use]
    pub const fn as_number(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The id with this number.
    #[must_use]
    pub const fn from_number(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// Its first `bits` bits, 16 at most, as a number.
    #[must_use]
    pub fn leading(&self, bits: u8) -> u32 {
        let [first, second, ..] = self.0;
        let unused = u16::BITS.saturating_sub(u32::from(bits));
        u32::from(u16::from_be_bytes([first, second]).checked_shr(unused).unwrap_or(0))
    }
}

/// What all ids of one rule and issuer begin with, hashed in advance: making one costs the values alone.
#[derive(Clone, Debug)]
pub struct IdPrefix(Sha256);

impl IdPrefix {
    /// Hashes what ids of this rule and issuer have in common.
    #[must_use]
    pub fn new(salt: Salt, rule: &Rule, issuer: &str) -> Self {
        let mut hash = Sha256::new();
        field(&mut hash, b's', b"revocable/1");
        field(&mut hash, b'x', &salt.0);
        tag(&mut hash, b'l', rule.members().len());
        for member in rule.members() {
            field(&mut hash, b's', member.as_str().as_bytes());
        }
        field(&mut hash, b's', issuer.as_bytes());
        Self(hash)
    }

    /// The id of the target that `values`, one for each of the rule's members in their order, name.
    pub fn id<'v>(&self, values: impl IntoIterator<Item = Value<'v>>) -> Id {
        let mut hash = self.0.clone();
        for value in values {
            match value {
                Value::Text(text) => field(&mut hash, b's', text.as_bytes()),
                Value::Integer(integer) => field(&mut hash, b'i', &integer.to_le_bytes()),
                Value::Boolean(boolean) => field(&mut hash, b'b', &[u8::from(boolean)]),
            }
        }
        let mut id = [0; Id::BYTES];
        for (into, from) in id.iter_mut().zip(hash.finalize()) {
            *into = from;
        }
        Id(id)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Salt {
    /// The size of a salt.
    pub const BYTES: usize = 16;

    /// The salt with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Its bytes in base64url, as a manifest has them.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        base64url::encode(self.0)
    }

    /// The salt that 32 hexadecimal digits spell.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }
}

impl<'a> Value<'a> {
    /// Takes a JSON value that may name a target; `None` when it cannot: another type, a fraction, an integer of 2^53
    /// or more, or a text over [`MAX_TARGET_VALUE_BYTES`].
    #[must_use]
    pub fn from_json(value: &'a serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) if text.len() <= MAX_TARGET_VALUE_BYTES => Some(Self::Text(text)),
            serde_json::Value::Bool(boolean) => Some(Self::Boolean(*boolean)),
            serde_json::Value::Number(number) => {
                // `7.0` and `7e0` are spellings of 7 (RFC 8259 §6), and a revocation of 7 means all of them.
                let integer = number.as_i64().or_else(|| whole(number.as_f64()?))?;
                (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&integer).then_some(Self::Integer(integer))
            }
            _ => None,
        }
    }
}

/// The integer that an f64 without a fraction is; those of magnitude 2^53 and more are refused by the caller.
fn whole(number: f64) -> Option<i64> {
    // Saturates, and is exact where there is no fraction.
    #[expect(clippy::as_conversions)]
    (number.fract() == 0.0).then_some(number as i64)
}

fn field(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    tag(hash, kind, bytes.len());
    hash.update(bytes);
}

fn tag(hash: &mut Sha256, kind: u8, count: usize) {
    hash.update([kind]);
    // Every length has been capped far below 2^32 when its value was read.
    hash.update(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// The `N` bytes that twice as many lower-case hexadecimal digits spell.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)?.checked_shl(4)? | digit(*low)?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SALT: Salt = Salt::from_bytes([7; 16]);

    fn id(members: &[&str], issuer: &str, values: &[Value<'_>]) -> Id {
        Id::new(SALT, &Rule::new(members.iter().copied()).unwrap(), issuer, values)
    }

    #[test]
    fn targets_that_look_alike_have_different_ids() {
        use Value::{Boolean, Integer, Text};
        let ids = [
            id(&["sub"], "i", &[Text("1")]),
            id(&["sub"], "i", &[Integer(1)]),
            id(&["sub"], "i", &[Boolean(true)]),
            id(&["sub"], "i", &[Text("true")]),
            id(&["jti"], "i", &[Text("1")]),
            id(&["sub"], "i1", &[Text("")]),
            id(&["sub"], "i", &[Text("")]),
            id(&["azp", "sub"], "i", &[Text("a"), Text("b")]),
            id(&["azp", "sub"], "i", &[Text("b"), Text("a")]),
            id(&["azp", "sub"], "i", &[Text("ab"), Text("")]),
            id(&[], "i", &[]),
            id(&["header:sub"], "i", &[Text("1")]),
            Id::new(Salt::from_bytes([8; 16]), &Rule::new(["sub"]).unwrap(), "i", &[Text("1")]),
        ];
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn unicode_is_taken_as_it_stands() {
        assert_ne!(
            id(&["sub"], "i", &[Value::Text("\u{e9}")]),
            id(&["sub"], "i", &[Value::Text("e\u{301}")])
        );
    }

    #[test]
    fn only_strings_whole_numbers_and_booleans_name_targets() {
        use serde_json::json;
        assert_eq!(Value::from_json(&json!("a")), Some(Value::Text("a")));
        assert_eq!(Value::from_json(&json!(-5)), Some(Value::Integer(-5)));
        assert_eq!(Value::from_json(&json!(false)), Some(Value::Boolean(false)));
        let too_long = "x".repeat(MAX_TARGET_VALUE_BYTES + 1);
        for wrong in [
            json!(1.5),
            json!(1u64 << 53),
            json!(-(1i64 << 53)),
            json!(u64::MAX),
            json!(null),
            json!([]),
            json!({}),
            json!(too_long),
        ] {
            assert_eq!(Value::from_json(&wrong), None);
        }
    }

    #[test]
    fn hexadecimal_is_lower_case_and_of_exact_length() {
        assert_eq!(hex::<2>("00ff"), Some([0, 255]));
        for wrong in ["00FF", "00f", "00ff0", "00fg", "", "0x00"] {
            assert_eq!(hex::<2>(wrong), None, "{wrong}");
        }
    }
}
