//! Reads what the library asks for, keys from their URL and the snapshot from its source, and hands it in.

use std::cell::{Cell, RefCell};

use futures_util::{StreamExt, stream};
use revocable::{AuthenticManifest, Error, Fetched, Incoming, Offer, Offered, Remedy, SegmentName};
use worker::{Context, Env};

use crate::flight::{self, Flight, Work};
use crate::source::{self, Failure, Found, Source};
use crate::{counters, host, log, signature, state};

/// Whoever serves keys, or says where they are, has so long to do it.
const KEYS_TIMEOUT_MILLIS: u32 = 5_000;
/// How many segments are read at a time.
pub(crate) const SEGMENTS_AT_A_TIME: usize = 6;

thread_local! {
    /// The hash of a manifest that came into force, and the ETag by which its source knows it.
    static KNOWN: RefCell<Option<([u8; 32], String)>> = const { RefCell::new(None) };
    /// A newer snapshot on its way, with what there is of it, until it is in force or its source has another. It is nobody's own:
    /// whatever becomes of the request that reads it, the next goes on where it was.
    static HALF: RefCell<Option<Box<Incoming>>> = const { RefCell::new(None) };
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
        Remedy::Snapshot => ("snapshot", snapshot(env, flight).await),
        // That is a decision's own, and read for it.
        Remedy::Lacking => ("lacking", Ok(())),
    };
    if let (true, Err(Failure { error, detail })) = (flight::end(Work::Remedy(remedy), flight), outcome) {
        state::with_mut(|gate| gate.verifier_mut().fail(remedy, host::now()));
        counters::failed(what);
        log::failed(what, &error, detail.as_deref());
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
    flight::progress(Work::Remedy(Remedy::Snapshot), flight);
    install(&text, etag, env, flight).await
}

/// Takes a manifest that the ledger has just given, with its segments. Failing that, the log says why, and the gate comes to it
/// in the usual way.
pub(crate) async fn take(text: Vec<u8>, env: &Env) {
    let flight = flight::begin(Work::Remedy(Remedy::Snapshot));
    let outcome = install(&text, None, env, flight).await;
    flight::end(Work::Remedy(Remedy::Snapshot), flight);
    if let Err(Failure { error, detail }) = outcome {
        log::failed("snapshot", &error, detail.as_deref());
    }
}

/// Puts a manifest into force, with its segments.
async fn install(text: &[u8], etag: Option<String>, env: &Env, flight: Flight) -> Result<(), Failure> {
    let hash = match resumed(text) {
        Some(hash) => hash,
        None => match offered(text, flight).await? {
            Some(hash) => hash,
            None => return Ok(()),
        },
    };
    let gathered = gather(&hash, env, flight).await;
    // Another request may have read the same, and have been faster.
    if in_force(|current, _| *current) != Some(hash) {
        gathered?;
        let is_whole =
            |half: &mut Box<Incoming>| half.manifest().hash() == &hash && half.missing().is_empty();
        let Some(incoming) = HALF.with_borrow_mut(|half| half.take_if(is_whole)) else { return Ok(()) };
        let accepted = state::with_mut(|gate| {
            gate.verifier_mut().revocations_mut().map(|lists| lists.accept(*incoming, host::now()))
        });
        accepted.flatten().unwrap_or(Ok(()))?;
    }
    KNOWN.set(etag.map(|etag| (hash, etag)));
    Ok(())
}

/// The hash of the snapshot on its way, if it is the one of this manifest: its signature was checked then.
fn resumed(text: &[u8]) -> Option<[u8; 32]> {
    HALF.with_borrow(|half| {
        let manifest = half.as_ref()?.manifest();
        (manifest.text() == text).then(|| *manifest.hash())
    })
}

/// Offers a manifest: its hash, if it is the one in force or on its way there.
async fn offered(text: &[u8], flight: Flight) -> Result<Option<[u8; 32]>, Failure> {
    let started = state::with(|gate| gate.verifier().revocations().map(|lists| lists.start(text)));
    let Some(offered) = started.flatten() else { return Ok(None) };
    let manifest = authenticate(offered?).await?;
    // Whoever has taken this over may have read a newer one, of which there is something already.
    if !flight::is_current(Work::Remedy(Remedy::Snapshot), flight) {
        return Ok(None);
    }
    let offer = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.consider(manifest, host::now()))
    });
    Ok(match offer.flatten() {
        None => None,
        Some(offer) => match offer? {
            Offer::Unchanged => {
                HALF.set(None);
                in_force(|hash, _| *hash)
            }
            Offer::Newer(incoming) => {
                let hash = *incoming.manifest().hash();
                HALF.set(Some(incoming));
                Some(hash)
            }
        },
    })
}

/// Reads what the snapshot on its way lacks. A manifest may be visible before its segments are: then what there is of them is
/// kept, and the snapshot before goes on answering.
async fn gather(hash: &[u8; 32], env: &Env, flight: Flight) -> Result<(), Failure> {
    let work = Work::Remedy(Remedy::Snapshot);
    let wanted = on_its_way(hash, |half| {
        let lengths = half.missing().into_iter().map(|name| (name, half.length(&name)));
        lengths.filter_map(|(name, bytes)| Some((name, bytes?))).collect::<Vec<(SegmentName, u64)>>()
    });
    // Where one is not there the others may be; where nobody answers, no more are asked for.
    let answers = Cell::new(true);
    let reading = wanted.unwrap_or_default().into_iter().take_while(|_| answers.get());
    // Each is handed in as it comes, so that no more than these few are held twice.
    let mut segments = stream::iter(reading)
        .map(|(name, bytes)| async move {
            (name, source::segment(env, &name, bytes, || flight::progress(work, flight)).await)
        })
        .buffer_unordered(SEGMENTS_AT_A_TIME);
    let mut outcome = Ok(());
    while let Some((name, read)) = segments.next().await {
        match read {
            // Another request may have handed it in meanwhile, or have begun to read another snapshot.
            Ok(read) => {
                let supplied = on_its_way(hash, |half| match half.length(&name) {
                    Some(_) => half.supply_hashed(name, read.to_vec()),
                    None => Ok(()),
                });
                supplied.unwrap_or(Ok(()))?;
            }
            Err(failure) => {
                answers.set(answers.get() && failure.error != Error::SourceUnavailable);
                outcome = outcome.and(Err(failure));
            }
        }
    }
    outcome
}

/// Looks at the snapshot on its way, if it is still this one.
fn on_its_way<T>(hash: &[u8; 32], look: impl FnOnce(&mut Incoming) -> T) -> Option<T> {
    HALF.with_borrow_mut(|half| half.as_deref_mut().filter(|half| half.manifest().hash() == hash).map(look))
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
