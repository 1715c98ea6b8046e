//! What to do with tokens of which the lists cannot tell.

use serde_json::Value;

use crate::flow::{Action, Check, Policy};
use crate::revocation::Unknown;

use super::fields::Fields;
use super::{Wrong, member, wrong};

/// `unknown`: `deny`, `allow` or `unavailable` for every reason, or an object with one of them for each reason that is named,
/// while `otherwise` holds for those that are not.
pub(super) fn unknown(fields: &Fields<'_>, otherwise: Policy) -> Policy {
    fields.nested("unknown", |value, path| read(value, &path, otherwise)).unwrap_or(otherwise)
}

/// `check`: `list`, `head` or `live`.
pub(super) fn check(fields: &Fields<'_>, policy: Policy) -> Policy {
    let Some(value) = fields.value("check") else { return policy };
    let check = value.as_str().and_then(Check::from_name);
    if check.is_none() {
        fields.refuse("check", "expected `list`, `head` or `live`");
    }
    policy.check(check.unwrap_or_default())
}

fn read(value: &Value, path: &str, otherwise: Policy) -> Result<Policy, Wrong> {
    const EXPECTED: &str = "expected `deny`, `allow` or `unavailable`";
    let action = |value: &Value| value.as_str().and_then(Action::from_name);
    let Value::Object(actions) = value else {
        let action = action(value).ok_or_else(|| {
            wrong(
                path,
                "expected `deny`, `allow` or `unavailable`, or an object with one of them for each reason",
            )
        });
        return Ok(otherwise.on_unknown(action?));
    };
    let mut policy = otherwise;
    for (name, value) in actions {
        let why = Unknown::ALL.into_iter().find(|why| why.name() == name);
        let why = why.ok_or_else(|| {
            let known = Unknown::ALL.map(Unknown::name).join("`, `");
            wrong(
                member(path, name),
                &["unknown field `", name, "`, expected one of `", &known, "`"].concat(),
            )
        })?;
        policy = policy.on(why, action(value).ok_or_else(|| wrong(member(path, name), EXPECTED))?);
    }
    Ok(policy)
}
