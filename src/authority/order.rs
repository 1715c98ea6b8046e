//! What the ledger is told to record, and what it says of it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::Error;
use crate::gate::Answer;
use crate::limits::MAX_REASON_BYTES;
use crate::publish::Revocation;

/// Revocations to be recorded together. As JSON it goes from whoever was asked to whoever keeps the ledger; there may be megabytes of
/// it, so nothing here makes a tree of values of more than one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Who wants it: the kind of door it came through and a name from the configuration, such as `key:ops`, `client:app-1`,
    /// `events:https://idp.example`, `logout`. Never a credential.
    pub actor: String,
    /// What is wanted.
    pub changes: Vec<Wanted>,
    /// The caller's idempotency key: a second order of the same actor with the same key is answered as the first was.
    pub key: Option<String>,
    /// A message that must be acted on once only.
    pub once: Option<Once>,
}

/// A revocation, or its undoing, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What is revoked, or taken back.
    pub revocation: Revocation,
    /// Why, as the caller says.
    pub reason: Option<String>,
}

/// A message that must be acted on once only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// Who sent it.
    pub sender: String,
    /// Its `jti`.
    pub jti: String,
    /// When it need not be remembered any longer, in seconds since the epoch.
    pub until: u64,
}

/// What became of an order. It is durable when this is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the manifest that is in force now: it has all of the order.
    pub seq: u64,
    /// What became of each change, in the order's order.
    pub outcomes: Vec<Outcome>,
    /// The manifest in force.
    pub manifest: String,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its number in the ledger.
    pub seq: u64,
    /// Its target's id, in hexadecimal.
    pub id: String,
    /// `added`, `replaced` (there was another value or expiry), `unchanged` (the ledger said so already), `undone`, `absent` (there
    /// was nothing to undo), `over` (no token that it could match can pass any more).
    pub result: String,
}

/// What the ledger says to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recorded {
    /// It is recorded.
    #[serde(rename = "receipt")]
    Done(Receipt),
    /// The message of [`Order::once`] has been acted on before; nothing was recorded.
    Replayed,
}

impl Receipt {
    /// What is answered to whoever wanted it, with these headers besides: those of CORS.
    #[must_use]
    pub fn answer(&self, cors: Vec<(&'static str, String)>) -> Answer {
        #[derive(Serialize)]
        struct Said<'a> {
            seq: u64,
            outcomes: &'a [Outcome],
        }
        Answer::json(200, written(&Said { seq: self.seq, outcomes: &self.outcomes })).with(cors)
    }
}

impl Recorded {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        written(self)
    }

    /// What [`Recorded::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::LedgerUnavailable`] when it is something else.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|_| Error::LedgerUnavailable)
    }
}

impl Order {
    /// An order of one actor.
    #[must_use]
    pub fn new(actor: impl Into<String>, changes: Vec<Wanted>) -> Self {
        Self { actor: actor.into(), changes, key: None, once: None }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        written(self)
    }

    /// The order that [`Order::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when it is none.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map_err(|_| Error::RevocationInvalid("this is no order to a ledger".to_owned()))
    }
}

/// What is always written: it has no maps but those with names, and nothing that refuses.
pub(super) fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Serialize for Wanted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = self.revocation.to_json();
        if let (Some(reason), Some(line)) = (&self.reason, line.as_object_mut()) {
            line.insert("reason".to_owned(), Value::String(reason.clone()));
        }
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Wanted {
    /// Reads [`Revocation::from_json`]'s object with one more member, `reason`.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] with what is wrong.
    pub fn from_value(mut value: Value) -> Result<Self, Error> {
        let reason = match value.as_object_mut().and_then(|line| line.remove("reason")) {
            None | Some(Value::Null) => None,
            Some(Value::String(reason)) if reason.len() <= MAX_REASON_BYTES => Some(reason),
            Some(_) => {
                return Err(Error::RevocationInvalid(
                    "`reason` is not a string of at most 512 bytes".to_owned(),
                ));
            }
        };
        Ok(Self { revocation: Revocation::from_value(value)?, reason })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let lines = [
            json!({ "rule": ["sub", "azp"], "issuer": "i", "values": ["alice", 7], "before": 1_790_000_000.25, "reason": "asked" }),
            json!({ "rule": ["jti"], "issuer": "i", "values": ["t"], "expires": 1_790_000_000 }),
            json!({ "rule": ["sub"], "issuer": "i", "values": [true], "claim": "pwd_ver", "minimum": -3 }),
            json!({ "rule": ["sub"], "issuer": "i", "values": ["x"], "undo": true, "kind": "minimum", "claim": "pwd_ver" }),
            json!({ "rule": [], "issuer": "i", "values": [] }),
        ];
        let changes = lines.map(|line| Wanted::from_value(line).unwrap()).to_vec();
        let once = Once { sender: "s".into(), jti: "j".into(), until: 9 };
        let order = Order { key: Some("k".into()), once: Some(once), ..Order::new("key:ops", changes) };
        assert_eq!(Order::from_json(&order.to_json()).unwrap(), order);
    }

    #[test]
    fn what_is_no_order_and_no_answer_to_one_is_refused() {
        let line = json!({ "rule": ["jti"], "issuer": "i", "values": ["t"] });
        let good = json!({ "actor": "key:ops", "changes": [line], "key": null, "once": null });
        assert!(Order::from_json(&good.to_string()).is_ok());
        for wrong in [json!({}), json!([]), json!({ "actor": "key:ops", "changes": [{ "rule": ["jti"] }] })] {
            assert!(
                matches!(Order::from_json(&wrong.to_string()), Err(Error::RevocationInvalid(_))),
                "{wrong}"
            );
        }
        for text in ["", "{}", r#"{"receipt":{}}"#, r#""done""#] {
            assert_eq!(Recorded::from_json(text), Err(Error::LedgerUnavailable), "{text}");
        }
    }

    #[test]
    fn what_the_ledger_says_is_read_as_it_was_written() {
        let outcome = Outcome { seq: 7, id: "ab".repeat(16), result: "added".into() };
        let receipt = Receipt { seq: 9, outcomes: vec![outcome], manifest: "a.b.c".into() };
        for recorded in [Recorded::Done(receipt), Recorded::Replayed] {
            assert_eq!(Recorded::from_json(&recorded.to_json()).unwrap(), recorded);
        }
    }

    #[test]
    fn a_reason_that_is_no_short_text_is_refused() {
        for reason in [json!(1), json!("x".repeat(513)), json!([])] {
            let line = json!({ "rule": ["jti"], "issuer": "i", "values": ["t"], "reason": reason });
            assert!(Wanted::from_value(line).unwrap_err().to_string().contains("`reason`"));
        }
    }
}
