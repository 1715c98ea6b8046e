//! `POST /_revocable/revoke` (RFC 7009): a client takes back a token that was issued to it.

use revocable::authority::{Form, Order, Refusal, RevokeRequest};
use revocable::{Decision, Error, Recognised};
use worker::{Context, Env, Request, Response};

use crate::rate::Attempt;
use crate::verify::settle;
use crate::{doors, host, refresh, state};

/// The keys of an issuer may have to be read, once.
const MOST_REMEDIES: usize = 2;

pub(crate) async fn revoke(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    doors::by_form(request, env, context, "revoke", async |form, attempt| {
        take_back(request, form, attempt, env).await.map(|()| None)
    })
    .await
}

async fn take_back(request: &Request, form: &Form, attempt: Attempt, env: &Env) -> Result<(), Refusal> {
    let who = doors::identify(request, form, attempt).await?;
    let wanted = RevokeRequest::of(form)?;
    let token = recognise(wanted.token(), env).await.ok_or_else(doors::unavailable)?;
    let order: Option<Order> = doors::with(|authority| authority.revoke(&who, &wanted, token, host::now()))
        .ok_or_else(doors::unavailable)??;
    match order {
        Some(order) => doors::record(env, order).await,
        None => Ok(()),
    }
}

/// Whose token it is, whatever the lists say of it; reads keys that are lacking.
async fn recognise(token: &str, env: &Env) -> Option<Result<Recognised, Error>> {
    let once = || {
        settle(
            |gate| Some(gate.verifier().start_recognising(token, host::now())),
            |gate, asking, answer| Some(gate.verifier().resume_recognising(asking, answer, host::now())),
        )
    };
    let mut recognised = once().await?;
    for _ in 0..MOST_REMEDIES {
        let Err(error) = &recognised else { break };
        let decision = Decision::refused(error.clone());
        let Some(remedy) =
            state::with(|gate| gate.verifier().remedy(token, &decision, host::now())).flatten()
        else {
            break;
        };
        refresh::remedy(remedy, env).await;
        recognised = once().await?;
    }
    Some(recognised)
}
