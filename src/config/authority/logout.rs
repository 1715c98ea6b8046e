//! What a logout takes back beside the token, and who may end all sessions.

use serde_json::Value;

use crate::authority::{Everywhere, Logout};
use crate::config::fields::Fields;
use crate::config::gate::is_origin;
use crate::config::{Wrong, element, member, wrong};
use crate::flow::is_scope;

use super::tokens::holders_rule;

/// Logging out.
#[derive(Clone, Debug, Default)]
pub struct LogoutConfig {
    /// Rules that are revoked beside the token, where it has their members; by default `[["sid"]]`.
    pub also: Option<Vec<Vec<String>>>,
    /// Who may end all of a user's sessions; by default, nobody.
    pub everywhere: EverywhereConfig,
    /// Whose pages may log out with a cookie, beside the gate's own: origins such as `https://app.example`.
    pub origins: Vec<String>,
}

/// Who may end all of a user's sessions, and how.
#[derive(Clone, Debug, Default)]
pub struct EverywhereConfig {
    /// The rule that names the user; by default `["sub"]`.
    pub rule: Option<Vec<String>>,
    /// First-party clients: a token that was issued to one of them (`azp`, else `client_id`) may.
    pub clients: Vec<String>,
    /// A scope with which any token may.
    pub scope: Option<String>,
}

impl LogoutConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["also", "everywhere", "origins"], |fields| Self {
            also: fields.value("also").map(|_| fields.list("also", rule)),
            everywhere: fields.nested("everywhere", EverywhereConfig::read).unwrap_or_default(),
            origins: fields.texts_if_any("origins").unwrap_or_default(),
        })
    }

    pub(super) fn build(self, path: &str) -> Result<Logout, Wrong> {
        let also = self.also.unwrap_or_else(|| vec![vec!["sid".to_owned()]]);
        for (index, rule) in also.iter().enumerate() {
            holders_rule(rule, &element(&member(path, "also"), index))?;
        }
        if let Some(index) = self.origins.iter().position(|origin| origin == "*" || !is_origin(origin)) {
            let path = element(&member(path, "origins"), index);
            return Err(wrong(path, "expected a scheme and a host such as `https://app.example`"));
        }
        let everywhere = self.everywhere.build(&member(path, "everywhere"))?;
        Ok(Logout { also, everywhere, origins: self.origins })
    }
}

impl EverywhereConfig {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["rule", "clients", "scope"], |fields| Self {
            rule: fields.texts_if_any("rule"),
            clients: fields.texts_if_any("clients").unwrap_or_default(),
            scope: fields.text_if_any("scope"),
        })
    }

    fn build(self, path: &str) -> Result<Everywhere, Wrong> {
        let rule = self.rule.unwrap_or_else(|| vec!["sub".to_owned()]);
        holders_rule(&rule, &member(path, "rule"))?;
        if self.scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            return Err(wrong(
                member(path, "scope"),
                "expected one scope, without space, quote and backslash",
            ));
        }
        Ok(Everywhere { rule, clients: self.clients, scope: self.scope })
    }
}

pub(super) fn rule(value: &Value, path: String) -> Result<Vec<String>, Wrong> {
    let members = value.as_array().and_then(|members| {
        members.iter().map(|member| member.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    members.ok_or_else(|| wrong(path, "expected a list of strings"))
}
