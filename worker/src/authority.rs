//! What the Worker asks of the ledger, the Durable Object that is the only writer.

use revocable::authority::{Order, Recorded, Retraction};
use revocable::{Error, SegmentName, UnixTime};
use serde_json::Value;
use worker::wasm_bindgen::JsValue;
use worker::{Env, Method, Request, RequestInit, Response, Stub};

use crate::{host, log, refresh};

const BINDING: &str = "LEDGER";
/// There is one.
const NAME: &str = "ledger";
/// Where it is asked, which nobody else can reach.
const BASE: &str = "https://ledger/";

/// Has an order recorded. When this succeeds it is durable, and the gate of this isolate has it in force.
///
/// # Errors
/// [`Error::RevocationInvalid`] when the ledger does not take it; [`Error::LedgerUnavailable`] when it cannot be asked.
pub(crate) async fn record(env: &Env, order: Order) -> Result<Recorded, Error> {
    let asked_at = host::now();
    let text = order.to_json();
    // The ledger may be in this very isolate, and its memory is to be enough for the order once.
    drop(order);
    recorded(ask(env, Method::Post, "orders", Some(text)).await?, asked_at, env).await
}

/// Has an entry taken back by its number.
///
/// # Errors
/// [`Error::NotFound`] when there is none with it; [`Error::LedgerUnavailable`] when the ledger cannot be asked.
pub(crate) async fn retract(env: &Env, retraction: &Retraction) -> Result<Recorded, Error> {
    let asked_at = host::now();
    recorded(ask(env, Method::Post, "retractions", Some(retraction.to_json())).await?, asked_at, env).await
}

/// Reads what the ledger says to an order, and takes the manifest that came with it.
async fn recorded(answer: String, asked_at: UnixTime, env: &Env) -> Result<Recorded, Error> {
    let Recorded::Done(receipt) = Recorded::from_json(&answer)? else { return Ok(Recorded::Replayed) };
    // An answer that was given before is without it: then the newest is asked for.
    let manifest = match receipt.manifest.is_empty() {
        true => None,
        false => Some(receipt.manifest.clone().into_bytes()),
    };
    if let Some(manifest) = manifest {
        refresh::take(manifest, asked_at, env).await;
    }
    Ok(Recorded::Done(receipt))
}

/// One page of the ledger, as the ledger writes it: the body of a 200. `query` is what `revocable::authority` has made of the
/// request's, `log` or `entries` and what follows.
pub(crate) async fn list(env: &Env, query: &str) -> Result<String, Error> {
    ask(env, Method::Get, query, None).await
}

/// Numbers for operators, as JSON.
pub(crate) async fn status(env: &Env) -> Result<String, Error> {
    ask(env, Method::Get, "status", None).await
}

/// The pointer to the newest manifest, from the ledger itself.
pub(crate) async fn head(env: &Env) -> Result<String, Error> {
    ask(env, Method::Get, "head", None).await
}

/// A manifest that a head named.
pub(crate) async fn manifest(env: &Env, seq: u64) -> Result<Vec<u8>, Error> {
    ask(env, Method::Get, &format!("manifests/{seq}"), None).await.map(String::into_bytes)
}

/// A segment that a manifest names.
pub(crate) async fn segment(env: &Env, name: &SegmentName) -> Result<Response, Error> {
    send(env, Method::Get, &name.object_name(), None).await
}

/// Exact answers to a question that has been read.
pub(crate) async fn confirm(env: &Env, question: String) -> Result<String, Error> {
    ask(env, Method::Post, "confirm", Some(question)).await
}

/// Has the ledger do what is due, should its alarm have been lost.
pub(crate) async fn tick(env: &Env) -> Result<(), Error> {
    ask(env, Method::Post, "tick", None).await.map(|_| ())
}

async fn ask(env: &Env, method: Method, path: &str, body: Option<String>) -> Result<String, Error> {
    let mut response = send(env, method, path, body).await?;
    response.text().await.map_err(|fault| away(&fault))
}

async fn send(env: &Env, method: Method, path: &str, body: Option<String>) -> Result<Response, Error> {
    let mut response = fetch(env, method, path, body).await.map_err(|fault| away(&fault))?;
    if response.status_code() == 200 {
        return Ok(response);
    }
    let said: Value = response.json().await.map_err(|fault| away(&fault))?;
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    Err(match text("code").as_deref() {
        Some("ERR_REVOCATION_INVALID") => Error::RevocationInvalid(text("reason").unwrap_or_default()),
        Some("ERR_NOT_FOUND") => Error::NotFound,
        _ => Error::LedgerUnavailable,
    })
}

async fn fetch(env: &Env, method: Method, path: &str, body: Option<String>) -> worker::Result<Response> {
    let mut init = RequestInit::new();
    init.with_method(method);
    if let Some(body) = body {
        init.with_body(Some(JsValue::from(body)));
    }
    stub(env)?.fetch_with_request(Request::new_with_init(&format!("{BASE}{path}"), &init)?).await
}

/// The ledger, for requests that are passed on as they are.
pub(crate) fn stub(env: &Env) -> worker::Result<Stub> {
    env.durable_object(BINDING)?.get_by_name(NAME)
}

fn away(fault: &worker::Error) -> Error {
    log::failed("ledger", &Error::LedgerUnavailable, Some(&fault.to_string()));
    Error::LedgerUnavailable
}
