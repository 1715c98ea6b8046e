//! Reads what the library asks for, keys from their URL and the snapshot from its source, and hands it in.

use std::cell::{Cell, RefCell};

use futures_util::{StreamExt, stream};
use revocable::{
    AuthenticManifest, Error, Fetched, Gate, Incoming, KeyCache, Offer, Offered, Remedy, SegmentName,
    UnixTime, Verifier, Wanted,
};
use worker::{Context, Env};

use crate::flight::{self, Flight, Work};
use crate::source::{self, Failure, First, Found, Source};
use crate::{counters, follow, host, log, signature, state};

/// Whoever serves keys, or says where they are, has so long to do it.
const KEYS_TIMEOUT_MILLIS: u32 = 5_000;
/// How many segments are read at a time.
pub(crate) const SEGMENTS_AT_A_TIME: usize = 6;

/// How often a manifest that the ledger gave is offered while others are, too.
const MOST_TRIES: usize = 4;

thread_local! {
    /// The hash of a manifest that came into force, and the ETag by which its source knows it.
    static KNOWN: RefCell<Option<([u8; 32], String)>> = const { RefCell::new(None) };
    /// A newer snapshot on its way, with what there is of it, until it is in force or its source has another. It is nobody's own:
    /// whatever becomes of the request that reads it, the next goes on where it was.
    static HALF: RefCell<Option<Box<Incoming>>> = const { RefCell::new(None) };
    /// The hash of a manifest that came into force out of its authority's hands, until its source shows it too.
    static AHEAD: Cell<Option<[u8; 32]>> = const { Cell::new(None) };
}

/// How a snapshot is read; it is one at a time of each.
const LOOK: Work = Work::Remedy(Remedy::Snapshot);
const FOLLOW: Work = Work::Remedy(Remedy::Head);

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
        Remedy::Keys(issuer) => ("keys", keys(Whose::Tokens, issuer, flight).await),
        Remedy::Snapshot => ("snapshot", snapshot(env, flight).await),
        // These are a decision's own, and read for it.
        Remedy::Head => ("head", Ok(())),
        Remedy::Lacking => ("lacking", Ok(())),
    };
    if let (true, Err(Failure { error, detail })) = (flight::end(Work::Remedy(remedy), flight), outcome) {
        state::with_mut(|gate| gate.verifier_mut().fail(remedy, host::now()));
        counters::failed(what);
        log::failed(what, &error, detail.as_deref());
    }
}

/// Has the keys of a sender of security events read by the time this returns, as [`remedy`] does.
pub(crate) async fn sender_keys(sender: usize) {
    if let Some(flight) = flight::turn(Work::SenderKeys(sender)).await {
        read_sender_keys(sender, flight).await;
    }
}

/// Reads, after the answer, what keys of senders have passed their soft limit.
pub(crate) fn sender_keys_in_background(context: &Context) {
    let due = with_senders(|senders| senders.due(host::now())).unwrap_or_default();
    for due in due {
        if let Remedy::Keys(sender) = due
            && !flight::is_under_way(Work::SenderKeys(sender))
        {
            let flight = flight::begin(Work::SenderKeys(sender));
            context.wait_until(read_sender_keys(sender, flight));
        }
    }
}

async fn read_sender_keys(sender: usize, flight: Flight) {
    let work = Remedy::Keys(sender);
    with_senders(|senders| senders.begin(work, host::now()));
    let outcome = keys(Whose::Events, sender, flight).await;
    if let (true, Err(Failure { error, detail })) = (flight::end(Work::SenderKeys(sender), flight), outcome) {
        with_senders(|senders| senders.fail(work, host::now()));
        counters::failed("sender_keys");
        log::failed("sender_keys", &error, detail.as_deref());
    }
}

fn with_senders<T>(change: impl FnOnce(&mut Verifier) -> T) -> Option<T> {
    state::with_mut(|gate| Whose::Events.verifier(gate).map(change)).flatten()
}

