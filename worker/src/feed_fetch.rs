//! `feed`: every change, as it is published, by WebSocket or server-sent events.

use worker::{Env, Headers, Method, Request, RequestInit, Response};

use revocable::Error;
use revocable::limits::MAX_SEQ;

use crate::readers::{self, Reader};
use crate::{authority, log, reply, state};

pub(crate) async fn feed(request: &Request, env: &Env) -> worker::Result<Response> {
    if let Reader::Answered(response) = readers::admit(request, env, &["GET"])? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    if state::with(|gate| gate.authority().is_some()) != Some(true) {
        return reply::refusal(&Error::NotFound, origin);
    }
    let after = match after(request)? {
        Ok(after) => after,
        Err(reason) => return reply::malformed(400, reason, origin),
    };
    let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
    let mut init = RequestInit::new();
    init.with_method(Method::Get);
    if let Some(upgrade) = request.headers().get("upgrade")? {
        let headers = Headers::new();
        headers.set("upgrade", &upgrade)?;
        init.with_headers(headers);
    }
    let asked = Request::new_with_init(&format!("https://ledger/feed{query}"), &init)?;
    let response = match authority::stub(env)?.fetch_with_request(asked).await {
        Ok(response) if matches!(response.status_code(), 101 | 200) => response,
        Ok(response) if response.status_code() == 429 => {
            return reply::refusal(&Error::RateLimited { retry_after: 60 }, origin);
        }
        Ok(_) => return reply::refusal(&Error::LedgerUnavailable, origin),
        Err(fault) => {
            log::failed("feed", &Error::LedgerUnavailable, Some(&fault.to_string()));
            return reply::refusal(&Error::LedgerUnavailable, origin);
        }
    };
    if response.status_code() == 101 {
        return Ok(response);
    }
    let headers = Headers::new();
    for (name, value) in readers::cors(origin) {
        headers.append(name, &value)?;
    }
    headers.set("content-type", "text/event-stream; charset=utf-8")?;
    headers.set("cache-control", "no-store")?;
    Ok(response.with_headers(headers))
}

/// The last number that whoever asks has: `after`, or what browsers send when they come back.
fn after(request: &Request) -> worker::Result<Result<Option<u64>, &'static str>> {
    let mut given = None;
    for (name, value) in request.url()?.query_pairs() {
        if name != "after" || given.replace(value.into_owned()).is_some() {
            return Ok(Err("`after`: expected it once, and no other parameter"));
        }
    }
    // A browser that comes back does so with the URL that it came with at first.
    let last = request.headers().get("last-event-id")?;
    let Some(text) = last.or(given) else { return Ok(Ok(None)) };
    let is_number = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    let seq = text.parse().ok().filter(|seq| is_number && *seq <= MAX_SEQ);
    Ok(seq.map(Some).ok_or("`after`: expected the number of a manifest"))
}
