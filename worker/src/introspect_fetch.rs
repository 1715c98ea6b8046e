//! `POST /_revocable/introspect` (RFC 7662): what a token says, and whether it stands, as the ledger knows it now.

use revocable::authority::{Authority, Form, Introspector, Permission, Refusal};
use worker::{Context, Env, Request, Response};

use crate::doors::{self, Asked};
use crate::gate_fetch::{RequestFields, decide};
use crate::{admin, rate, refresh, reply};

pub(crate) async fn introspect(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    if let Asked::Answered(response) = doors::admit(request)? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    let form = doors::form(request).await?;
    refresh::in_background(env, context);
    let answer = match form {
        Ok(form) => answer(request, &form, env, context).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(body) => {
            let mut headers = doors::headers(origin);
            headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
            reply::bytes(200, &headers, body.into_bytes())
        }
        Err(refusal) => doors::refuse("introspect", &refusal, origin),
    }
}

async fn answer(request: &Request, form: &Form, env: &Env, context: &Context) -> Result<String, Refusal> {
    let who = who(request, form).await?;
    let token = Authority::introspected(form)?;
    let (actor, once) = match &who {
        Introspector::Reader => ("introspect".to_owned(), None),
        // An assertion is good for one request, also for one that changes nothing.
        Introspector::Client(client) => (client.actor(), client.once().cloned()),
    };
    doors::bring_up(env, actor, once).await?;
    let policy = doors::strict();
    let decision = decide(&policy, &policy, token, env, context).await.ok_or_else(doors::unavailable)?;
    Authority::introspection(&who, &decision)
}

/// Who wants to know: whoever holds an admin key with which the ledger may be looked at, or a client.
async fn who(request: &Request, form: &Form) -> Result<Introspector, Refusal> {
    let fields = RequestFields(request.headers());
    if Authority::has_bearer(&fields) {
        let admitted = admin::may(request, Permission::Read).and_then(|actor| rate::take(&actor, 1));
        return admitted.map(|()| Introspector::Reader).map_err(|error| Refusal::of(&error));
    }
    doors::identify(request, form).await.map(Introspector::Client)
}
