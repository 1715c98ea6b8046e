//! `POST /_revocable/events` (RFC 8935): somebody says that a password was changed, an account disabled, a session ended.

use revocable::authority::{Authority, EventRefusal, MAX_SET_BYTES};
use revocable::{Decision, Error, Remedy};
use worker::{Context, Env, Request, Response};

use crate::doors::{self, Asked};
use crate::rate::Attempt;
use crate::verify::settle;
use crate::{authority, host, log, rate, readers, refresh, reply, state};

pub(crate) async fn events(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    if let Asked::Answered(response) = doors::admit(request)? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let content_type = request.headers().get("content-type")?;
    let done = match rate::attempt(request) {
        Ok(attempt) => match doors::body(request, MAX_SET_BYTES).await? {
            Some(body) => hear(content_type.as_deref(), &body, attempt, env).await,
            None => Err(EventRefusal::too_long()),
        },
        Err(error) => Err(EventRefusal::of(&error)),
    };
    refresh::sender_keys_in_background(context);
    match done {
        Ok(()) => reply::empty(202, &doors::headers(origin.as_deref())),
        Err(refusal) => {
            log::door("events", refusal.status(), refusal.err(), refusal.description());
            doors::send(refusal.answer(readers::cors(origin.as_deref())))
        }
    }
}

async fn hear(
    content_type: Option<&str>,
    body: &[u8],
    attempt: Attempt,
    env: &Env,
) -> Result<(), EventRefusal> {
    let unavailable = || EventRefusal::of(&Error::LedgerUnavailable);
    let token = Authority::event_token(content_type, body)?;
    let decision = decide(token).await.ok_or_else(unavailable)?;
    let order =
        doors::with(|authority| authority.event(&decision, host::now())).ok_or_else(unavailable)??;
    // What means nothing stays counted, as what is forged does: there is nobody else for whom it would be.
    let Some(order) = order else { return Ok(()) };
    attempt.succeeded();
    rate::take(&order.actor, 1).map_err(|error| EventRefusal::of(&error))?;
    // What was heard before is taken, and nothing comes of it (RFC 8935 §2.2).
    authority::record(env, order).await.map(|_| ()).map_err(|error| {
        log::failed("record", &error, None);
        EventRefusal::of(&error)
    })
}

/// Decides of an event token; reads its sender's keys, once, where they may be what is lacking.
async fn decide(token: &str) -> Option<Decision> {
    let decision = verify(token).await?;
    let remedy =
        state::with(|gate| gate.authority()?.senders().remedy(token, &decision, host::now())).flatten();
    let Some(Remedy::Keys(sender)) = remedy else { return Some(decision) };
    refresh::sender_keys(sender).await;
    verify(token).await
}

async fn verify(token: &str) -> Option<Decision> {
    settle(
        |gate| Some(gate.authority()?.senders().start(token, host::now())),
        |gate, asking, answer| Some(gate.authority()?.senders().resume(asking, answer, host::now())),
    )
    .await
}
