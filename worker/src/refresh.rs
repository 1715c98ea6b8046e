//! Reads what the library asks for, keys from their URL and the snapshot from KV, and hands it in.
//!
//! One request reads at a time, and the others look again by timers of their own: a promise belongs to the request that
//! made it, and dies with it. A reading that takes long, or whose request is gone, is taken over.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use revocable::limits::MAX_MANIFEST_BYTES;
use revocable::{AuthenticManifest, Error, Fetched, Offer, Offered, Remedy, SegmentName, UnixTime};
use wasm_bindgen::JsValue;
use worker::kv::KvStore;
use worker::{Context, Delay, Env};

use crate::{host, log, signature, state};

/// Whoever serves keys, or says where they are, has so long to do it.
const KEYS_TIMEOUT_MILLIS: u32 = 5_000;
/// KV has so long for a manifest and its segments.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// The least that KV allows. It holds for what is *not* there as well, so segments, which never change, have no more: one
/// that becomes visible after its manifest must be found when it is looked for again.
const KV_CACHE_SECONDS: u64 = 30;
/// How many segments are read at a time.
const SEGMENTS_AT_A_TIME: usize = 6;
/// A reading of which nothing comes for longer no longer keeps others from beginning one.
const TAKE_OVER_SECONDS: u64 = 1;
/// How often to look whether somebody else's reading has ended, and how often at most.
const LOOK: Duration = Duration::from_millis(20);
const MOST_LOOKS: usize = 100;

thread_local! {
    /// What is being read.
    static UNDER_WAY: RefCell<HashMap<Remedy, Flight>> = RefCell::new(HashMap::new());
}

/// A reading under way. Its number tells it from one that has taken it over.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Flight {
    number: u64,
    /// Since when nothing has come of it.
    since: UnixTime,
}

/// Why a reading came to nothing: the code, and what the platform said.
struct Failure {
    error: Error,
    detail: Option<String>,
}

/// Has something read by the time this returns, by this request or another; failing that, the log says why.
pub(crate) async fn remedy(remedy: Remedy, env: &Env) {
    for _ in 0..MOST_LOOKS {
        if !is_under_way(remedy) {
            return read(remedy, begin(remedy), env).await;
        }
        Delay::from(LOOK).await;
        if !UNDER_WAY.with_borrow(|under_way| under_way.contains_key(&remedy)) {
            return;
        }
    }
}

/// Reads, after the answer, whatever has passed its soft limit.
pub(crate) fn in_background(env: &Env, context: &Context) {
    let due = state::with(|gate| gate.verifier().due(host::now())).unwrap_or_default();
    for due in due.into_iter().filter(|due| !is_under_way(*due)) {
        let number = begin(due);
        let env = env.clone();
        context.wait_until(async move { read(due, number, &env).await });
    }
}

fn is_under_way(remedy: Remedy) -> bool {
    let flight = UNDER_WAY.with_borrow(|under_way| under_way.get(&remedy).copied());
    flight.is_some_and(|flight| flight.since.is_within(TAKE_OVER_SECONDS, host::now()))
}

fn begin(remedy: Remedy) -> u64 {
    let since = host::now();
    state::with_mut(|gate| gate.verifier_mut().begin(remedy, since));
    UNDER_WAY.with_borrow_mut(|under_way| {
        let number = under_way.get(&remedy).map_or(0, |before| before.number.wrapping_add(1));
        under_way.insert(remedy, Flight { number, since });
        number
    })
}

/// Says that something has come of a reading, so that it is not taken over.
fn progress(remedy: Remedy, number: u64) {
    UNDER_WAY.with_borrow_mut(|under_way| {
        if let Some(flight) = under_way.get_mut(&remedy).filter(|flight| flight.number == number) {
            flight.since = host::now();
        }
    });
}

/// Ends a reading; false when another has taken it over, whose outcome counts.
fn end(remedy: Remedy, number: u64) -> bool {
    UNDER_WAY.with_borrow_mut(|under_way| {
        let is_ours = under_way.get(&remedy).is_some_and(|flight| flight.number == number);
        if is_ours {
            under_way.remove(&remedy);
        }
        is_ours
    })
}

/// Reads what has been begun.
async fn read(remedy: Remedy, number: u64, env: &Env) {
    let (what, outcome) = match remedy {
        Remedy::Keys(issuer) => ("keys", keys(issuer, number).await),
        Remedy::Snapshot | Remedy::Lacking => {
            ("snapshot", within(SNAPSHOT_TIMEOUT, snapshot(env, number)).await)
        }
    };
    if let (true, Err(Failure { error, detail })) = (end(remedy, number), outcome) {
        state::with_mut(|gate| gate.verifier_mut().fail(remedy, host::now()));
        log::failed(what, &error, detail.as_deref());
    }
}

