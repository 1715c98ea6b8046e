//! The authority's head, and its manifests by number, so that gates elsewhere can follow it.

use js_sys::Uint8Array;
use revocable::limits::MAX_SEQ;
use revocable::{Error, SegmentName};
use worker::{Context, Env, Request, Response};

use crate::readers::{self, Reader};
use crate::snapshot_fetch::{self, IMMUTABLE, Label, METHODS, Picked};
use crate::{authority, follow, host, log, reply, state};

/// For so long a head may be kept on the way: what `max-age` says.
const SHARED_MILLIS: u64 = 1_000;

pub(crate) async fn head(request: &Request, env: &Env) -> worker::Result<Response> {
    let is_public = match readers::admit(request, env, METHODS)? {
        Reader::Admitted { is_public } => is_public,
        Reader::Answered(response) => return Ok(response),
    };
    let origin = request.headers().get("origin")?;
    if !is_authority() {
        return reply::refusal(&Error::NotFound, origin.as_deref());
    }
    let now = host::now();
    // RFC 9111 §5.2.1.4: whoever says so wants what the ledger says now.
    let control = request.headers().get("cache-control")?.unwrap_or_default();
    let is_live = control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"));
    let since = if is_live { now } else { now.minus_millis(SHARED_MILLIS) };
    match follow::text(since, env).await {
        Ok(asked) => {
            let scope = if is_public { "public" } else { "private" };
            // Rounded up, so that nobody takes it for newer than it is.
            let age = host::now().millis_since(asked.at).div_ceil(1000);
            let age = if is_live { 0 } else { age };
            let mut headers = readers::cors(origin.as_deref());
            headers.extend([
                ("content-type", "application/jwt".to_owned()),
                ("x-content-type-options", "nosniff".to_owned()),
                ("cache-control", format!("{scope}, max-age=1")),
                ("age", age.to_string()),
            ]);
            reply::bytes(200, &headers, asked.text)
        }
        Err(failure) => {
            log::failed("head", &failure.error, failure.detail.as_deref());
            reply::refusal(&failure.error, origin.as_deref())
        }
    }
}

/// A manifest by its number: the one in force, or one that the ledger has.
pub(crate) async fn manifest(
    request: &Request,
    env: &Env,
    context: &Context,
    name: &str,
) -> worker::Result<Response> {
    let label = Label { content_type: "application/jwt", caching: IMMUTABLE };
    let pick = async |_: Option<&str>| {
        let text = text(number(name).ok_or(Error::NotFound)?, env).await?;
        Ok((SegmentName::of(&text), Picked::Here(Uint8Array::from(text.as_slice()))))
    };
    snapshot_fetch::serve(request, env, context, &label, pick).await
}

async fn text(seq: u64, env: &Env) -> Result<Vec<u8>, Error> {
    let in_force = state::with(|gate| {
        let manifest = gate.verifier().revocations()?.snapshot()?.manifest();
        (manifest.seq() == seq).then(|| manifest.text().to_vec())
    });
    match in_force.flatten() {
        Some(text) => Ok(text),
        None if is_authority() => authority::manifest(env, seq).await,
        None => Err(Error::NotFound),
    }
}

/// The number of a manifest's name, in its one spelling.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jwt").unwrap_or(name);
    let seq = digits.parse::<u64>().ok().filter(|seq| *seq <= MAX_SEQ)?;
    (seq.to_string() == digits).then_some(seq)
}

pub(crate) fn is_authority() -> bool {
    state::with(|gate| gate.authority().is_some()) == Some(true)
}
