//! Where the manifest and the segments are: in KV, in a folder that is read over HTTP, or with the authority, which is another
//! Worker or this one's own ledger.
//!
//! Nothing is looked for that may not exist: KV remembers what it did not have, so that it would not be found when it is there.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use revocable::gate::Remote;
use revocable::limits::{MAX_HEAD_BYTES, MAX_MANIFEST_BYTES};
use revocable::{Error, SegmentName, Wanted};
use wasm_bindgen::JsValue;
use web_sys::ReadableStream;
use worker::kv::KvStore;
use worker::{Delay, Env};

use crate::host::{self, Abort, Caching, Call};
use crate::{authority, log, state};

const BINDING: &str = "REVOCATIONS";
/// The least that KV allows. It holds for what is *not* there as well, so segments, which never change, have no more: one
/// that becomes visible after its manifest must be found when it is looked for again.
const KV_CACHE_SECONDS: u64 = 30;
/// Whoever serves a manifest has so long to do it.
const MANIFEST_TIMEOUT_MILLIS: u32 = 10_000;
/// Whoever serves a head has so long to do it.
const HEAD_TIMEOUT_MILLIS: u32 = 2_000;
/// A reading of which nothing comes in so many looks, one after the other, is given up. One that is slow is not: there would be
/// nothing to show for it, however often it is begun anew.
const MOST_QUIET_LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_secs(2);
const MANIFEST: &str = "manifest.jwt";

/// A place that has them.
pub(crate) enum Source {
    Kv(KvStore),
    Http(Remote),
    /// This Worker's own.
    Ledger(Env),
}

/// Who is asked first for a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// The source, then its fallback, and the authority at last.
    Source,
    /// The authority. The manifest is its own, by a number that nobody else may know yet: its newest segments are hardly in KV,
    /// which would remember for half a minute that they are not.
    Authority,
}

/// What a source says of the manifest.
pub(crate) enum Found {
    /// It is the one that is known.
    Unchanged,
    /// Here it is, and by what it is known the next time.
    Manifest { text: Vec<u8>, etag: Option<String> },
}

/// Why a reading came to nothing: the code, and what the platform said.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) detail: Option<String>,
}

impl Source {
    /// The place that the configuration names; KV where it names none.
    pub(crate) fn configured(env: &Env) -> Result<Self, Failure> {
        match state::with(|gate| gate.places().source.clone()).flatten() {
            Some(remote) => Ok(Self::Http(remote)),
            None => env
                .kv(BINDING)
                .map(Self::Kv)
                .map_err(|_| Failure::of(Error::SourceUnavailable, "there is no KV binding REVOCATIONS")),
        }
    }

    /// The place for what the other does not show.
    fn fallback() -> Option<Self> {
        state::with(|gate| gate.places().fallback.clone()).flatten().map(Self::Http)
    }

    /// The authority whose head is followed, where there is one.
    pub(crate) fn authority(env: &Env) -> Option<Self> {
        let authority = state::with(|gate| match &gate.places().follow {
            Some(remote) => Some(Self::Http(remote.clone())),
            None => gate.authority().map(|_| Self::Ledger(env.clone())),
        });
        authority.flatten()
    }

    /// Reads the authority's head: its text, and for how many seconds somebody has kept it. A live one nobody has.
    pub(crate) async fn head(&self, is_live: bool) -> Result<(Vec<u8>, u64), Failure> {
        match self {
            Self::Ledger(env) => Ok((authority::head(env).await?.into_bytes(), 0)),
            Self::Http(remote) => {
                let caching = if is_live { Caching::Live } else { Caching::Fresh };
                let call = Call { caching, ..Call::to(remote, host::after(HEAD_TIMEOUT_MILLIS)) };
                let answer = call.get(&remote.object("head")).await.map_err(|fault| Failure::js(&fault))?;
                let age = answer.headers().get("age").ok().flatten();
                let body = body(&answer)?.ok_or_else(|| Failure::status(answer.status()))?;
                let text = host::read(&body, MAX_HEAD_BYTES).await.map_err(|fault| Failure::js(&fault))?;
                // One that nobody understands is none to go by.
                let age = age.map_or(Some(0), |age| age.parse().ok());
                Ok((text, age.unwrap_or(u64::MAX)))
            }
            Self::Kv(_) => Err(Error::SourceUnavailable.into()),
        }
    }

