//! Revocations as other programs keep them, turned into the NDJSON that `build` reads.

pub mod keycloak;
pub mod redis;
pub mod table;

use std::io;

use revocable::publish::Revocation;
use serde_json::{Value, json};

use super::reason;

/// What a value of an imported list names: the token issuer, and the rule's only member.
#[derive(Clone, Debug)]
pub struct Target {
    /// The token issuer.
    pub issuer: String,
    /// The claim whose values are listed, `jti` as a rule.
    pub claim: String,
}

impl Target {
    /// Gives the line that revokes one value outright to `take`, held to what `build` will hold it to.
    fn give(
        &self,
        value: &str,
        expires: Option<u64>,
        take: &mut impl FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Result<(), String>> {
        let mut line = json!({ "rule": [self.claim], "issuer": self.issuer, "values": [value] });
        if let (Some(line), Some(expires)) = (line.as_object_mut(), expires) {
            line.insert("expires".to_owned(), expires.into());
        }
        give(&line, take)
    }
}

/// Gives a line to `take` unless the library says what is wrong with it.
fn give(line: &Value, take: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<Result<(), String>> {
    let line = line.to_string();
    match Revocation::from_json(&line) {
        Ok(_) => take(&line).map(Ok),
        Err(error) => Ok(Err(reason(error))),
    }
}