/// Whose keys: of an issuer of tokens, or of a sender of security events.
#[derive(Clone, Copy)]
enum Whose {
    Tokens,
    Events,
}

impl Whose {
    fn verifier(self, gate: &mut Gate) -> Option<&mut Verifier> {
        match self {
            Self::Tokens => Some(gate.verifier_mut()),
            Self::Events => gate.authority_mut().map(|authority| authority.senders_mut()),
        }
    }

    fn keys<T>(self, index: usize, change: impl FnOnce(&mut KeyCache) -> T) -> Option<T> {
        state::with_mut(|gate| Some(change(self.verifier(gate)?.issuer_mut(index)?.keys_mut()))).flatten()
    }

    const fn work(self, index: usize) -> Work {
        match self {
            Self::Tokens => Work::Remedy(Remedy::Keys(index)),
            Self::Events => Work::SenderKeys(index),
        }
    }
}

async fn keys(whose: Whose, index: usize, flight: Flight) -> Result<(), Failure> {
    let mut next = whose.keys(index, |keys| keys.next_fetch(host::now())).flatten();
    while let Some(fetch) = next {
        let asked_at = host::now();
        let got = host::get(&fetch, KEYS_TIMEOUT_MILLIS).await;
        let got = got.map_err(|fault| Failure::of(Error::JwksUnavailable, &host::describe(&fault)))?;
        flight::progress(whose.work(index), flight);
        let fetched = Fetched { document: &got.body, asked_at, freshness: got.freshness };
        let installed = whose.keys(index, |keys| keys.install(&fetch, &fetched, host::now()));
        next = installed.unwrap_or(Ok(None))?;
    }
    Ok(())
}

async fn snapshot(env: &Env, flight: Flight) -> Result<(), Failure> {
    let found = match Source::configured(env) {
        Ok(source) => source.manifest(known().as_deref()).await,
        Err(failure) => Err(failure),
    };
    let (text, etag) = match found {
        Ok(Found::Manifest { text, etag }) => (text, etag),
        // It is offered again, and says itself whether it may still be relied on.
        Ok(Found::Unchanged) => (in_force(|_, text| text.to_vec()).ok_or(Error::SourceUnavailable)?, known()),
        Err(failure) if Source::authority(env).is_some() => return instead(failure, env, flight).await,
        Err(failure) => return Err(failure),
    };
    let Some(hash) = enforce(&text, First::Source, LOOK, flight, env).await? else { return Ok(()) };
    KNOWN.set(etag.map(|etag| (hash, etag)));
    if AHEAD.get() == Some(hash) {
        AHEAD.set(None);
    }
    Ok(())
}

/// Asks the authority instead of the source, which came to nothing.
async fn instead(failure: Failure, env: &Env, flight: Flight) -> Result<(), Failure> {
    log::failed("snapshot", &failure.error, failure.detail.as_deref());
    follow::check(host::now().minus_seconds(1), LOOK, flight, env).await?;
    // Whether a list that has expired was brought up to date, the decision says.
    if in_force(|_, _| ()).is_some() { Ok(()) } else { Err(failure) }
}

/// Puts the manifest that a head names in force, out of its authority's hands.
pub(crate) async fn bring(wanted: &Wanted, work: Work, flight: Flight, env: &Env) -> Result<(), Failure> {
    let half = on_its_way(&wanted.hash, |half| half.manifest().text().to_vec());
    let text = match half {
        Some(text) => text,
        None => {
            let authority = Source::authority(env).ok_or(Error::SourceUnavailable)?;
            authority.numbered(wanted).await?
        }
    };
    enforce(&text, First::Authority, work, flight, env).await.map(drop)
}