    /// Reads the authority's manifest that a head names.
    pub(crate) async fn numbered(&self, wanted: &Wanted) -> Result<Vec<u8>, Failure> {
        let text = match self {
            Self::Ledger(env) => authority::manifest(env, wanted.seq).await?,
            Self::Http(remote) => {
                let call = Call::to(remote, host::after(MANIFEST_TIMEOUT_MILLIS));
                let answer = call.get(&remote.object(&wanted.object_name())).await;
                let answer = answer.map_err(|fault| Failure::js(&fault))?;
                let body = body(&answer)?.ok_or_else(|| Failure::status(answer.status()))?;
                host::read(&body, MAX_MANIFEST_BYTES).await.map_err(|fault| Failure::js(&fault))?
            }
            Self::Kv(_) => return Err(Error::SourceUnavailable.into()),
        };
        wanted.admit(&text)?;
        Ok(text)
    }

    /// Reads the manifest, unless it is still the one of the ETag that is known.
    pub(crate) async fn manifest(&self, known: Option<&str>) -> Result<Found, Failure> {
        match self {
            Self::Kv(kv) => {
                let missing = "KV holds no manifest.jwt, or does not show it yet";
                let read = async {
                    let stream = from_kv(kv, MANIFEST).await?;
                    let stream = stream.ok_or_else(|| Failure::of(Error::SourceUnavailable, missing))?;
                    host::read(&stream, MAX_MANIFEST_BYTES).await.map_err(|fault| Failure::js(&fault))
                };
                Ok(Found::Manifest { text: unless_it_stalls(&Cell::new(0), read).await?, etag: None })
            }
            Self::Http(remote) => {
                let signal = host::after(MANIFEST_TIMEOUT_MILLIS);
                let call = Call { known, caching: Caching::Fresh, ..Call::to(remote, signal) };
                let answer = call.get(&remote.object(MANIFEST)).await.map_err(|fault| Failure::js(&fault))?;
                if known.is_some() && answer.status() == 304 {
                    return Ok(Found::Unchanged);
                }
                let etag = answer.headers().get("etag").ok().flatten();
                let body = body(&answer)?.ok_or_else(|| Failure::status(answer.status()))?;
                let text =
                    host::read(&body, MAX_MANIFEST_BYTES).await.map_err(|fault| Failure::js(&fault))?;
                Ok(Found::Manifest { text, etag })
            }
            // By its number alone.
            Self::Ledger(_) => Err(Error::SourceUnavailable.into()),
        }
    }

    /// Reads a segment; `None` when the place does not have it, or does not show it yet.
    async fn segment(
        &self,
        name: &SegmentName,
        bytes: u64,
        came: impl Fn(),
    ) -> Result<Option<js_sys::Uint8Array>, Failure> {
        let object = name.object_name();
        let abort = Abort::new().map_err(|fault| Failure::js(&fault))?;
        let stream = match self {
            Self::Kv(kv) => from_kv(kv, &object).await?,
            Self::Http(remote) => {
                let call = Call::to(remote, abort.signal());
                body(&call.get(&remote.object(&object)).await.map_err(|fault| Failure::js(&fault))?)?
            }
            Self::Ledger(env) => match authority::segment(env, name).await {
                Ok(answer) => web_sys::Response::from(answer).body(),
                Err(Error::NotFound) => None,
                Err(error) => return Err(error.into()),
            },
        };
        came();
        let Some(stream) = stream else { return Ok(None) };
        // What is longer or shorter is not what the name says, so that it is no matter which bytes they are.
        match host::read_exactly(&stream, bytes, came).await.map_err(|fault| Failure::js(&fault))? {
            Some(read) => Ok(Some(read)),
            None => Err(Error::SegmentHashMismatch.into()),
        }
    }
}

