//! Takes tokens as far as they come with what is at hand, whichever verifier they are for.

use revocable::{Answer, Asking, Gate, Progress};

use crate::{signature, state};

/// Starts, and goes on with what the host says of signatures until there is an end.
pub(crate) async fn settle<T>(
    start: impl FnOnce(&Gate) -> Option<Progress<T>>,
    resume: impl Fn(&Gate, Asking, Answer) -> Option<Progress<T>>,
) -> Option<T> {
    let mut progress = state::with(start).flatten()?;
    loop {
        match progress {
            Progress::Decided(end) => return Some(end),
            Progress::Asking(asking) => {
                let answer = signature::answer(asking.question()).await;
                progress = state::with(|gate| resume(gate, *asking, answer)).flatten()?;
            }
        }
    }
}