async fn within(time: Duration, reading: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    match select(pin!(reading), pin!(Delay::from(time))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(Failure::of(Error::SourceUnavailable, "KV did not answer in time")),
    }
}

async fn keys(issuer: usize, number: u64) -> Result<(), Failure> {
    let first = state::with(|gate| {
        gate.verifier().issuers().get(issuer).and_then(|issuer| issuer.keys().next_fetch(host::now()))
    });
    let mut next = first.flatten();
    while let Some(fetch) = next {
        let asked_at = host::now();
        let got = host::get(&fetch, KEYS_TIMEOUT_MILLIS).await;
        let got = got.map_err(|fault| Failure::js(Error::JwksUnavailable, &fault))?;
        progress(Remedy::Keys(issuer), number);
        let fetched = Fetched { document: &got.body, asked_at, freshness: got.freshness };
        let installed = state::with_mut(|gate| {
            let issuer = gate.verifier_mut().issuer_mut(issuer)?;
            Some(issuer.keys_mut().install(&fetch, &fetched, host::now()))
        });
        next = installed.flatten().unwrap_or(Ok(None))?;
    }
    Ok(())
}

async fn snapshot(env: &Env, number: u64) -> Result<(), Failure> {
    let kv = env.kv("REVOCATIONS");
    let kv = kv.map_err(|_| Failure::of(Error::SourceUnavailable, "there is no KV binding REVOCATIONS"))?;
    let manifest = object(&kv, "manifest.jwt", MAX_MANIFEST_BYTES).await?;
    let manifest = manifest
        .ok_or(Failure::of(Error::SourceUnavailable, "KV holds no manifest.jwt, or does not show it yet"))?;
    let started = state::with(|gate| gate.verifier().revocations().map(|lists| lists.start(&manifest)));
    let Some(offered) = started.flatten() else { return Ok(()) };
    let manifest = authenticate(offered?).await?;
    let offered = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.consider(manifest, host::now()))
    });
    let Some(offer) = offered.flatten() else { return Ok(()) };
    let Offer::Newer(mut incoming) = offer? else { return Ok(()) };
    let missing = incoming.missing();
    let wanted: Vec<(SegmentName, u64)> =
        missing.into_iter().filter_map(|name| Some((name, incoming.length(&name)?))).collect();
    // Each is handed in as it comes, so that no more than these few are held twice.
    let mut segments = stream::iter(wanted)
        .map(|(name, bytes)| segment(&kv, name, bytes))
        .buffer_unordered(SEGMENTS_AT_A_TIME);
    while let Some(read) = segments.next().await {
        let (name, bytes) = read?;
        incoming.supply_hashed(name, bytes)?;
        progress(Remedy::Snapshot, number);
    }
    let accepted = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.accept(*incoming, host::now()))
    });
    Ok(accepted.flatten().unwrap_or(Ok(()))?)
}

/// Has a manifest's signature checked.
async fn authenticate(mut offered: Offered) -> Result<AuthenticManifest, Error> {
    loop {
        match offered {
            Offered::Authentic(manifest) => return Ok(manifest),
            Offered::Asking(manifest) => {
                let answer = signature::answer(manifest.question()).await;
                offered = manifest.answer(answer)?;
            }
        }
    }
}

/// Reads a segment, no more of it than the manifest says there is, and names it by what its own bytes make. A manifest may
/// be visible before its segments are: then the snapshot before goes on answering.
async fn segment(kv: &KvStore, name: SegmentName, bytes: u64) -> Result<(SegmentName, Vec<u8>), Failure> {
    let limit = usize::try_from(bytes).unwrap_or(usize::MAX);
    let bytes = object(kv, &name.object_name(), limit).await?.ok_or(Error::SegmentMissing)?;
    let name = host::segment_name(&bytes).await;
    Ok((name.map_err(|fault| Failure::js(Error::SourceUnavailable, &fault))?, bytes))
}

async fn object(kv: &KvStore, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    let stream = kv.get(name).cache_ttl(KV_CACHE_SECONDS).stream().await;
    let stream = stream.map_err(|fault| Failure::of(Error::SourceUnavailable, &fault.to_string()))?;
    let Some(stream) = stream else { return Ok(None) };
    let read = host::read(&stream, limit).await;
    Ok(Some(read.map_err(|fault| Failure::js(Error::SourceUnavailable, &fault))?))
}

impl Failure {
    fn of(error: Error, detail: &str) -> Self {
        Self { error, detail: Some(detail.to_owned()) }
    }

    fn js(error: Error, fault: &JsValue) -> Self {
        Self::of(error, &host::describe(fault))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, detail: None }
    }
}
