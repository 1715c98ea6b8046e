//! Rules: which members of a token name a revocation target.

use std::fmt;

use crate::error::Error;
use crate::limits::{MAX_RULE_MEMBERS, MAX_TARGET_VALUE_BYTES};

/// A conjunction of members whose values, together, name what can be revoked: `["jti"]` one token, `["sub"]` a user,
/// `["sub","azp"]` one app of a user, `["@key"]` a signing key, `[]` everything of an issuer.
///
/// ```
/// use revocable::Rule;
/// let rule = Rule::new(["sub", "azp"])?;
/// assert_eq!(rule.to_string(), r#"["azp","sub"]"#, "members are kept in bytewise order");
/// # Ok::<(), revocable::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    members: Vec<Member>,
}

/// One member of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(String);

/// Where a member's value is found.
pub(crate) enum Place<'a> {
    Claim(&'a str),
    Header(&'a str),
    Key,
}

impl Member {
    /// The member as it is written: a claim's name, `header:` and a header field's name, or `@key`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place::of(&self.0)
    }
}

impl<'a> Place<'a> {
    /// Where a member of this spelling is found.
    pub(crate) fn of(member: &'a str) -> Self {
        match member.strip_prefix("header:") {
            Some(field) => Self::Header(field),
            None if member == "@key" => Self::Key,
            None => Self::Claim(member),
        }
    }
}

impl Rule {
    /// The rule over these members, in any order.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a member is empty, too long, named twice, or begins with `@` and is not
    /// `@key`; or when there are more than [`MAX_RULE_MEMBERS`].
    pub fn new<S: Into<String>>(members: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let invalid = |reason| Err(Error::RevocationInvalid(["a rule's member ", reason].concat()));
        let mut sorted: Vec<Member> = Vec::new();
        for member in members {
            let member = Member(member.into());
            let name = member.as_str();
            if name.is_empty() || name == "header:" {
                return invalid("is empty");
            }
            if name.len() > MAX_TARGET_VALUE_BYTES {
                return invalid("is too long");
            }
            if name.starts_with('@') && name != "@key" {
                return invalid("begins with `@` and is not `@key`");
            }
            match sorted.binary_search(&member) {
                Ok(_) => return invalid("is named twice"),
                Err(place) => sorted.insert(place, member),
            }
            if sorted.len() > MAX_RULE_MEMBERS {
                return Err(Error::RevocationInvalid("a rule has too many members".into()));
            }
        }
        Ok(Self { members: sorted })
    }

    /// The members, in bytewise order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether this can be the claim of a minimum: a claim's name, as a rule's member would have it.
    pub(crate) fn is_claim(name: &str) -> bool {
        !name.is_empty()
            && name.len() <= MAX_TARGET_VALUE_BYTES
            && matches!(Place::of(name), Place::Claim(_))
            && !name.starts_with('@')
    }

    /// Whether the rule names keys. Such a rule takes outright revocations only: whoever holds a leaked key chooses
    /// `iat` as well.
    #[must_use]
    pub fn names_key(&self) -> bool {
        self.members.iter().any(|member| matches!(member.place(), Place::Key))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<&str> = self.members.iter().map(Member::as_str).collect();
        formatter.write_str(&serde_json::to_string(&members).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_so_that_their_order_in_a_request_does_not_matter() {
        assert_eq!(Rule::new(["sub", "azp"]).unwrap(), Rule::new(["azp", "sub"]).unwrap());
        assert_eq!(
            Rule::new(["sub", "@key", "header:kid"]).unwrap().to_string(),
            r#"["@key","header:kid","sub"]"#
        );
        assert_eq!(Rule::new::<&str>([]).unwrap().to_string(), "[]");
    }

    #[test]
    fn a_malformed_rule_is_refused() {
        let long = "x".repeat(MAX_TARGET_VALUE_BYTES + 1);
        for wrong in [vec![""], vec!["a", "a"], vec!["@kid"], vec!["@"], vec!["header:"], vec![&*long]] {
            assert!(matches!(Rule::new(wrong), Err(Error::RevocationInvalid(_))));
        }
        assert!(Rule::new((0..=MAX_RULE_MEMBERS).map(|n| n.to_string())).is_err());
    }
}