/// Reads a segment that a manifest names, from one place after the other. Its bytes have been hashed, and are those of the name;
/// they are still the host's, so that no memory of ours grows for what is only passed on. Whenever something comes of it, `came`
/// is told.
pub(crate) async fn segment(
    env: &Env,
    name: &SegmentName,
    bytes: u64,
    first: First,
    came: impl Fn(),
) -> Result<js_sys::Uint8Array, Failure> {
    let authority = Source::authority(env).map(Ok);
    let (source, fallback) = (Some(Source::configured(env)), Source::fallback().map(Ok));
    let places = match first {
        First::Source => [source, fallback, authority],
        First::Authority => [authority, source, fallback],
    };
    let mut places = places.into_iter().flatten().peekable();
    while let Some(place) = places.next() {
        let read = match place {
            Ok(place) => segment_of(&place, name, bytes, &came).await,
            Err(failure) => Err(failure),
        };
        match read {
            Err(failure) if places.peek().is_some() => {
                log::failed("segment", &failure.error, failure.detail.as_deref());
            }
            last => return last,
        }
    }
    Err(Error::SourceUnavailable.into())
}

async fn segment_of(
    source: &Source,
    name: &SegmentName,
    bytes: u64,
    came: &impl Fn(),
) -> Result<js_sys::Uint8Array, Failure> {
    let heard = Cell::new(0_u32);
    let hear = || {
        heard.set(heard.get().wrapping_add(1));
        came();
    };
    let read = unless_it_stalls(&heard, source.segment(name, bytes, hear)).await?;
    let read = read.ok_or(Error::SegmentMissing)?;
    hashed(read, name).await
}

async fn hashed(read: js_sys::Uint8Array, name: &SegmentName) -> Result<js_sys::Uint8Array, Failure> {
    let digest = host::segment_name(&read).await.map_err(|fault| Failure::js(&fault))?;
    if digest == *name { Ok(read) } else { Err(Error::SegmentHashMismatch.into()) }
}

/// Reads a segment that no manifest in force names, and whose length is not known, from our own ledger.
pub(crate) async fn segment_in_ledger(env: &Env, name: &SegmentName) -> Result<js_sys::Uint8Array, Failure> {
    let mut answer = authority::segment(env, name).await?;
    let read = answer.bytes().await;
    let read = read.map_err(|fault| Failure::of(Error::LedgerUnavailable, &fault.to_string()))?;
    hashed(js_sys::Uint8Array::from(read.as_slice()), name).await
}

/// Awaits a reading that counts in `heard` whatever comes of it, until nothing does for long.
async fn unless_it_stalls<T>(
    heard: &Cell<u32>,
    reading: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let (mut reading, mut quiet) = (pin!(reading), 0_u32);
    while quiet < MOST_QUIET_LOOKS {
        let before = heard.get();
        if let Either::Left((outcome, _)) = select(reading.as_mut(), pin!(Delay::from(LOOK))).await {
            return outcome;
        }
        quiet = if heard.get() == before { quiet.saturating_add(1) } else { 0 };
    }
    Err(Failure::of(Error::SourceUnavailable, "the source did not answer in time"))
}

async fn from_kv(kv: &KvStore, object: &str) -> Result<Option<ReadableStream>, Failure> {
    let stream = kv.get(object).cache_ttl(KV_CACHE_SECONDS).stream().await;
    stream.map_err(|fault| Failure::of(Error::SourceUnavailable, &fault.to_string()))
}

/// The body of an answer that has one; `None` where there is no such object.
fn body(answer: &web_sys::Response) -> Result<Option<ReadableStream>, Failure> {
    let body = answer.body();
    if answer.status() == 200 {
        return Ok(body);
    }
    if let Some(body) = body {
        host::abandon(&body.cancel());
    }
    match answer.status() {
        404 | 410 => Ok(None),
        status => Err(Failure::status(status)),
    }
}

impl Failure {
    pub(crate) fn of(error: Error, detail: &str) -> Self {
        Self { error, detail: Some(detail.to_owned()) }
    }

    pub(crate) fn js(fault: &JsValue) -> Self {
        Self::of(Error::SourceUnavailable, &host::describe(fault))
    }

    fn status(status: u16) -> Self {
        Self::of(Error::SourceUnavailable, &format!("the answer has status {status}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, detail: None }
    }
}
