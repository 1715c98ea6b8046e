//! Everything outside our own namespace: token in, decision out, request forwarded or refused.

use revocable::gate::RequestHeaders;
use revocable::{Decision, Error, Gate};
use worker::{Context, Env, Headers, Request, Response};

use crate::{host, log, origin, refresh, reply, state};

/// A decision may lack keys and a snapshot, each once.
const MOST_REMEDIES: usize = 2;

/// A request's headers, for the library.
pub(crate) struct RequestFields<'a>(pub(crate) &'a Headers);

impl RequestHeaders for RequestFields<'_> {
    fn header(&self, name: &str) -> Option<String> {
        self.0.get(name).ok().flatten()
    }
}

pub(crate) async fn gate(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let fields = RequestFields(request.headers());
    if Gate::is_preflight(request.method().as_ref(), &fields) {
        return origin::forward_preflight(&request, env).await;
    }
    let token = state::with(|gate| gate.token(&fields)).unwrap_or(Err(Error::TokenMissing));
    let decision = match token {
        Ok(token) => decide(&token, env).await,
        Err(error) => return refuse(&error, &request),
    };
    refresh::in_background(env, context);
    match decision {
        Some(Decision::Allow(allowed)) => {
            let identity = state::with(|gate| gate.identity(&allowed)).unwrap_or_default();
            origin::forward(&request, env, &identity).await
        }
        Some(Decision::Deny(refused) | Decision::Unavailable(refused)) => refuse(&refused.error, &request),
        None => refuse(&Error::SourceUnavailable, &request),
    }
}

/// Decides; reads what is lacking, and decides again.
async fn decide(token: &str, env: &Env) -> Option<Decision> {
    let verify = || state::with(|gate| gate.verifier().verify(token, host::now()));
    let mut decision = verify()?;
    for _ in 0..MOST_REMEDIES {
        let remedy = state::with(|gate| gate.verifier().remedy(token, &decision, host::now())).flatten();
        let Some(remedy) = remedy else { break };
        refresh::remedy(remedy, env).await;
        decision = verify()?;
    }
    Some(decision)
}

fn refuse(error: &Error, request: &Request) -> worker::Result<Response> {
    log::refused(error);
    reply::refusal(error, request.headers().get("origin")?.as_deref())
}
