//! `healthz`: that the Worker runs, whether it is configured, how current its snapshot is, and how sure it is to be the newest.

use serde_json::json;
use worker::{Env, Request, Response};

use crate::{host, reply, state};

pub(crate) fn healthz(request: &Request, env: &Env) -> worker::Result<Response> {
    let configured = state::configure(env);
    let origin = request.headers().get("origin")?;
    let mut headers = state::with(|gate| gate.cors().headers(origin.as_deref())).unwrap_or_default();
    if !matches!(request.method().as_ref(), "GET" | "HEAD") {
        return reply::not_allowed("GET, HEAD", headers);
    }
    let now = host::now();
    let snapshot = state::with(|gate| gate.verifier().revocations()?.info(now)).flatten();
    let heard_at = state::with(|gate| gate.verifier().revocations()?.heard_at()).flatten();
    let check = state::with(|gate| gate.routes().surest().name());
    let body = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "configured": configured.is_ok(),
        "check": check,
        "heardMillisAgo": heard_at.map(|at| now.millis_since(at)),
        "snapshot": snapshot.map(|info| json!({
            "seq": info.seq,
            "ageSeconds": info.age_millis / 1000,
            "checkedSecondsAgo": info.checked_millis_ago / 1000,
        })),
    });
    headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    reply::bytes(200, &headers, body.to_string().into_bytes())
}
