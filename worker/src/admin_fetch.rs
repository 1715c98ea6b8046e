//! The admin API: revocations are added, taken back, listed, and what happened is looked up.

use revocable::Error;
use revocable::authority::{Fault, Permission, Posted, Recorded};
use worker::{Env, Request, Response};

use crate::admin::{self, Admin};
use crate::{authority, host, rate, readers, reply};

/// `admin/revocations`.
pub(crate) async fn revocations(request: &Request, env: &Env) -> worker::Result<Response> {
    let wanted = |method: &str| if method == "POST" { Permission::Revoke } else { Permission::Read };
    match admin::admit(request, &["GET", "POST"], wanted)? {
        Admin::Answered(response) => Ok(response),
        Admin::Admitted(actor) if request.method().as_ref() == "POST" => post(request, env, &actor).await,
        Admin::Admitted(_) => list(request, env, false).await,
    }
}

/// `admin/log`.
pub(crate) async fn log(request: &Request, env: &Env) -> worker::Result<Response> {
    match admin::admit(request, &["GET"], |_| Permission::Read)? {
        Admin::Answered(response) => Ok(response),
        Admin::Admitted(_) => list(request, env, true).await,
    }
}

/// `admin/revocations/<seq>`.
pub(crate) async fn entry(request: &Request, env: &Env, seq: &str) -> worker::Result<Response> {
    let actor = match admin::admit(request, &["DELETE"], |_| Permission::Admin)? {
        Admin::Answered(response) => return Ok(response),
        Admin::Admitted(actor) => actor,
    };
    let (url, key) = (request.url()?, request.headers().get("idempotency-key")?);
    let query = url.query().unwrap_or_default();
    let read = admin::of(|authority| Ok(authority.retraction(&actor, seq, query, key.as_deref())));
    let retraction = match read {
        Ok(Ok(Some(retraction))) => retraction,
        Ok(Ok(None)) => return admin::refuse(&Error::NotFound, request),
        Ok(Err(fault)) => return refuse(&fault, request),
        Err(error) => return admin::refuse(&error, request),
    };
    match authority::retract(env, &retraction).await {
        Ok(Recorded::Done(receipt)) => reply::answer(receipt.answer(cors(request)?)),
        Ok(Recorded::Replayed) => admin::refuse(&Error::LedgerUnavailable, request),
        Err(error) => admin::refuse(&error, request),
    }
}

async fn list(request: &Request, env: &Env, log: bool) -> worker::Result<Response> {
    let url = request.url()?;
    let read = admin::of(|authority| Ok(authority.listing(url.query().unwrap_or_default(), log)));
    let listing = match read {
        Ok(Ok(listing)) => listing,
        Ok(Err(fault)) => return refuse(&fault, request),
        Err(error) => return admin::refuse(&error, request),
    };
    match authority::list(env, &listing.place()).await {
        Ok(page) => {
            let mut headers = cors(request)?;
            headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
            headers.push(("cache-control", "no-store".to_owned()));
            reply::bytes(200, &headers, page.into_bytes())
        }
        Err(error) => admin::refuse(&error, request),
    }
}

async fn post(request: &Request, env: &Env, actor: &str) -> worker::Result<Response> {
    let header = |name: &str| request.headers().get(name);
    let (content_type, key) = (header("content-type")?, header("idempotency-key")?);
    let limit = match Posted::limit(content_type.as_deref()) {
        Ok(limit) => limit,
        Err(fault) => return refuse(&fault, request),
    };
    let body = match request.inner().body() {
        Some(stream) => host::read_body(&stream, limit).await?,
        None => Some(Vec::new()),
    };
    let Some(body) = body else { return refuse(&Posted::too_long(content_type.as_deref()), request) };
    let url = request.url()?;
    let posted = Posted {
        content_type: content_type.as_deref(),
        idempotency_key: key.as_deref(),
        query: url.query().unwrap_or_default(),
        body: &body,
    };
    let mut intake = match admin::of(|authority| Ok(authority.intake(&posted, host::now()))) {
        Ok(Ok(intake)) => intake,
        Ok(Err(fault)) => return refuse(&fault, request),
        Err(error) => return admin::refuse(&error, request),
    };
    // It may be megabytes, and is read.
    drop(body);
    let may = admin::may(request, intake.wants()).and_then(|_| rate::take(actor, intake.cost()));
    if let Err(error) = may {
        return admin::refuse(&error, request);
    }
    let Some(order) = intake.order(actor) else { return reply::answer(intake.answer(None, cors(request)?)) };
    match authority::record(env, order).await {
        Ok(Recorded::Done(receipt)) => reply::answer(intake.answer(Some(&receipt), cors(request)?)),
        // Only a message that may be acted on once can have been before.
        Ok(Recorded::Replayed) => admin::refuse(&Error::LedgerUnavailable, request),
        Err(error) => admin::refuse(&error, request),
    }
}

fn refuse(fault: &Fault, request: &Request) -> worker::Result<Response> {
    reply::answer(fault.answer(cors(request)?))
}

fn cors(request: &Request) -> worker::Result<Vec<(&'static str, String)>> {
    Ok(readers::cors(request.headers().get("origin")?.as_deref()))
}
