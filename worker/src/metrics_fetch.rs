//! `metrics`: what this isolate and the ledger count, for Prometheus. An authority shows it to the holders of admin keys, every
//! other gate to those of its read key; where anybody may read the list, there is no such key.

use revocable::Error;
use revocable::authority::{LedgerStatus, METRICS_TYPE, Permission, metrics};
use worker::{Env, Request, Response};

use crate::admin::{self, Admin};
use crate::readers::{self, Reader};
use crate::{authority, counters, host, reply, state};

pub(crate) async fn page(request: &Request, env: &Env) -> worker::Result<Response> {
    const METHODS: &[&str] = &["GET", "HEAD"];
    let ledger = if state::with(|gate| gate.authority().is_some()) == Some(true) {
        if let Admin::Answered(response) = admin::admit(request, METHODS, |_| Permission::Read)? {
            return Ok(response);
        }
        // Where the ledger cannot be asked, that is one of the things to be seen.
        authority::status(env).await.ok().and_then(|status| LedgerStatus::parse(&status))
    } else {
        match readers::admit(request, env, METHODS)? {
            Reader::Admitted { is_public: false } => None,
            Reader::Admitted { is_public: true } => return admin::refuse(&Error::NotFound, request),
            Reader::Answered(response) => return Ok(response),
        }
    };
    let text =
        counters::with(|counters| state::with(|gate| metrics(gate, counters, ledger.as_ref(), host::now())));
    let Some(text) = text else { return admin::refuse(&Error::NotFound, request) };
    let mut headers = readers::cors(request.headers().get("origin")?.as_deref());
    headers.push(("content-type", METRICS_TYPE.to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    reply::bytes(200, &headers, text.into_bytes())
}
