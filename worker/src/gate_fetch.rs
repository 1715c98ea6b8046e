//! Everything outside our own namespace: token in, decision out, request forwarded or refused.

use revocable::gate::RequestHeaders;
use revocable::{Decision, Error, Gate, Progress};
use worker::{Context, Env, Headers, Request, Response};

use crate::{host, log, origin, refresh, reply, signature, state};

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
    let mut decision = verify(token).await?;
    for _ in 0..MOST_REMEDIES {
        let remedy = state::with(|gate| gate.verifier().remedy(token, &decision, host::now())).flatten();
        let Some(remedy) = remedy else { break };
        refresh::remedy(remedy, env).await;
        decision = verify(token).await?;
    }
    Some(decision)
}

/// Takes a token as far as it comes with what is at hand.
async fn verify(token: &str) -> Option<Decision> {
    let mut progress = state::with(|gate| gate.verifier().start(token, host::now()))?;
    loop {
        match progress {
            Progress::Decided(decision) => return Some(decision),
            Progress::Asking(asking) => {
                let answer = signature::answer(asking.question()).await;
                progress = state::with(|gate| gate.verifier().resume(*asking, answer, host::now()))?;
            }
        }
    }
}

fn refuse(error: &Error, request: &Request) -> worker::Result<Response> {
    log::refused(error);
    reply::refusal(error, request.headers().get("origin")?.as_deref())
}
