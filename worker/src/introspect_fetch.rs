//! `POST /_revocable/introspect` (RFC 7662): what a token says, and whether it stands, as the ledger knows it now.

use revocable::authority::{Authority, Form, Introspector, Permission, Refusal};
use worker::{Context, Env, Request, Response};

use crate::gate_fetch::{RequestFields, decide};
use crate::rate::Attempt;
use crate::{admin, doors, rate};

pub(crate) async fn introspect(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    doors::by_form(request, env, context, "introspect", async |form, attempt| {
        answer(request, form, attempt, env, context).await.map(Some)
    })
    .await
}

async fn answer(
    request: &Request,
    form: &Form,
    attempt: Attempt,
    env: &Env,
    context: &Context,
) -> Result<String, Refusal> {
    let who = who(request, form, attempt).await?;
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
async fn who(request: &Request, form: &Form, attempt: Attempt) -> Result<Introspector, Refusal> {
    let fields = RequestFields(request.headers());
    if Authority::has_bearer(&fields) {
        let actor = admin::proved(request, Permission::Read).map_err(|error| Refusal::of(&error))?;
        attempt.succeeded();
        return rate::take(&actor, 1).map(|()| Introspector::Reader).map_err(|error| Refusal::of(&error));
    }
    doors::identify(request, form, attempt).await.map(Introspector::Client)
}
