//! What the endpoints for clients have in common: which client asks, and how it is told what became of it.

use revocable::authority::{
    Authority, Credentials, Form, Identified, MAX_FORM_BYTES, Once, Order, Recorded, Refusal,
};
use revocable::gate::{Answer, RequestHeaders as _};
use revocable::{Error, Policy};
use worker::{Context, Env, Request, Response};

use crate::gate_fetch::RequestFields;
use crate::rate::Attempt;
use crate::verify::settle;
use crate::{authority, host, log, rate, readers, refresh, reply, state};

/// What becomes of a request.
pub(crate) enum Asked {
    /// It is to be answered.
    Admitted,
    /// It has its answer.
    Answered(Response),
}

/// Admits a request to one of these endpoints, all of which take POST alone. Without an authority there are none.
pub(crate) fn admit(request: &Request) -> worker::Result<Asked> {
    let origin = request.headers().get("origin")?;
    let method = request.method();
    let answer = match method.as_ref() {
        _ if with(|_| ()).is_none() => reply::refusal(&Error::NotFound, origin.as_deref()),
        "POST" => return Ok(Asked::Admitted),
        "OPTIONS" => {
            let headers = state::with(|gate| gate.cors().preflight(origin.as_deref(), "POST"));
            reply::empty(204, &headers.unwrap_or_default())
        }
        _ => reply::not_allowed("POST, OPTIONS", readers::cors(origin.as_deref())),
    };
    answer.map(Asked::Answered)
}

/// Looks at the authority; `None` when there is none.
pub(crate) fn with<T>(look: impl FnOnce(&Authority) -> T) -> Option<T> {
    state::with(|gate| gate.authority().map(look)).flatten()
}

/// A body; `None` when it is longer.
pub(crate) async fn body(request: &Request, limit: usize) -> worker::Result<Option<Vec<u8>>> {
    match request.inner().body() {
        Some(stream) => Ok(host::read_body(&stream, limit).await?),
        None => Ok(Some(Vec::new())),
    }
}

/// The form of a request.
async fn form(request: &Request) -> worker::Result<Result<Form, Refusal>> {
    let content_type = request.headers().get("content-type")?;
    Ok(match body(request, MAX_FORM_BYTES).await? {
        Some(body) => Form::parse(content_type.as_deref(), &body),
        None => Err(Form::too_long()),
    })
}

/// Answers a form at one of these endpoints: with what comes of it, JSON or nothing, or as it is refused. Whoever sends it is
/// counted before it is read, as somebody who has yet to prove who he is.
pub(crate) async fn by_form(
    request: &Request,
    env: &Env,
    context: &Context,
    door: &str,
    act: impl AsyncFnOnce(&Form, Attempt) -> Result<Option<String>, Refusal>,
) -> worker::Result<Response> {
    if let Asked::Answered(response) = admit(request)? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    let attempt = match rate::attempt(request) {
        Ok(attempt) => attempt,
        Err(error) => return refuse(door, &Refusal::of(&error), origin),
    };
    let form = form(request).await?;
    refresh::in_background(env, context);
    let done = match form {
        Ok(form) => act(&form, attempt).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(body) => {
            let mut headers = headers(origin);
            let Some(body) = body else { return reply::empty(200, &headers) };
            headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
            reply::bytes(200, &headers, body.into_bytes())
        }
        Err(refusal) => refuse(door, &refusal, origin),
    }
}

/// Which client asks.
pub(crate) async fn identify(
    request: &Request,
    form: &Form,
    attempt: Attempt,
) -> Result<Identified, Refusal> {
    let client = prove(request, form).await?;
    attempt.succeeded();
    rate::take(&client.actor(), 1).map_err(|error| Refusal::of(&error))?;
    Ok(client)
}

/// Who it is, by whatever proof the request has.
async fn prove(request: &Request, form: &Form) -> Result<Identified, Refusal> {
    let authorization = RequestFields(request.headers()).header("authorization");
    let shown = with(|authority| authority.identify(authorization.as_deref(), form));
    let assertion = match shown.ok_or_else(unavailable)?? {
        Credentials::Proved(client) => return Ok(client),
        Credentials::Asserted(assertion) => assertion,
    };
    let decision = settle(
        |gate| Some(gate.authority()?.assertions().start(assertion.token(), host::now())),
        |gate, asking, answer| Some(gate.authority()?.assertions().resume(asking, answer, host::now())),
    );
    let decision = decision.await.ok_or_else(unavailable)?;
    let endpoint = endpoint(request).ok_or_else(unavailable)?;
    with(|authority| authority.asserted(&assertion, &decision, &endpoint, host::now()))
        .ok_or_else(unavailable)?
}

/// The URL that is asked, without a query.
fn endpoint(request: &Request) -> Option<String> {
    let mut url = request.url().ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.to_string())
}

/// Has an order of a client's recorded. An assertion that has been used before proves nothing.
pub(crate) async fn record(env: &Env, order: Order) -> Result<(), Refusal> {
    match authority::record(env, order).await {
        Ok(Recorded::Done(_)) => Ok(()),
        Ok(Recorded::Replayed) => Err(Authority::replayed()),
        Err(error) => {
            log::failed("record", &error, None);
            Err(Refusal::of(&error))
        }
    }
}

/// Has this isolate's list brought up to the ledger's, and what a client has shown used up where it is good for one request: an order
/// without changes is answered with the newest manifest.
pub(crate) async fn bring_up(env: &Env, actor: String, once: Option<Once>) -> Result<(), Refusal> {
    let order = Order { once, ..Order::new(actor, Vec::new()) };
    let newest = match authority::record(env, order).await {
        Ok(Recorded::Done(receipt)) => receipt.seq,
        Ok(Recorded::Replayed) => return Err(Authority::replayed()),
        Err(error) => return Err(Refusal::of(&error)),
    };
    let seq = state::with(|gate| Some(gate.verifier().revocations()?.snapshot()?.manifest().seq()));
    // Why it is not, the log says.
    if seq.flatten().is_some_and(|seq| seq >= newest) { Ok(()) } else { Err(unavailable()) }
}

pub(crate) fn unavailable() -> Refusal {
    Refusal::of(&Error::LedgerUnavailable)
}

/// Refuses a client.
pub(crate) fn refuse(door: &str, refusal: &Refusal, origin: Option<&str>) -> worker::Result<Response> {
    log::door(door, refusal.status(), refusal.error(), refusal.description());
    send(refusal.answer(readers::cors(origin)))
}

pub(crate) fn send(answer: Answer) -> worker::Result<Response> {
    reply::bytes(answer.status, &answer.headers, answer.body.into_bytes())
}

/// Good answers of these endpoints: no cache keeps one, and pages of configured origins may read it.
pub(crate) fn headers(origin: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = readers::cors(origin);
    headers.push(("cache-control", "no-store".to_owned()));
    headers
}

/// Which policy decides where the answer is not to depend on any: none lets an unchecked token pass.
pub(crate) fn strict() -> Policy {
    Policy::default()
}

/// The origin of the URL that is asked, as browsers spell it.
pub(crate) fn own_origin(request: &Request) -> worker::Result<String> {
    Ok(request.url()?.origin().ascii_serialization())
}
