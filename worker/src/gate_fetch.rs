//! Everything outside our own namespace: token in, decision out, request forwarded or refused.

use revocable::authority::Counted;
use revocable::gate::RequestHeaders;
use revocable::{Decision, Error, Gate, Policy, Remedy, SnapshotInfo, Status};
use worker::{Context, Env, Headers, Request, Response};

use crate::verify::settle;
use crate::{counters, follow, host, lacking, log, origin, refresh, reply, state};

/// A decision may lack keys, a snapshot, the word of the authority that it is the newest, segments, and then the confirmation of
/// what these say, each once.
const MOST_REMEDIES: usize = 5;

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
        Ok(token) => {
            // As it is forwarded, so that the origin sees the path that was judged.
            let url = request.url()?;
            let routes = state::with(|gate| {
                let path = url.path();
                (*gate.routes().policy(path), gate.routes().policy_at(path, host::now()))
            });
            let (always, now) = routes.unwrap_or_default();
            let decision = decide(&always, &now, &token, env, context).await;
            follow::in_background(&always, env, context);
            decision
        }
        Err(error) => return refuse(&error, None, &request, env),
    };
    refresh::in_background(env, context);
    match decision {
        Some(Decision::Allow(allowed)) => {
            if let Some(Status::Unknown(why)) = allowed.status {
                counters::decided(Counted::Unchecked, env);
                log::unchecked(why, allowed.snapshot.as_ref());
            } else {
                counters::decided(Counted::Allowed, env);
            }
            let identity = state::with(|gate| gate.identity(&allowed)).unwrap_or_default();
            origin::forward(&request, env, &identity).await
        }
        Some(Decision::Deny(refused) | Decision::Unavailable(refused)) => {
            refuse(&refused.error, refused.snapshot.as_ref(), &request, env)
        }
        None => refuse(&Error::SourceUnavailable, None, &request, env),
    }
}

/// Decides under the policy of a request that came now; reads what is lacking, and decides again. `always` is the same policy for
/// a request that came at any time.
pub(crate) async fn decide(
    always: &Policy,
    policy: &Policy,
    token: &str,
    env: &Env,
    context: &Context,
) -> Option<Decision> {
    let mut decision = verify(policy, token).await?;
    let mut asking = policy;
    for _ in 0..MOST_REMEDIES {
        let remedy = state::with(|gate| gate.verifier().remedy_under(asking, token, &decision, host::now()));
        match remedy.flatten() {
            None => break,
            // It is waited for once, whatever came of it.
            Some(Remedy::Head) => {
                asking = always;
                if let Some(since) = policy.since() {
                    follow::remedy(since, env, context).await;
                }
            }
            // What did not come is not asked for again by the same request.
            Some(Remedy::Lacking) if !lacking::supply(decision.lacking(), env).await => break,
            Some(Remedy::Lacking) => {}
            Some(remedy) => refresh::remedy(remedy, env).await,
        }
        decision = verify(policy, token).await?;
    }
    Some(decision)
}

/// Takes a token as far as it comes with what is at hand.
async fn verify(policy: &Policy, token: &str) -> Option<Decision> {
    settle(
        |gate| Some(gate.verifier().start_under(policy, token, host::now())),
        |gate, asking, answer| Some(gate.verifier().resume_under(policy, asking, answer, host::now())),
    )
    .await
}

fn refuse(
    error: &Error,
    list: Option<&SnapshotInfo>,
    request: &Request,
    env: &Env,
) -> worker::Result<Response> {
    counters::decided(Counted::Refused(error.code()), env);
    log::refused(error, list);
    reply::refusal(error, request.headers().get("origin")?.as_deref())
}
