//! Follows the authority: asks for its head, and has what it names read and put in force.
//!
//! The isolates of a data centre share a head for a second, through the Cache API; where that is absent or fails, each asks by
//! itself, and no more often. A request that needs to know what the authority says now passes that by, and many that need it at
//! the same time share one question. What waits here waits by its own timers: the check itself belongs to the request that began
//! it, and goes on after its answer.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::join;
use js_sys::Reflect;
use revocable::{Check, Error, Head, Heard, OfferedHead, Policy, Remedy, SegmentName, UnixTime};
use worker::{Cache, Context, Delay, Env, Headers, Response};

use crate::flight::{self, Flight, Work};
use crate::source::{Failure, Source};
use crate::{host, log, refresh, signature, state};

/// What is done here, as others see it.
const CHECK: Work = Work::Remedy(Remedy::Head);
/// For so long isolates share a head, and so often an isolate asks by itself.
const SHARED_MILLIS: u64 = 1_000;
/// A list that was last compared longer ago is compared again after the answer.
const DUE_MILLIS: u64 = 500;
/// So long a request waits to hear of the newest list; then the policy decides.
const PATIENCE_MILLIS: u64 = 250;
const LOOK: Duration = Duration::from_millis(5);
const MOST_LOOKS: u64 = PATIENCE_MILLIS / 5;
/// What a cached head says of when it was asked for, in milliseconds since the epoch.
const ASKED_AT: &str = "x-revocable-asked-at";
/// How many times others' questions are waited for in vain.
const MOST_TURNS: usize = 3;

/// A head, and when the authority was asked for it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) text: Vec<u8>,
    pub(crate) at: UnixTime,
}

