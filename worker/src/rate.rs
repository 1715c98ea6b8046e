//! How often anybody may ask: this isolate's buckets.
//!
//! Whoever proves to be an actor is counted as that. Everybody else is counted by the network that he asks from, before anything
//! that he sent is looked at: so what is answered past the limit does not depend on whether it was right.

use std::cell::RefCell;
use std::collections::HashMap;

use revocable::Error;
use revocable::gate::{Buckets, Rate, network};
use worker::Request;

use crate::{counters, host, state};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Limit {
    /// Who has proved who he is.
    Actor,
    Logout,
    Reader,
    /// Who has not proved who he is, or not yet.
    Unproved,
}

thread_local! {
    static BUCKETS: RefCell<HashMap<Limit, Buckets>> = RefCell::new(HashMap::new());
}

/// Takes what a request costs from whoever has proved to be this actor.
///
/// # Errors
/// [`Error::RateLimited`].
pub(crate) fn take(actor: &str, cost: u32) -> Result<(), Error> {
    Limit::Actor.take(actor, cost)
}

/// Counts a reader of the list.
///
/// # Errors
/// As [`take`].
pub(crate) fn reader(request: &Request) -> Result<(), Error> {
    Limit::Reader.take(&sender(request), 1)
}

/// Counts a logout.
///
/// # Errors
/// As [`take`].
pub(crate) fn logout(request: &Request) -> Result<(), Error> {
    Limit::Logout.take(&sender(request), 1)
}

/// Counts a request of somebody who has yet to prove who he is.
///
/// # Errors
/// As [`take`].
pub(crate) fn attempt(request: &Request) -> Result<Attempt, Error> {
    let sender = sender(request);
    Limit::Unproved.take(&sender, 1)?;
    Ok(Attempt { sender })
}

/// A request that has been counted as one of somebody who has proved nothing.
pub(crate) struct Attempt {
    sender: String,
}

impl Attempt {
    /// Says that he has proved who he is. He is counted as that.
    pub(crate) fn succeeded(self) {
        BUCKETS.with_borrow_mut(|buckets| {
            if let Some(buckets) = buckets.get_mut(&Limit::Unproved) {
                buckets.give_back(&self.sender, 1);
            }
        });
    }
}

/// Whom a request is counted for. Cloudflare says from which address it comes, and lets nobody else say it.
fn sender(request: &Request) -> String {
    network(request.headers().get("cf-connecting-ip").ok().flatten().as_deref())
}

impl Limit {
    fn take(self, who: &str, cost: u32) -> Result<(), Error> {
        let rate = state::with(|gate| self.rate(gate)).flatten().ok_or(Error::NotFound)?;
        let taken = BUCKETS.with_borrow_mut(|buckets| {
            buckets.entry(self).or_insert_with(|| Buckets::new(rate)).take(who, cost, host::now())
        });
        if taken.is_err() {
            counters::limited(self.name());
        }
        taken
    }

    /// How often; nothing is asked for where there is no authority.
    fn rate(self, gate: &revocable::Gate) -> Option<Rate> {
        let authority = gate.authority();
        match self {
            Self::Reader => Some(gate.read_rate()),
            Self::Logout => authority.map(|authority| authority.logout_rate()),
            Self::Actor | Self::Unproved => authority.map(|authority| authority.rate()),
        }
    }

    /// Its name among [`revocable::authority::LIMITS`].
    const fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Logout => "logout",
            Self::Reader => "reader",
            Self::Unproved => "unproved",
        }
    }
}
