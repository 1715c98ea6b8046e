//! Reads what the library asks for, keys from their URL and the snapshot from its source, and hands it in.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use revocable::{AuthenticManifest, Error, Fetched, Offer, Offered, Remedy, SegmentName};
use worker::{Context, Delay, Env};

use crate::flight::{self, Flight, Work};
use crate::source::{self, Failure, Found, Source};
use crate::{host, log, signature, state};

/// Whoever serves keys, or says where they are, has so long to do it.
const KEYS_TIMEOUT_MILLIS: u32 = 5_000;
/// A source has so long for a manifest and its segments.
pub(crate) const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many segments are read at a time.
pub(crate) const SEGMENTS_AT_A_TIME: usize = 6;

thread_local! {
    /// The hash of a manifest that came into force, and the ETag by which its source knows it.
    static KNOWN: RefCell<Option<([u8; 32], String)>> = const { RefCell::new(None) };
}

/// Has something read by the time this returns, by this request or another; failing that, the log says why.
pub(crate) async fn remedy(remedy: Remedy, env: &Env) {
    if let Some(flight) = flight::turn(Work::Remedy(remedy)).await {
        begin(remedy);
        read(remedy, flight, env).await;
    }
}

/// Reads, after the answer, whatever has passed its soft limit.
pub(crate) fn in_background(env: &Env, context: &Context) {
    let due = state::with(|gate| gate.verifier().due(host::now())).unwrap_or_default();
    for due in due.into_iter().filter(|due| !flight::is_under_way(Work::Remedy(*due))) {
        let flight = flight::begin(Work::Remedy(due));
        begin(due);
        let env = env.clone();
        context.wait_until(async move { read(due, flight, &env).await });
    }
}

fn begin(remedy: Remedy) {
    state::with_mut(|gate| gate.verifier_mut().begin(remedy, host::now()));
}

/// Reads what has been begun.
async fn read(remedy: Remedy, flight: Flight, env: &Env) {
    let (what, outcome) = match remedy {
        Remedy::Keys(issuer) => ("keys", keys(issuer, flight).await),
        Remedy::Snapshot => ("snapshot", within(SNAPSHOT_TIMEOUT, snapshot(env, flight)).await),
        // That is a decision's own, and read for it.
        Remedy::Lacking => ("lacking", Ok(())),
    };
    if let (true, Err(Failure { error, detail })) = (flight::end(Work::Remedy(remedy), flight), outcome) {
        state::with_mut(|gate| gate.verifier_mut().fail(remedy, host::now()));
        log::failed(what, &error, detail.as_deref());
    }
}

pub(crate) async fn within(
    time: Duration,
    reading: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    match select(pin!(reading), pin!(Delay::from(time))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(Failure::of(Error::SourceUnavailable, "the source did not answer in time")),
    }
}

async fn keys(issuer: usize, flight: Flight) -> Result<(), Failure> {
    let first = state::with(|gate| {
        gate.verifier().issuers().get(issuer).and_then(|issuer| issuer.keys().next_fetch(host::now()))
    });
    let mut next = first.flatten();
    while let Some(fetch) = next {
        let asked_at = host::now();
        let got = host::get(&fetch, KEYS_TIMEOUT_MILLIS).await;
        let got = got.map_err(|fault| Failure::of(Error::JwksUnavailable, &host::describe(&fault)))?;
        flight::progress(Work::Remedy(Remedy::Keys(issuer)), flight);
        let fetched = Fetched { document: &got.body, asked_at, freshness: got.freshness };
        let installed = state::with_mut(|gate| {
            let issuer = gate.verifier_mut().issuer_mut(issuer)?;
            Some(issuer.keys_mut().install(&fetch, &fetched, host::now()))
        });
        next = installed.flatten().unwrap_or(Ok(None))?;
    }
    Ok(())
}

async fn snapshot(env: &Env, flight: Flight) -> Result<(), Failure> {
    let source = Source::configured(env)?;
    let (text, etag) = match source.manifest(known().as_deref()).await? {
        Found::Manifest { text, etag } => (text, etag),
        // It is offered again, and says itself whether it may still be relied on.
        Found::Unchanged => (in_force(|_, text| text.to_vec()).ok_or(Error::SourceUnavailable)?, known()),
    };
    let started = state::with(|gate| gate.verifier().revocations().map(|lists| lists.start(&text)));
    let Some(offered) = started.flatten() else { return Ok(()) };
    let manifest = authenticate(offered?).await?;
    let offered = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.consider(manifest, host::now()))
    });
    let Some(offer) = offered.flatten() else { return Ok(()) };
    if let Offer::Newer(mut incoming) = offer? {
        let wanted: Vec<(SegmentName, u64)> =
            incoming.missing().into_iter().filter_map(|name| Some((name, incoming.length(&name)?))).collect();
        // Each is handed in as it comes, so that no more than these few are held twice. A manifest may be visible before its
        // segments are: then the snapshot before goes on answering.
        let mut segments = stream::iter(wanted)
            .map(|(name, bytes)| async move { (name, source::segment(env, &name, bytes).await) })
            .buffer_unordered(SEGMENTS_AT_A_TIME);
        while let Some((name, read)) = segments.next().await {
            incoming.supply_hashed(name, read?.to_vec())?;
            flight::progress(Work::Remedy(Remedy::Snapshot), flight);
        }
        let accepted = state::with_mut(|gate| {
            gate.verifier_mut().revocations_mut().map(|lists| lists.accept(*incoming, host::now()))
        });
        accepted.flatten().unwrap_or(Ok(()))?;
    }
    let hash = in_force(|hash, _| *hash);
    KNOWN.set(hash.zip(etag));
    Ok(())
}

/// The ETag of the manifest in force, as far as its source gave one.
fn known() -> Option<String> {
    let hash = in_force(|hash, _| *hash)?;
    KNOWN.with_borrow(|known| known.as_ref().filter(|(of, _)| *of == hash).map(|(_, etag)| etag.clone()))
}

/// Looks at the manifest in force: its hash and its text.
fn in_force<T>(look: impl FnOnce(&[u8; 32], &[u8]) -> T) -> Option<T> {
    let look = state::with(|gate| {
        let manifest = gate.verifier().revocations()?.snapshot()?.manifest();
        Some(look(manifest.hash(), manifest.text()))
    });
    look.flatten()
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
