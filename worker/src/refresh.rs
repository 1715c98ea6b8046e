//! Reads what the library asks for, keys from their URL and the snapshot from KV, and hands it in.
//!
//! Single flight is the library's own note that a look has begun, and the last one to finish wins: no request waits for
//! another's promise.

use std::sync::Arc;

use futures_util::future::try_join_all;
use revocable::limits::MAX_JWKS_BYTES;
use revocable::{Error, Offer, Remedy, SegmentName};
use worker::kv::KvStore;
use worker::{Context, Env};

use crate::{host, log, state};

/// Whoever serves keys has so long to do it.
const JWKS_TIMEOUT_MILLIS: u32 = 5_000;
/// The least that KV allows. Behind it, KV itself may be a minute behind its last write.
const MANIFEST_CACHE_SECONDS: u64 = 30;
/// Segments never change.
const SEGMENT_CACHE_SECONDS: u64 = 24 * 3600;

/// Reads what a decision lacks, and says in the log what came of it.
pub(crate) async fn remedy(remedy: Remedy, env: &Env) {
    let (what, outcome) = match remedy {
        Remedy::Keys(issuer) => ("keys", keys(issuer).await),
        Remedy::Snapshot => ("snapshot", snapshot(env).await),
    };
    if let Err(error) = outcome {
        state::with_mut(|gate| gate.verifier_mut().fail(remedy, host::now()));
        log::failed(what, &error);
    }
}

/// Reads, after the answer, whatever has passed its soft limit.
pub(crate) fn in_background(env: &Env, context: &Context) {
    let now = host::now();
    let due = state::with_mut(|gate| {
        let due = gate.verifier().due(now);
        due.iter().for_each(|remedy| gate.verifier_mut().begin(*remedy, now));
        due
    });
    for due in due.unwrap_or_default() {
        let env = env.clone();
        context.wait_until(async move { remedy(due, &env).await });
    }
}

async fn keys(issuer: usize) -> Result<(), Error> {
    let uri = state::with_mut(|gate| {
        gate.verifier_mut().begin(Remedy::Keys(issuer), host::now());
        gate.verifier().issuers().get(issuer).and_then(|issuer| issuer.keys().uri().map(str::to_owned))
    });
    let Some(uri) = uri.flatten() else { return Ok(()) };
    let read = host::get(&uri, MAX_JWKS_BYTES, JWKS_TIMEOUT_MILLIS).await;
    let document = read.map_err(|_| Error::JwksUnavailable)?;
    let installed = state::with_mut(|gate| match gate.verifier_mut().issuer_mut(issuer) {
        Some(issuer) => issuer.keys_mut().install(&document, host::now()),
        None => Ok(()),
    });
    installed.unwrap_or(Ok(()))
}

async fn snapshot(env: &Env) -> Result<(), Error> {
    state::with_mut(|gate| gate.verifier_mut().begin(Remedy::Snapshot, host::now()));
    let kv = env.kv("REVOCATIONS").map_err(|_| Error::SourceUnavailable)?;
    let read = kv.get("manifest.jwt").cache_ttl(MANIFEST_CACHE_SECONDS).bytes().await;
    let manifest = read.ok().flatten().ok_or(Error::SourceUnavailable)?;
    let offered = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.offer(&manifest, host::now()))
    });
    let Some(offer) = offered.flatten() else { return Ok(()) };
    let mut incoming = match offer? {
        Offer::Unchanged => return Ok(()),
        Offer::Newer(incoming) => incoming,
    };
    let segments = try_join_all(incoming.missing().into_iter().map(|name| segment(&kv, name))).await?;
    for (name, bytes) in segments {
        incoming.supply_hashed(name, bytes)?;
    }
    let accepted = state::with_mut(|gate| {
        gate.verifier_mut().revocations_mut().map(|lists| lists.accept(*incoming, host::now()))
    });
    accepted.flatten().unwrap_or(Ok(()))
}

/// Reads a segment under the name that its own bytes make. A manifest may be visible before its segments are: then the
/// snapshot before goes on answering.
async fn segment(kv: &KvStore, name: SegmentName) -> Result<(SegmentName, Arc<[u8]>), Error> {
    let read = kv.get(&name.object_name()).cache_ttl(SEGMENT_CACHE_SECONDS).bytes().await;
    let bytes = read.map_err(|_| Error::SourceUnavailable)?.ok_or(Error::SegmentMissing)?;
    let name = host::segment_name(&bytes).await.map_err(|_| Error::SourceUnavailable)?;
    Ok((name, bytes.into()))
}
