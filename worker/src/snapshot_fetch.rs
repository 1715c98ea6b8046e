//! The manifest and its segments, so that browsers and servers can read the same list. What is served is what this
//! isolate has itself verified and has in force; KV is never asked on a stranger's word.

use revocable::gate::Readers;
use revocable::{Error, Remedy, SegmentName, Snapshot, Urgency};
use worker::{Context, Env, Request, Response};

use crate::gate_fetch::RequestFields;
use crate::{host, log, refresh, reply, state};

pub(crate) async fn manifest(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    serve(request, env, context, "application/jwt", "no-cache", |snapshot| {
        Some((SegmentName::from_digest(*snapshot.manifest().hash()), snapshot.manifest().text()))
    })
    .await
}

pub(crate) async fn segment(
    request: &Request,
    env: &Env,
    context: &Context,
    name: &str,
) -> worker::Result<Response> {
    let name = SegmentName::from_hex(name);
    serve(request, env, context, "application/octet-stream", "max-age=31536000, immutable", |snapshot| {
        let name = name?;
        Some((name, snapshot.segment(&name)?))
    })
    .await
}

async fn serve(
    request: &Request,
    env: &Env,
    context: &Context,
    content_type: &str,
    caching: &str,
    pick: impl FnOnce(&Snapshot) -> Option<(SegmentName, &[u8])>,
) -> worker::Result<Response> {
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    let method = request.method();
    let cors = |preflight: bool| {
        let headers =
            state::with(
                |gate| if preflight { gate.cors().preflight(origin) } else { gate.cors().headers(origin) },
            );
        headers.unwrap_or_default()
    };
    match method.as_ref() {
        "OPTIONS" => return reply::empty(204, &cors(true)),
        "GET" | "HEAD" => {}
        _ => return reply::not_allowed("GET, HEAD, OPTIONS", cors(false)),
    }
    let admitted = state::with(|gate| {
        let secret = |name: &str| env.secret(name).ok().map(|secret| secret.to_string());
        gate.readers()
            .admit(&RequestFields(request.headers()), secret)
            .map(|()| gate.readers() == &Readers::Anybody)
    });
    let public = match admitted.unwrap_or(Err(Error::TokenMissing)) {
        Ok(public) => public,
        Err(error) => {
            log::refused(&error);
            return reply::refusal(&error, origin);
        }
    };
    bring_up(env, context).await;
    let known = request.headers().get("if-none-match")?;
    let picked = state::with(|gate| {
        let lists = gate.verifier().revocations().ok_or(Error::NotFound)?;
        let (name, body) = pick(lists.snapshot().ok_or(Error::SourceUnavailable)?).ok_or(Error::NotFound)?;
        let etag = format!("\"{name}\"");
        // Who has it already gets no copy of it.
        let is_known = known.is_some_and(|known| matches_etag(&known, &etag));
        Ok((etag, (!is_known).then(|| body.to_vec())))
    });
    let (etag, body) = match picked.unwrap_or(Err(Error::SourceUnavailable)) {
        Ok(picked) => picked,
        Err(error) => return reply::refusal(&error, origin),
    };
    let scope = if public { "public" } else { "private" };
    let mut headers = vec![("etag", etag), ("cache-control", format!("{scope}, {caching}"))];
    headers.extend(cors(false));
    let Some(body) = body else { return reply::empty(304, &headers) };
    headers.push(("content-type", content_type.to_owned()));
    headers.push(("x-content-type-options", "nosniff".to_owned()));
    // To HEAD, too: the runtime says how long it is, and leaves it out.
    reply::bytes(200, &headers, body)
}

/// Makes sure that there is a snapshot, and that it does not stay an old one.
async fn bring_up(env: &Env, context: &Context) {
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
fn matches_etag(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}
