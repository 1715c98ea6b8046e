//! Who reads what: one request reads at a time, and the others look again by timers of their own. A promise belongs to the
//! request that made it, and dies with it. A reading of which nothing comes for long, or whose request is gone, is taken over.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use revocable::{Remedy, SegmentName, UnixTime};
use worker::Delay;

use crate::host;

/// A reading of which nothing comes for longer no longer keeps others from beginning one.
const TAKE_OVER_SECONDS: u64 = 1;
/// Whoever confirms has so long to do it. Nothing comes of that before its end.
pub(crate) const CONFIRM_TIMEOUT_MILLIS: u32 = 5_000;
/// A confirmation is over by then, unless whoever asked for it is gone: a slow confirmer is not asked the same again and again.
const TAKE_OVER_CONFIRMATION_SECONDS: u64 = 6;
/// For so long after a reading on demand came to nothing nobody begins another: not every request of an outage waits for it.
const PAUSE_SECONDS: u64 = 2;
/// Heads are asked for every second where all is well.
const HEAD_PAUSE_SECONDS: u64 = 1;
/// How often to look whether somebody else's reading has ended, and for how many seconds longer than it takes to take it over.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS_A_SECOND: u64 = 50;
const PATIENCE_SECONDS: u64 = 1;
/// How many failures are remembered before those that are over are forgotten.
const MANY_FAILURES: usize = 256;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// Keys of an issuer, or the snapshot.
    Remedy(Remedy),
    /// Keys of whoever sends security events, by his index.
    SenderKeys(usize),
    /// A segment that a decision lacked.
    Segment(SegmentName),
    /// Confirmations that a decision lacked, by a hash of the question. Whoever waits for one looks whether it was his.
    Confirmation(u64),
    /// Whatever is to be confirmed: one that fails fails for all.
    Confirmer,
    /// A head for one of our own readers.
    Head,
}

/// A reading under way. Its number tells it from one that has taken it over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flight {
    number: u64,
    /// Since when nothing has come of it.
    since: UnixTime,
}

thread_local! {
    static UNDER_WAY: RefCell<HashMap<Work, Flight>> = RefCell::new(HashMap::new());
    static FAILED: RefCell<HashMap<Work, UnixTime>> = RefCell::new(HashMap::new());
}

/// Waits for its turn: the flight to be made, or `None` when somebody else's has just ended or takes too long.
pub(crate) async fn turn(work: Work) -> Option<Flight> {
    let patience = take_over_seconds(work).saturating_add(PATIENCE_SECONDS);
    for _ in 0..patience.saturating_mul(LOOKS_A_SECOND) {
        if !is_under_way(work) {
            return Some(begin(work));
        }
        Delay::from(LOOK).await;
        if !UNDER_WAY.with_borrow(|under_way| under_way.contains_key(&work)) {
            return None;
        }
    }
    None
}

pub(crate) fn is_under_way(work: Work) -> bool {
    let flight = UNDER_WAY.with_borrow(|under_way| under_way.get(&work).copied());
    flight.is_some_and(|flight| flight.since.is_within(take_over_seconds(work), host::now()))
}

const fn take_over_seconds(work: Work) -> u64 {
    match work {
        Work::Confirmation(_) => TAKE_OVER_CONFIRMATION_SECONDS,
        _ => TAKE_OVER_SECONDS,
    }
}

pub(crate) fn begin(work: Work) -> Flight {
    let since = host::now();
    UNDER_WAY.with_borrow_mut(|under_way| {
        let number = under_way.get(&work).map_or(0, |before| before.number.wrapping_add(1));
        let flight = Flight { number, since };
        under_way.insert(work, flight);
        flight
    })
}

/// Says that something has come of a reading, so that it is not taken over.
pub(crate) fn progress(work: Work, flight: Flight) {
    UNDER_WAY.with_borrow_mut(|under_way| {
        if let Some(flight) = under_way.get_mut(&work).filter(|current| current.number == flight.number) {
            flight.since = host::now();
        }
    });
}

/// Whether no other has taken a reading over.
pub(crate) fn is_current(work: Work, flight: Flight) -> bool {
    UNDER_WAY
        .with_borrow(|under_way| under_way.get(&work).is_some_and(|current| current.number == flight.number))
}

/// Ends a reading; false when another has taken it over, whose outcome counts.
pub(crate) fn end(work: Work, flight: Flight) -> bool {
    let is_ours = is_current(work, flight);
    if is_ours {
        UNDER_WAY.with_borrow_mut(|under_way| under_way.remove(&work));
    }
    is_ours
}

/// Says that a reading on demand came to nothing.
pub(crate) fn fail(work: Work) {
    let now = host::now();
    FAILED.with_borrow_mut(|failed| {
        if failed.len() >= MANY_FAILURES {
            failed.retain(|_, at| at.is_within(PAUSE_SECONDS, now));
        }
        failed.insert(work, now);
    });
}

/// Whether a reading on demand came to nothing a moment ago.
pub(crate) fn failed_lately(work: Work) -> bool {
    let failed_at = FAILED.with_borrow(|failed| failed.get(&work).copied());
    let pause = if work == Work::Remedy(Remedy::Head) { HEAD_PAUSE_SECONDS } else { PAUSE_SECONDS };
    failed_at.is_some_and(|at| at.is_within(pause, host::now()))
}
