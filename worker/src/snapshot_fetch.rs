//! The manifest and its segments, so that browsers and servers can read the same list. What is served is what this
//! isolate has itself verified: the manifest in force, and segments that it names. No store is asked on a stranger's word; our own
//! ledger is, on that of a reader who was admitted, for segments of other manifests.

use js_sys::Uint8Array;
use revocable::{Error, Gate, Remedy, SegmentName, Urgency};
use worker::{Context, Env, Request, Response};

use crate::readers::{self, Reader};
use crate::{host, log, refresh, reply, source, state};

/// What is asked for, as far as it is known here.
pub(crate) enum Picked {
    /// Here it is.
    Here(Uint8Array),
    /// A segment of this length that the manifest in force names, and that is not at hand.
    Elsewhere(u64),
    /// A segment that the manifest in force does not name: of another manifest, if our own ledger has it.
    InLedger,
    /// Whoever asks has it already.
    Known,
}

/// How an answer is labelled.
pub(crate) struct Label {
    pub(crate) content_type: &'static str,
    pub(crate) caching: &'static str,
}

/// How what is named by its hash, or by a number that is given once, is labelled.
pub(crate) const IMMUTABLE: &str = "max-age=31536000, immutable";

pub(crate) async fn manifest(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let label = Label { content_type: "application/jwt", caching: "no-cache" };
    let pick = async |known: Option<&str>| {
        let picked = state::with(|gate| {
            let lists = gate.verifier().revocations().ok_or(Error::NotFound)?;
            let manifest = lists.snapshot().ok_or(Error::SourceUnavailable)?.manifest();
            let name = SegmentName::from_digest(*manifest.hash());
            let is_known = matches_etag(known, &name);
            Ok((name, if is_known { Picked::Known } else { Picked::Here(Uint8Array::from(manifest.text())) }))
        });
        picked.unwrap_or(Err(Error::SourceUnavailable))
    };
    serve(request, env, context, &label, pick).await
}

pub(crate) async fn segment(
    request: &Request,
    env: &Env,
    context: &Context,
    name: &str,
) -> worker::Result<Response> {
    let label = Label { content_type: "application/octet-stream", caching: IMMUTABLE };
    let pick = async |known: Option<&str>| {
        let picked = state::with(|gate| pick_segment(gate, name, known));
        picked.unwrap_or(Err(Error::SourceUnavailable))
    };
    serve(request, env, context, &label, pick).await
}

fn pick_segment(gate: &Gate, name: &str, known: Option<&str>) -> Result<(SegmentName, Picked), Error> {
    let lists = gate.verifier().revocations().ok_or(Error::NotFound)?;
    let in_ledger = gate.authority().is_some().then_some(Picked::InLedger);
    let Some(snapshot) = lists.snapshot() else {
        let name = SegmentName::from_hex(name).filter(|_| in_ledger.is_some());
        return name.zip(in_ledger).ok_or(Error::SourceUnavailable);
    };
    let name = SegmentName::from_hex(name).ok_or(Error::NotFound)?;
    let Some(length) = snapshot.manifest().length_of(&name) else {
        return Ok((name, in_ledger.ok_or(Error::NotFound)?));
    };
    let picked = match snapshot.segment(&name) {
        // Who has it already gets no copy of it.
        _ if matches_etag(known, &name) => Picked::Known,
        Some(bytes) => Picked::Here(Uint8Array::from(bytes)),
        None => Picked::Elsewhere(length),
    };
    Ok((name, picked))
}

/// Answers a reader, if it may read, with what `pick` finds in the snapshot as it then is. That is told by what ETag the reader
/// knows what it asks for.
pub(crate) async fn serve(
    request: &Request,
    env: &Env,
    context: &Context,
    label: &Label,
    pick: impl AsyncFnOnce(Option<&str>) -> Result<(SegmentName, Picked), Error>,
) -> worker::Result<Response> {
    let is_public = match readers::admit(request, env, METHODS)? {
        Reader::Admitted { is_public } => is_public,
        Reader::Answered(response) => return Ok(response),
    };
    bring_up(env, context).await;
    let known = request.headers().get("if-none-match")?;
    let picked = pick(known.as_deref()).await;
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    let (name, picked) = match picked {
        Ok(picked) => picked,
        Err(error) => return reply::refusal(&error, origin),
    };
    let body = match picked {
        Picked::Known => None,
        Picked::Here(body) => Some(body),
        // It is not kept: whoever reads a whole list must not drive out what decisions need. And it has been hashed before its
        // first byte is sent, because a cache would keep a corrupt one for ever.
        Picked::Elsewhere(bytes) => match source::segment(env, &name, bytes, refresh::first(), || ()).await {
            Ok(body) => Some(body),
            Err(failure) => {
                log::failed("segment", &failure.error, failure.detail.as_deref());
                return reply::refusal(&failure.error, origin);
            }
        },
        Picked::InLedger => match source::segment_in_ledger(env, &name).await {
            Ok(body) => Some(body),
            Err(failure) => {
                if failure.error != Error::NotFound {
                    log::failed("segment", &failure.error, failure.detail.as_deref());
                }
                return reply::refusal(&failure.error, origin);
            }
        },
    };
    let scope = if is_public { "public" } else { "private" };
    let mut headers =
        vec![("etag", format!("\"{name}\"")), ("cache-control", format!("{scope}, {}", label.caching))];
    headers.extend(readers::cors(origin));
    let Some(body) = body else { return reply::empty(304, &headers) };
    headers.push(("content-type", label.content_type.to_owned()));
    headers.push(("x-content-type-options", "nosniff".to_owned()));
    // To HEAD, too: the runtime says how long it is, and leaves it out.
    reply::array(200, &headers, &body)
}

/// Makes sure that there is a snapshot, and that it does not stay an old one.
pub(crate) async fn bring_up(env: &Env, context: &Context) {
    let now = host::now();
    let lacking = state::with(|gate| {
        let lists = gate.verifier().revocations();
        lists.is_some_and(|lists| lists.wanted(now) == Urgency::Now && !lists.failed_lately(now))
    });
    if lacking == Some(true) {
        refresh::remedy(Remedy::Snapshot, env).await;
    } else {
        refresh::in_background(env, context);
    }
}

/// RFC 9110 §13.1.2: weak comparison with any of a list.
fn matches_etag(known: Option<&str>, name: &SegmentName) -> bool {
    let etag = format!("\"{name}\"");
    let mut all = known.into_iter().flat_map(|known| known.split(',')).map(str::trim);
    all.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

pub(crate) const METHODS: &[&str] = &["GET", "HEAD"];