thread_local! {
    /// The last that this isolate asked the authority for.
    static LAST: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

/// Has the list compared with the authority's newest since an instant by the time this returns, by this request or another;
/// failing that, or when it takes too long, the policy decides.
pub(crate) async fn remedy(since: UnixTime, env: &Env, context: &Context) {
    let (begun_at, mut is_ours) = (host::now(), false);
    for _ in 0..MOST_LOOKS {
        if has_heard(since) || host::now().millis_since(begun_at) >= PATIENCE_MILLIS {
            return;
        }
        // One that was begun before this request came may have asked too early for it.
        if !flight::is_under_way(CHECK) {
            if is_ours || flight::failed_lately(CHECK) {
                return;
            }
            is_ours = true;
            begin(since, env, context);
        }
        Delay::from(LOOK).await;
    }
}

/// Compares the list again after the answer, for those who come later.
pub(crate) fn in_background(policy: &Policy, env: &Env, context: &Context) {
    let now = host::now();
    // What is asked for each request anew needs no head before.
    if policy.how_sure() == Check::Head
        && !has_heard(now.minus_millis(DUE_MILLIS))
        && !flight::is_under_way(CHECK)
        && !flight::failed_lately(CHECK)
    {
        begin(now.minus_millis(SHARED_MILLIS), env, context);
    }
}

fn has_heard(since: UnixTime) -> bool {
    let now = host::now();
    let has_heard = state::with(|gate| Some(gate.verifier().revocations()?.has_heard(since, now)));
    has_heard.flatten() == Some(true)
}

/// Begins a check that goes on whatever becomes of the request.
fn begin(since: UnixTime, env: &Env, context: &Context) {
    let (flight, env) = (flight::begin(CHECK), env.clone());
    context.wait_until(async move {
        let outcome = check(since, CHECK, flight, &env).await;
        if let (true, Err(Failure { error, detail })) = (flight::end(CHECK, flight), outcome) {
            flight::fail(CHECK);
            log::failed("head", &error, detail.as_deref());
        }
    });
}

/// Compares the list in force with a head that was asked for since an instant, and brings it up to that.
pub(crate) async fn check(since: UnixTime, work: Work, flight: Flight, env: &Env) -> Result<(), Failure> {
    let (asked, is_shared) = match shared(since).await {
        Some(asked) => (asked, true),
        None => (ask(since, env).await?, false),
    };
    flight::progress(work, flight);
    let head = authenticate(&asked.text).await?;
    let bring_up = async {
        if let Heard::Newer(wanted) = hear(&head, asked.at)? {
            refresh::bring(&wanted, work, flight, env).await?;
            // It is in force now, or one that is newer still.
            let _ = hear(&head, asked.at)?;
        }
        Ok(())
    };
    // Others can have it before everything is read that it names.
    if is_shared { bring_up.await } else { join(share(&asked), bring_up).await.1 }
}

/// A head for one of our own readers, asked for since an instant.
pub(crate) async fn text(since: UnixTime, env: &Env) -> Result<Asked, Failure> {
    for _ in 0..MOST_TURNS {
        if let Some(asked) = shared(since).await {
            return Ok(asked);
        }
        if let Some(flight) = flight::turn(Work::Head).await {
            let asked = ask(since, env).await;
            flight::end(Work::Head, flight);
            if let Ok(asked) = &asked {
                share(asked).await;
            }
            return asked;
        }
    }
    Err(Error::LedgerUnavailable.into())
}

/// Asks the authority. What is to be newer than others keep it is asked for so that none of them answers.
async fn ask(since: UnixTime, env: &Env) -> Result<Asked, Failure> {
    let authority = Source::authority(env)
        .ok_or_else(|| Failure::of(Error::SourceUnavailable, "no authority is configured to be followed"))?;
    let at = host::now();
    let is_live = since > at.minus_millis(SHARED_MILLIS);
    let (text, age_seconds) = authority.head(is_live).await?;
    let asked = Asked { text, at: at.minus_seconds(age_seconds) };
    LAST.set(Some(asked.clone()));
    Ok(asked)
}

/// A head that was asked for since an instant, by this isolate or another of the data centre.
async fn shared(since: UnixTime) -> Option<Asked> {
    let now = host::now();
    let is_one = |asked: &Asked| asked.at >= since && asked.at <= now;
    if let Some(last) = LAST.with_borrow(|last| last.clone().filter(is_one)) {
        return Some(last);
    }
    // Nobody keeps one for longer, and to look would only take time.
    if since >= now {
        return None;
    }
    let mut kept = cache()?.get(key()?, false).await.ok()??;
    let at = kept.headers().get(ASKED_AT).ok()??.parse().ok()?;
    let asked = Asked { text: kept.bytes().await.ok()?, at: UnixTime::from_millis(at) };
    is_one(&asked).then_some(asked)
}

/// Keeps a head for the other isolates of the data centre. Where that fails, they ask by themselves.
async fn share(asked: &Asked) {
    let share = async {
        let headers = Headers::new();
        headers.set("cache-control", "max-age=1")?;
        headers.set(ASKED_AT, &asked.at.as_millis().to_string())?;
        let response = Response::from_bytes(asked.text.clone())?.with_headers(headers);
        match cache().zip(key()) {
            Some((cache, key)) => cache.put(key, response).await,
            None => Ok(()),
        }
    };
    // Its absence is no fault: see above.
    let _: worker::Result<()> = share.await;
}

/// The data centre's cache, where there is one: it is looked for first, because to ask for one that is absent throws.
fn cache() -> Option<Cache> {
    let caches = Reflect::get(&js_sys::global(), &"caches".into()).ok()?;
    let default = Reflect::get(&caches, &"default".into()).ok()?;
    default.is_object().then(Cache::default)
}

/// Under what the head is kept: a URL of nobody's, by whose head it is.
fn key() -> Option<String> {
    state::with(|gate| {
        let authority = match &gate.places().follow {
            Some(remote) => remote.url(),
            None => gate.authority()?.name(),
        };
        Some(format!("https://revocable.invalid/head/{}", SegmentName::of(authority.as_bytes())))
    })
    .flatten()
}

fn hear(head: &Head, asked_at: UnixTime) -> Result<Heard, Error> {
    let heard = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.heard(head, asked_at, host::now()))
    });
    heard.flatten().unwrap_or(Err(Error::SourceUnavailable))
}

/// Has a head's signature checked.
async fn authenticate(text: &[u8]) -> Result<Head, Error> {
    let started = state::with(|gate| gate.verifier().revocations().map(|lists| lists.start_head(text)));
    let mut offered = started.flatten().unwrap_or(Err(Error::SourceUnavailable))?;
    loop {
        match offered {
            OfferedHead::Authentic(head) => return head.read(host::now()),
            OfferedHead::Asking(head) => {
                let answer = signature::answer(head.question()).await;
                offered = head.answer(answer)?;
            }
        }
    }
}
