//! Confirmation for other readers of the list: whether a target is revoked, exactly, out of the snapshot in force.

use revocable::gate::{ConfirmQuestion, ConfirmReply};
use revocable::limits::MAX_CONFIRM_BYTES;
use revocable::{Error, Remedy};
use worker::{Context, Env, Request, Response};

use crate::readers::{self, Reader};
use crate::snapshot_fetch::bring_up;
use crate::{authority, host, lacking, refresh, reply, state};

/// An answer may lack segments, and then those that confirm what they say.
const MOST_ROUNDS: usize = 3;
/// Whoever has a newer list than ours makes us look for it no more often than this, in milliseconds.
const LOOK_AGAIN_MILLIS: u64 = 2_000;

pub(crate) async fn confirm(request: &Request, env: &Env, context: &Context) -> worker::Result<Response> {
    if let Reader::Answered(response) = readers::admit(request, env, &["POST"])? {
        return Ok(response);
    }
    let origin = request.headers().get("origin")?;
    let origin = origin.as_deref();
    let body = match request.inner().body() {
        Some(stream) => host::read_body(&stream, MAX_CONFIRM_BYTES).await?,
        None => Some(Vec::new()),
    };
    let Some(body) = body else { return reply::malformed(413, "it is longer than 64 KiB", origin) };
    let question = match ConfirmQuestion::parse(&body) {
        Ok(question) => question,
        Err(reason) => return reply::malformed(400, &reason, origin),
    };
    if state::with(|gate| gate.authority().is_some()) == Some(true) {
        // It knows exactly, and what was recorded a moment ago, too.
        return match authority::confirm(env, String::from_utf8_lossy(&body).into_owned()).await {
            Ok(answers) => confirmed(answers, origin),
            Err(error) => reply::refusal(&error, origin),
        };
    }
    if state::with(|gate| gate.verifier().revocations().is_some()) != Some(true) {
        return reply::refusal(&Error::NotFound, origin);
    }
    bring_up(env, context).await;
    match answer(&question, env).await {
        Some(answers) => confirmed(answers, origin),
        None => reply::refusal(&Error::SourceUnavailable, origin),
    }
}

fn confirmed(answers: String, origin: Option<&str>) -> worker::Result<Response> {
    let mut headers = readers::cors(origin);
    headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    reply::bytes(200, &headers, answers.into_bytes())
}

/// The answers, if they are to be had.
async fn answer(question: &ConfirmQuestion, env: &Env) -> Option<String> {
    for _ in 0..MOST_ROUNDS {
        let reply = state::with(|gate| {
            Some(question.answer(gate.verifier().revocations()?.snapshot()?, host::now()))
        });
        match reply.flatten()? {
            ConfirmReply::Answers(answers) => return Some(answers),
            ConfirmReply::Lacking(lacking) if lacking::supply(&lacking, env).await => {}
            ConfirmReply::Older if may_look() => refresh::remedy(Remedy::Snapshot, env).await,
            _ => return None,
        }
    }
    None
}

fn may_look() -> bool {
    let now = host::now();
    let info = state::with(|gate| {
        let lists = gate.verifier().revocations()?;
        lists.info(now).filter(|_| !lists.failed_lately(now))
    });
    info.flatten().is_some_and(|info| info.checked_millis_ago >= LOOK_AGAIN_MILLIS)
}