/// Takes a manifest that the ledger has just given as its newest, with its segments. Failing that, the log says why, and the gate
/// comes to it in the usual way.
pub(crate) async fn take(text: Vec<u8>, asked_at: UnixTime, env: &Env) {
    let mut outcome = Ok(None);
    for _ in 0..MOST_TRIES {
        let flight = flight::begin(FOLLOW);
        outcome = enforce(&text, First::Authority, FOLLOW, flight, env).await;
        flight::end(FOLLOW, flight);
        // Another request that was given one has taken this over: whichever is the newer must be in force.
        if !matches!(outcome, Ok(None)) {
            break;
        }
    }
    match outcome {
        Ok(hash) => {
            let now = host::now();
            state::with_mut(|gate| {
                let lists = gate.verifier_mut().revocations_mut()?;
                lists.is_newest(&hash?, asked_at, now);
                Some(())
            });
        }
        Err(Failure { error, detail }) => log::failed("snapshot", &error, detail.as_deref()),
    }
}

/// Puts a manifest in force, if it is newer, when all is read that it names: its hash, if it then is.
async fn enforce(
    text: &[u8],
    first: First,
    work: Work,
    flight: Flight,
    env: &Env,
) -> Result<Option<[u8; 32]>, Failure> {
    flight::progress(work, flight);
    let hash = match resumed(text) {
        Some(hash) => hash,
        None => match offered(text, work, flight).await? {
            Some(hash) => hash,
            None => return Ok(None),
        },
    };
    let gathered = gather(&hash, first, env, work, flight).await;
    // Another request may have read the same, and have been faster.
    if in_force(|current, _| *current) != Some(hash) {
        gathered?;
        let is_whole =
            |half: &mut Box<Incoming>| half.manifest().hash() == &hash && half.missing().is_empty();
        let Some(incoming) = HALF.with_borrow_mut(|half| half.take_if(is_whole)) else { return Ok(None) };
        let accepted = state::with_mut(|gate| {
            gate.verifier_mut().revocations_mut().map(|lists| lists.accept(*incoming, host::now()))
        });
        accepted.flatten().unwrap_or(Ok(()))?;
        AHEAD.set((first == First::Authority).then_some(hash));
    }
    Ok(Some(hash))
}

/// Who is asked first for segments of the snapshot in force.
pub(crate) fn first() -> First {
    let ahead = AHEAD.get();
    if ahead.is_some() && in_force(|hash, _| *hash) == ahead { First::Authority } else { First::Source }
}

/// The hash of the snapshot on its way, if it is the one of this manifest: its signature was checked then.
fn resumed(text: &[u8]) -> Option<[u8; 32]> {
    HALF.with_borrow(|half| {
        let manifest = half.as_ref()?.manifest();
        (manifest.text() == text).then(|| *manifest.hash())
    })
}

/// Offers a manifest: its hash, if it is the one in force or on its way there.
async fn offered(text: &[u8], work: Work, flight: Flight) -> Result<Option<[u8; 32]>, Failure> {
    let started = state::with(|gate| gate.verifier().revocations().map(|lists| lists.start(text)));
    let Some(offered) = started.flatten() else { return Ok(None) };
    let manifest = authenticate(offered?).await?;
    // Whoever has taken this over may have read a newer one, of which there is something already.
    if !flight::is_current(work, flight) {
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
                let manifest = incoming.manifest();
                // Nor is one given up that somebody else reads, and that is newer.
                let other = if work == LOOK { FOLLOW } else { LOOK };
                let is_behind = HALF.with_borrow(|half| {
                    half.as_ref().is_some_and(|half| half.manifest().seq() > manifest.seq())
                });
                if is_behind && flight::is_under_way(other) {
                    return Ok(None);
                }
                let hash = *manifest.hash();
                HALF.set(Some(incoming));
                Some(hash)
            }
        },
    })
}

/// Reads what the snapshot on its way lacks. A manifest may be visible before its segments are: then what there is of them is
/// kept, and the snapshot before goes on answering.
async fn gather(hash: &[u8; 32], first: First, env: &Env, work: Work, flight: Flight) -> Result<(), Failure> {
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
            (name, source::segment(env, &name, bytes, first, || flight::progress(work, flight)).await)
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
