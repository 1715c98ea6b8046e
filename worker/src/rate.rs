//! How often whoever may be asking: this isolate's buckets.

use std::cell::RefCell;

use revocable::Error;
use revocable::authority::Buckets;

use crate::{host, state};

thread_local! {
    static BUCKETS: RefCell<Option<Buckets>> = const { RefCell::new(None) };
}

/// Takes what a request costs from whoever has proved to be this actor.
///
/// # Errors
/// [`Error::RateLimited`].
pub(crate) fn take(actor: &str, cost: u32) -> Result<(), Error> {
    with(|buckets| buckets.take(actor, cost, host::now()))
}

/// What to answer to somebody who did not prove to be anybody: the error, or that there have been too many of them.
pub(crate) fn unknown(error: Error) -> Error {
    match with(|buckets| buckets.take_unknown(host::now())) {
        Ok(()) => error,
        Err(too_many) => too_many,
    }
}

fn with(take: impl FnOnce(&mut Buckets) -> Result<(), Error>) -> Result<(), Error> {
    let rate = state::with(|gate| gate.authority().map(|authority| authority.rate())).flatten();
    let Some(rate) = rate else { return Err(Error::NotFound) };
    BUCKETS.with_borrow_mut(|buckets| take(buckets.get_or_insert_with(|| Buckets::new(rate, host::now()))))
}
