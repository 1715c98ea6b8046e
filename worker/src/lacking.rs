//! Reads what a decision lacks: single segments, and confirmations of hits that are too coarse to be believed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use revocable::gate::{ConfirmQuestion, Remote};
use revocable::limits::MAX_CONFIRM_BYTES;
use revocable::{Confirmation, Error, Lack, SegmentName};
use worker::Env;

use crate::flight::{self, CONFIRM_TIMEOUT_MILLIS, Flight, Work};
use crate::host::{self, Caching, Call};
use crate::refresh::SEGMENTS_AT_A_TIME;
use crate::source::{self, Failure};
use crate::{log, refresh, state};

/// How many questions are asked for one decision. Who brings a token for which that is not enough waits for the exact segment,
/// or gets what the policy says.
const MOST_QUESTIONS: usize = 4;

/// What is to be read, by name, and how long it is.
type Segments = BTreeMap<SegmentName, u64>;

/// Has what is lacking read; false when none of it came.
pub(crate) async fn supply(lacking: &[Lack], env: &Env) -> bool {
    let (mut segments, mut hits) = (Segments::new(), Vec::new());
    for lack in lacking {
        match lack {
            Lack::Segment { name, bytes } => drop(segments.insert(*name, *bytes)),
            Lack::Confirmation(confirmation) => hits.push(confirmation),
        }
    }
    let confirmer = state::with(|gate| gate.places().confirm.clone()).flatten();
    let Some(confirmer) = confirmer else {
        segments.extend(exact(&hits));
        return read(segments, env).await;
    };
    let (some_read, open) = join(read(segments, env), confirm(&confirmer, hits.clone())).await;
    // What whoever should know did not say, the segment says that keeps more of each id.
    let instead = read(exact(&open), env).await;
    some_read || instead || open.len() < hits.len()
}

fn exact(hits: &[&Confirmation]) -> Segments {
    hits.iter().filter_map(|hit| hit.exact).map(|exact| (exact.name, exact.bytes)).collect()
}

async fn read(segments: Segments, env: &Env) -> bool {
    let reading = segments.into_iter().map(|(name, bytes)| segment(name, bytes, env));
    let mut reading = stream::iter(reading).buffer_unordered(SEGMENTS_AT_A_TIME);
    let mut any = false;
    while let Some(came) = reading.next().await {
        any |= came;
    }
    any
}

/// Has one segment at hand by the time this returns, read by this request or by another; failing that, the log says why.
async fn segment(name: SegmentName, bytes: u64, env: &Env) -> bool {
    let work = Work::Segment(name);
    if flight::failed_lately(work) {
        return false;
    }
    let Some(flight) = flight::turn(work).await else { return is_at_hand(&name) };
    if is_at_hand(&name) {
        flight::end(work, flight);
        return true;
    }
    let outcome = async {
        let read =
            source::segment(env, &name, bytes, refresh::first(), || flight::progress(work, flight)).await?;
        let supplied = state::with_mut(|gate| {
            // Its bytes have been hashed, and are those of the name.
            gate.verifier_mut().revocations_mut().map(|lists| lists.supply(name, name, read.to_vec()))
        });
        Ok(supplied.flatten().unwrap_or(Ok(()))?)
    };
    conclude("segment", work, work, flight, outcome.await)
}

fn is_at_hand(name: &SegmentName) -> bool {
    let is_at_hand =
        state::with(|gate| Some(gate.verifier().revocations()?.snapshot()?.segment(name).is_some()));
    is_at_hand.flatten() == Some(true)
}

/// Has hits confirmed; those that were not are given back.
async fn confirm<'c>(confirmer: &Remote, hits: Vec<&'c Confirmation>) -> Vec<&'c Confirmation> {
    let mut open = hits;
    for _ in 0..MOST_QUESTIONS {
        let question = state::with(|gate| {
            let manifest = gate.verifier().revocations()?.snapshot()?.manifest();
            ConfirmQuestion::body(manifest, open.iter().copied())
        });
        let Some((body, asked)) = question.flatten() else { break };
        let (goes_on, before) = (ask(confirmer, &body, &asked).await, open.len());
        // By this question, or by one that another request asked meanwhile.
        open.retain(|hit| is_open(hit));
        // Whoever waited for nothing does not wait for it again.
        if !goes_on || open.len() == before {
            break;
        }
    }
    open
}

/// Whether a snapshot in force has this hit, and does not know better yet.
fn is_open(hit: &Confirmation) -> bool {
    let is_open = state::with(|gate| Some(gate.verifier().revocations()?.awaits(hit)));
    is_open.flatten() == Some(true)
}

/// Asks one question, unless another request asks it; false when nobody is to be asked another.
async fn ask(confirmer: &Remote, body: &str, asked: &[&Confirmation]) -> bool {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let work = Work::Confirmation(hasher.finish());
    if flight::failed_lately(Work::Confirmer) {
        return false;
    }
    // Whoever asked the same has put the answers where a look finds them, if they came.
    let Some(flight) = flight::turn(work).await else { return !flight::failed_lately(Work::Confirmer) };
    // Before its turn, another request may have had all of it confirmed.
    if !asked.iter().any(|hit| is_open(hit)) {
        flight::end(work, flight);
        return true;
    }
    let outcome = exchange(confirmer, body, asked).await;
    conclude("confirm", work, Work::Confirmer, flight, outcome)
}

async fn exchange(confirmer: &Remote, body: &str, asked: &[&Confirmation]) -> Result<(), Failure> {
    let call = Call { caching: Caching::Fresh, ..Call::to(confirmer, host::after(CONFIRM_TIMEOUT_MILLIS)) };
    let answer = call.post(confirmer.url(), body).await.map_err(|fault| Failure::js(&fault))?;
    let status = answer.status();
    let stream = answer.body().filter(|_| status == 200);
    let stream = stream.ok_or_else(|| {
        Failure::of(Error::SourceUnavailable, &format!("the confirmer's answer has status {status}"))
    })?;
    let read = host::read(&stream, MAX_CONFIRM_BYTES).await.map_err(|fault| Failure::js(&fault))?;
    let kept = state::with_mut(|gate| {
        let lists = gate.verifier_mut().revocations_mut()?;
        let manifest = lists.snapshot()?.manifest();
        let answers = ConfirmQuestion::read_answers(&read, manifest, asked)?;
        asked.iter().zip(answers).for_each(|(hit, answer)| lists.confirm(hit, answer));
        Some(())
    });
    let malformed = "the confirmer's answer is malformed, or about an older list";
    kept.flatten().ok_or_else(|| Failure::of(Error::SourceUnavailable, malformed))
}

/// Ends a reading; false when it came to nothing, and then `paused` is left alone for a moment.
fn conclude(what: &str, work: Work, paused: Work, flight: Flight, outcome: Result<(), Failure>) -> bool {
    let is_ours = flight::end(work, flight);
    let Err(Failure { error, detail }) = outcome else { return true };
    if is_ours {
        flight::fail(paused);
        log::failed(what, &error, detail.as_deref());
    }
    false
}
