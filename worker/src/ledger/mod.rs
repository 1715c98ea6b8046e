//! The ledger: the one writer. A Durable Object whose SQLite keeps every revocation, and every manifest that was made of them.
//!
//! ```text
//! POST retractions        the same for the entry with a number, which is taken back
//! POST orders             one transaction: events, entries, and the manifest that has them; then the feed
//! GET  head               the newest manifest's number and hash, signed
//! GET  manifests/<seq>    a manifest that a head named
//! GET  segments/<hash>    a segment that a manifest names
//! GET  entries, log       a page of what is revoked, or of what happened
//! GET  status             numbers for operators
//! GET  feed               every change, as it is published
//! POST confirm            exact answers by id
//! POST tick               the cron trigger: does what the alarm does
//! alarm                   forgets what has expired, signs anew, compacts piece by piece, writes to KV
//! ```
//!
//! Nobody but this Worker can ask it. Whoever asks has been checked before.

mod compact;
mod confirm;
mod feed;
mod housekeeping;
mod kv;
mod press;
mod query;
mod record;
mod store;

use std::cell::{Cell, OnceCell};

use revocable::authority::{Authority, Order, Recorded, Retraction};
use revocable::{Error, SegmentName, UnixTime};
use serde_json::json;
use wasm_bindgen::JsValue;
use worker::{
    DurableObject, Env, Method, Request, Response, State, WebSocket, WebSocketIncomingMessage, durable_object,
};

use crate::{host, log, state};
use feed::Feed;
use store::Store;

/// The only writer.
#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    store: OnceCell<Store>,
    /// When the alarm is set for, in milliseconds, as far as this instance knows.
    alarm: Cell<Option<u64>>,
    feed: Feed,
    /// When it was last cleared up, in milliseconds.
    cleared: Cell<u64>,
    /// Until when the next piece of a compaction is not to be made, in milliseconds.
    rested: Cell<u64>,
    /// Until when KV is being written to.
    writing_until: Cell<Option<UnixTime>>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not to be done: the code says why.
    Refused(Error),
    /// The platform did something that it should not.
    Platform(String),
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            store: OnceCell::new(),
            alarm: Cell::new(None),
            feed: Feed::default(),
            cleared: Cell::new(0),
            rested: Cell::new(0),
            writing_until: Cell::new(None),
        }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        match self.answer(request).await {
            Ok(response) => Ok(response),
            Err(fault) => Ok(refuse(&fault)?),
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        // It may be the first that this isolate hears of, and find nothing configured.
        // Whatever went wrong is tried again at the next one: an alarm that fails is repeated by the platform, and six times only.
        self.alarm.set(None);
        let done = match state::configure(&self.env) {
            Ok(()) => self.keep_house().await,
            Err(error) => Err(error.into()),
        };
        if let Err(fault) = done {
            fault.log("alarm");
            self.wake_in(RETRY_MILLIS).await?;
        }
        Response::empty()
    }

    async fn websocket_message(&self, socket: WebSocket, _: WebSocketIncomingMessage) -> worker::Result<()> {
        // `ping` is answered by the platform. There is nothing else to be said.
        socket.close(Some(UNSUPPORTED), Some("this is a feed: say nothing but `ping`"))
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        _code: usize,
        _reason: String,
        _was_clean: bool,
    ) -> worker::Result<()> {
        let _ = socket.close(None, None::<&str>);
        Ok(())
    }

    async fn websocket_error(&self, _socket: WebSocket, _error: worker::Error) -> worker::Result<()> {
        Ok(())
    }
}

