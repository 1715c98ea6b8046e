//! `metrics`: what this isolate and the ledger count, for Prometheus.

use revocable::Error;
use revocable::authority::{LedgerStatus, METRICS_TYPE, Permission, metrics};
use worker::{Env, Request, Response};

use crate::admin::{self, Admin};
use crate::{authority, counters, host, reply, state};

pub(crate) async fn page(request: &Request, env: &Env) -> worker::Result<Response> {
    if let Admin::Answered(response) = admin::admit(request, &["GET", "HEAD"], |_| Permission::Read)? {
        return Ok(response);
    }
    // Where the ledger cannot be asked, that is one of the things to be seen.
    let ledger = authority::status(env).await.ok().and_then(|status| LedgerStatus::parse(&status));
    let text =
        counters::with(|counters| state::with(|gate| metrics(gate, counters, ledger.as_ref(), host::now())));
    let Some(text) = text else { return admin::refuse(&Error::NotFound, request) };
    let mut headers = crate::readers::cors(request.headers().get("origin")?.as_deref());
    headers.push(("content-type", METRICS_TYPE.to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    reply::bytes(200, &headers, text.into_bytes())
}
