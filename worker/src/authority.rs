//! What the Worker asks of the ledger, the Durable Object that is the only writer.

use revocable::authority::{Order, Recorded};
use revocable::{Error, UnixTime};
use worker::Env;

/// Has an order recorded. When this succeeds it is durable, and the gate of this isolate has it in force.
///
/// # Errors
/// [`Error::RevocationInvalid`] when the ledger does not take it; [`Error::LedgerUnavailable`] when it cannot be asked.
pub(crate) async fn record(_env: &Env, _order: &Order) -> Result<Recorded, Error> {
    Err(Error::LedgerUnavailable)
}

/// One page of the ledger, as the ledger writes it: the body of a 200. `query` is what `revocable::authority` has made of the
/// request's.
pub(crate) async fn list(_env: &Env, _query: &str) -> Result<String, Error> {
    Err(Error::LedgerUnavailable)
}

/// The number of the newest manifest, asked of the ledger itself.
pub(crate) async fn current(_env: &Env, _now: UnixTime) -> Result<u64, Error> {
    Err(Error::LedgerUnavailable)
}
