//! Where tokens come in and outcomes go out: memory that stays, which JavaScript reads and writes by itself.
//!
//! A string through wasm-bindgen costs an allocation, a copy and a check each way. A token that `TextEncoder.encodeInto`
//! writes into a buffer that is there already costs a twelfth of that when measured, and numbers cost nothing. So that is
//! how the way works that every token takes; everything else goes the comfortable way.

use std::cell::RefCell;
use std::ptr;

use revocable::limits::MAX_TOKEN_BYTES;
use revocable::{Claims, Decision, Error, SnapshotInfo, Status, Unknown};
use wasm_bindgen::prelude::*;

use crate::fault;
use crate::number;
use crate::question::Asked;

/// How far a token has come: `OUTCOME` of `pkg/ts/core.ts`.
pub(crate) mod outcome {
    /// It stands: the text is `[header, claims]`.
    pub(crate) const ALLOW: u32 = 0;
    /// It is at fault.
    pub(crate) const DENY: u32 = 1;
    /// Our own data is at fault.
    pub(crate) const UNAVAILABLE: u32 = 2;
    /// Its signature is left to JavaScript.
    pub(crate) const ASK: u32 = 3;
}

/// What stays between two calls.
struct Desk {
    token: Vec<u8>,
    text: Vec<u8>,
    numbers: [u32; 8],
    times: [f64; 3],
    decision: Option<Decision>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        // One more than is allowed, so that a token that is too long is seen to be.
        token: vec![0; MAX_TOKEN_BYTES.saturating_add(1)],
        text: Vec::with_capacity(2048),
        numbers: [0; 8],
        times: [0.0; 3],
        decision: None,
    });
}

/// Where JavaScript writes a token, in UTF-8; how long it may be; where it finds the numbers and the times.
#[wasm_bindgen(js_name = desk)]
#[must_use]
pub fn addresses() -> Vec<u32> {
    DESK.with_borrow(|desk| {
        vec![
            address(&desk.token),
            u32::try_from(desk.token.len()).unwrap_or_default(),
            address(&desk.numbers),
            address(&desk.times),
        ]
    })
}

/// Why the last token was not let through: a `Fault` of `pkg/ts/core.ts`.
#[wasm_bindgen(js_name = lastFault)]
#[must_use]
pub fn last_fault() -> JsValue {
    DESK.with_borrow(|desk| {
        let error = desk.decision.as_ref().and_then(Decision::error);
        error.map_or(JsValue::UNDEFINED, |error| fault::plain(error).into())
    })
}

/// Looks at the token that JavaScript wrote. What is no UTF-8 is no token either.
pub(crate) fn with_token<T>(length: usize, look: impl FnOnce(&str) -> T) -> T {
    DESK.with_borrow(|desk| {
        let token = desk.token.get(..length).unwrap_or_default();
        look(std::str::from_utf8(token).unwrap_or_default())
    })
}

/// Has a text made of the token that JavaScript wrote, for it to pick up: [`outcome::ALLOW`], or what is wrong with it.
pub(crate) fn with_token_and_text(
    length: usize,
    make: impl FnOnce(&str, &mut Vec<u8>) -> Result<(), Error>,
) -> u32 {
    let made = DESK.with_borrow_mut(|desk| {
        let token = desk.token.get(..length).unwrap_or_default();
        desk.text.clear();
        make(std::str::from_utf8(token).unwrap_or_default(), &mut desk.text)?;
        desk.numbers =
            [address(&desk.text), u32::try_from(desk.text.len()).unwrap_or_default(), 0, 0, 0, 0, 0, 0];
        Ok(outcome::ALLOW)
    });
    made.unwrap_or_else(|error| put_decision(Decision::refused(error), false))
}

/// Looks at the decision that was put down last.
pub(crate) fn with_decision<T>(look: impl FnOnce(&Decision) -> T) -> Option<T> {
    DESK.with_borrow(|desk| desk.decision.as_ref().map(look))
}

/// Puts a decision down for JavaScript to pick up. `is_due` says that something should be read in the background.
///
/// | number | what |
/// |---|---|
/// | 0, 1 | where the text is, and how long |
/// | 2 | what the lists said: 0 they were not asked, 1 not revoked, 2 unknown |
/// | 3 | whether there are times: the snapshot's number, its age and how long ago it was confirmed, in seconds |
/// | 4 | whether something is due |
/// | 5 | why the lists could not tell, as an index of `Unknown::ALL` |
pub(crate) fn put_decision(decision: Decision, is_due: bool) -> u32 {
    DESK.with_borrow_mut(|desk| {
        let Desk { text, numbers, times, decision: last, .. } = desk;
        let (mut status, mut reason) = (0, 0);
        let outcome = match &decision {
            Decision::Allow(allowed) => {
                write(text, &allowed.claims);
                status = match allowed.status {
                    None => 0,
                    Some(Status::Unknown(why)) => {
                        let index = Unknown::ALL.iter().position(|known| *known == why);
                        reason = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX);
                        2
                    }
                    Some(_) => 1,
                };
                outcome::ALLOW
            }
            Decision::Deny(_) => outcome::DENY,
            Decision::Unavailable(_) => outcome::UNAVAILABLE,
        };
        let snapshot = decision.snapshot();
        if let Some(info) = snapshot {
            *times = measures(info);
        }
        let length = u32::try_from(text.len()).unwrap_or_default();
        let (has_times, is_due) = (u32::from(snapshot.is_some()), u32::from(is_due));
        *numbers = [address(text), length, status, has_times, is_due, reason, 0, 0];
        *last = Some(decision);
        outcome
    })
}

/// Puts down the claims of a token that stands without any list having been asked, as [`put_decision`] does.
pub(crate) fn put_claims(claims: &Claims, is_due: bool) -> u32 {
    DESK.with_borrow_mut(|desk| {
        write(&mut desk.text, claims);
        let length = u32::try_from(desk.text.len()).unwrap_or_default();
        desk.numbers = [address(&desk.text), length, 0, 0, u32::from(is_due), 0, 0, 0];
        desk.decision = None;
        outcome::ALLOW
    })
}

/// Puts a question down for JavaScript to answer.
///
/// | number | what |
/// |---|---|
/// | 0 | the ticket with which to come back |
/// | 1 | the key's number |
/// | 2 | the algorithm, as an index of `algorithms()` |
/// | 3, 4 | where the signature is, and how long |
/// | 5, 6 | where the signed bytes are, and how many |
pub(crate) fn put_question(asked: &Asked<'_>) -> u32 {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or_default();
    DESK.with_borrow_mut(|desk| {
        desk.numbers = [
            asked.ticket,
            asked.key,
            asked.algorithm,
            address(asked.signature),
            length(asked.signature),
            address(asked.signing_input),
            length(asked.signing_input),
            0,
        ];
    });
    outcome::ASK
}

/// The verified texts themselves and none written anew, as one list, so that one reading does for both.
fn write(text: &mut Vec<u8>, claims: &Claims) {
    text.clear();
    text.push(b'[');
    text.extend_from_slice(claims.header().text());
    text.push(b',');
    text.extend_from_slice(claims.text());
    text.push(b']');
}

fn measures(info: &SnapshotInfo) -> [f64; 3] {
    let seconds = |millis| number::from_u64(millis) / 1000.0;
    [number::from_u64(info.seq), seconds(info.age_millis), seconds(info.checked_millis_ago)]
}

/// Where something is in this module's memory, which ends at 4 GiB.
fn address<T>(of: &[T]) -> u32 {
    u32::try_from(ptr::from_ref(of).addr()).unwrap_or_default()
}