impl Ledger {
    async fn answer(&self, mut request: Request) -> Result<Response, Fault> {
        state::configure(&self.env)?;
        let url = request.url()?;
        let path = url.path().trim_start_matches('/').to_owned();
        match (request.method(), path.as_str()) {
            (Method::Post, "orders") => {
                let order = Order::from_json(&request.text().await?)?;
                receipt(&self.record(&order).await?)
            }
            (Method::Post, "retractions") => {
                let retraction = Retraction::from_json(&request.text().await?)?;
                receipt(&self.retract(&retraction).await?)
            }
            (Method::Post, "tick") => {
                // Nobody knows whether there is an alarm.
                self.alarm.set(None);
                self.cleared.set(0);
                self.keep_house().await?;
                json_response(&json!({}))
            }
            (Method::Post, "confirm") => Ok(Response::ok(self.confirm(&request.text().await?)?)?),
            (Method::Get, "head") => {
                if self.settle()? {
                    self.wake_in(0).await?;
                }
                Ok(Response::ok(self.head()?)?)
            }
            (Method::Get, "feed") => {
                let after = url.query_pairs().find(|(name, _)| name == "after");
                let response = self.subscribe(&request, after.and_then(|(_, after)| after.parse().ok()))?;
                self.wake_in(0).await?;
                Ok(response)
            }
            (Method::Get, "status") => json_response(&self.status()?),
            (Method::Get, "entries" | "log") => {
                json_response(&self.page(path == "log", url.query().unwrap_or_default())?)
            }
            (Method::Get, path) => {
                if let Some(seq) = path.strip_prefix("manifests/") {
                    self.settle()?;
                    let seq = seq.parse().map_err(|_| Fault::Refused(Error::NotFound))?;
                    return Ok(Response::ok(self.manifest(seq)?)?);
                }
                let name = path.strip_prefix("segments/").and_then(SegmentName::from_hex);
                let name = name.ok_or(Fault::Refused(Error::NotFound))?;
                let bytes = self.store()?.segment(&name)?.ok_or(Fault::Refused(Error::NotFound))?;
                Ok(Response::from_bytes(bytes)?)
            }
            _ => Err(Fault::Refused(Error::NotFound)),
        }
    }

    fn store(&self) -> Result<&Store, Fault> {
        if self.store.get().is_none() {
            let store = Store::open(&self.state)?;
            // Nothing else runs meanwhile.
            let _ = self.store.set(store);
        }
        self.store.get().ok_or_else(|| Fault::odd("the ledger's tables"))
    }

    /// Has the alarm go off after so long, unless it does so earlier anyway.
    async fn wake_in(&self, millis: u64) -> Result<(), worker::Error> {
        let now = host::now().as_millis();
        let at = now.saturating_add(millis);
        // One that should have gone off may have been lost.
        if self.alarm.get().is_none_or(|known| at < known || known < now) {
            let millis = i64::try_from(millis).unwrap_or(i64::MAX);
            self.state.storage().set_alarm(millis).await?;
            self.alarm.set(Some(at));
        }
        Ok(())
    }
}

/// Looks at the authority that is configured.
fn authority<T>(look: impl FnOnce(&Authority) -> Result<T, Fault>) -> Result<T, Fault> {
    let looked = state::with(|gate| gate.authority().map(look)).flatten();
    looked.unwrap_or(Err(Fault::Refused(Error::NotFound)))
}

fn receipt(recorded: &Recorded) -> Result<Response, Fault> {
    Ok(Response::ok(recorded.to_json())?)
}

fn json_response(value: &serde_json::Value) -> Result<Response, Fault> {
    Ok(Response::ok(value.to_string())?)
}

/// What is refused goes back with its code, so that whoever asked can say it; what is a fault stays here.
fn refuse(fault: &Fault) -> worker::Result<Response> {
    let error = match fault {
        Fault::Refused(error) => error,
        Fault::Platform(_) => {
            fault.log("ledger");
            &Error::LedgerUnavailable
        }
    };
    let reason = match error {
        Error::RevocationInvalid(reason) => Some(reason),
        _ => None,
    };
    let body = json!({ "code": error.code().as_str(), "reason": reason });
    let status = error.code().http_status();
    Ok(Response::ok(body.to_string())?.with_status(if status == 0 { 503 } else { status }))
}

impl Fault {
    /// The tables hold something else than what was put there.
    fn odd(expected: &str) -> Self {
        Self::Platform(format!("expected {expected}"))
    }

    fn log(&self, what: &str) {
        match self {
            Self::Refused(error) => log::failed(what, error, None),
            Self::Platform(detail) => log::failed(what, &Error::LedgerUnavailable, Some(detail)),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<worker::Error> for Fault {
    fn from(error: worker::Error) -> Self {
        Self::Platform(error.to_string())
    }
}

impl From<JsValue> for Fault {
    fn from(thrown: JsValue) -> Self {
        Self::Platform(host::describe(&thrown))
    }
}

/// RFC 6455 §7.4.1.
const UNSUPPORTED: u16 = 1003;
/// How soon what failed is tried again.
const RETRY_MILLIS: u64 = 5_000;
