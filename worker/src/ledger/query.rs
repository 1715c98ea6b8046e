//! Pages of the ledger: what is revoked, and what happened.

use revocable::Error;
use serde_json::Value;

use super::{Fault, Ledger};

impl Ledger {
    pub(super) fn page(&self, _log: bool, _query: &str) -> Result<Value, Fault> {
        Err(Error::NotFound.into())
    }
}
