//! `POST /_revocable/logout`: whoever presents a token that stands takes it back, and its session with it.

use revocable::authority::{Authority, Order, Recorded};
use revocable::gate::TokenSource;
use revocable::{Check, Decision, Error};
use serde_json::json;
use worker::{Context, Env, Request, Response};

use crate::doors::{self, Asked};
use crate::gate_fetch::{RequestFields, decide};
use crate::{authority, host, log, rate, refresh, reply, state};

pub(crate) async fn logout(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    if let Asked::Answered(response) = doors::admit(request)? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    if let Err(error) = rate::logout(request) {
        return refuse(&error, None, origin);
    }
    let everywhere = match Authority::logout_everywhere(request.url()?.query()) {
        Ok(everywhere) => everywhere,
        Err(refusal) => return doors::refuse("logout", &refusal, origin),
    };
    let fields = RequestFields(request.headers());
    let presented =
        state::with(|gate| gate.presented(&fields).map(|(token, source)| (token, source.clone())));
    let (token, source) = match presented.unwrap_or(Err(Error::TokenMissing)) {
        Ok(presented) => presented,
        Err(error) => return refuse(&error, None, origin),
    };
    let own = doors::own_origin(request)?;
    let may = doors::with(|authority| authority.may_log_out(&source, &fields, &own));
    if let Err(error) = may.unwrap_or(Err(Error::NotFound)) {
        return refuse(&error, None, origin);
    }
    // A token that was taken back a moment ago, wherever, must not end anything.
    let always = doors::strict().check(Check::Live);
    let now = always.at(host::now(), 0);
    let decision = decide(&always, &now, &token, env, context).await;
    refresh::in_background(env, context);
    let allowed = match decision {
        Some(Decision::Allow(allowed)) => allowed,
        // A token that has been revoked or is over is no reason to keep its cookie.
        Some(Decision::Deny(refused)) => return refuse(&refused.error, Some(&source), origin),
        Some(Decision::Unavailable(refused)) => return refuse(&refused.error, None, origin),
        None => return refuse(&Error::SourceUnavailable, None, origin),
    };
    let order: Option<Result<Order, Error>> =
        doors::with(|authority| authority.logout(&allowed.claims, everywhere, host::now()));
    let recorded = match order.unwrap_or(Err(Error::NotFound)) {
        Ok(order) => authority::record(env, order).await,
        Err(error) => Err(error),
    };
    match recorded {
        Ok(Recorded::Done(receipt)) => {
            let mut headers = doors::headers(origin);
            headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
            headers.extend(Authority::clear_cookie(&source).map(|cookie| ("set-cookie", cookie)));
            reply::bytes(200, &headers, json!({ "seq": receipt.seq }).to_string().into_bytes())
        }
        // No logout is a message of that kind.
        Ok(Recorded::Replayed) => refuse(&Error::LedgerUnavailable, None, origin),
        Err(error) => refuse(&error, None, origin),
    }
}

/// Refuses; with the cookie that the token came from cleared, where there is one.
fn refuse(error: &Error, cleared: Option<&TokenSource>, origin: Option<&str>) -> worker::Result<Response> {
    log::refused(error, None);
    let response = reply::refusal(error, origin)?;
    if let Some(cookie) = cleared.and_then(Authority::clear_cookie) {
        response.headers().append("set-cookie", &cookie)?;
    }
    Ok(response)
}
