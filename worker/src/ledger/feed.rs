//! The feed: every change, as soon as the manifest is made that has it. A message says that there is something newer, and what;
//! whoever decides by it reads the manifest, whose signature is checked.
//!
//! | subscriber | how | when it does not keep up |
//! |---|---|---|
//! | WebSocket | sleeps with the object (hibernation); says `ping` every minute and is answered `pong` | who has said nothing for two minutes is sent away (1013) |
//! | server-sent events | a stream that keeps the object awake | with 256 messages waiting, the stream ends, and they are dropped |
//!
//! Both come back with the last number that they have, and miss nothing. Each message says which number the change before it has
//! (`prev`): whoever has a lower one has missed something, and whoever has not knows that nothing but the manifest's number moved.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_util::{StreamExt, stream};
use js_sys::{Date, Function, Reflect};
use revocable::Error;
use serde_json::{Map, Value, json};
use wasm_bindgen::{JsCast, JsValue};
use worker::{Request, Response, WebSocket, WebSocketPair, WebSocketRequestResponsePair};

use super::query::seconds;
use super::store::{Row, number};
use super::{Fault, Ledger};
use crate::host;

/// Who is told, and what they have been told.
#[derive(Default)]
pub(super) struct Feed {
    streams: RefCell<Vec<Stream>>,
    /// What has a greater number has not been told.
    told: Cell<Option<u64>>,
    /// When something was told last, and when all were told that there is nothing to tell; in milliseconds.
    at: Cell<u64>,
    beat: Cell<u64>,
}

/// An event, as all who wait for it share it.
type Event = Rc<[u8]>;

/// A subscriber that is told by server-sent events.
struct Stream {
    sender: Sender<Event>,
    waiting: Weak<RefCell<Receiver<Event>>>,
}

impl Ledger {
    /// Answers a subscriber: it is told what it has missed, and then all that comes.
    pub(super) fn subscribe(&self, request: &Request, after: Option<u64>) -> Result<Response, Fault> {
        self.settle()?;
        if self.subscribers() >= MOST_SUBSCRIBERS {
            return Err(Error::RateLimited { retry_after: 60 }.into());
        }
        if self.subscribers() == 0 {
            // The first is told something now, and not at once again.
            self.feed.beat.set(host::now().as_millis());
        }
        // Whoever comes now has what is on its way to the others.
        self.broadcast()?;
        let missed = self.missed(after)?;
        if request.headers().get("upgrade")?.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
        {
            let pair = WebSocketPair::new()?;
            self.state.set_websocket_auto_response(&WebSocketRequestResponsePair::new("ping", "pong")?);
            self.state.accept_web_socket(&pair.server);
            pair.server.serialize_attachment(host::now().as_millis())?;
            for message in &missed {
                pair.server.send_with_str(message.to_string())?;
            }
            return Ok(Response::from_websocket(pair.client)?);
        }
        let (sender, receiver) = channel(MOST_WAITING);
        let receiver = Rc::new(RefCell::new(receiver));
        let mut subscriber = Stream { sender, waiting: Rc::downgrade(&receiver) };
        for message in &missed {
            subscriber.send(&event(message));
        }
        self.feed.streams.borrow_mut().push(subscriber);
        let events = stream::poll_fn(move |context| receiver.borrow_mut().poll_next_unpin(context));
        let response =
            Response::from_stream(events.map(|event| Ok::<Vec<u8>, worker::Error>(event.to_vec())))?;
        response.headers().set("content-type", "text/event-stream; charset=utf-8")?;
        Ok(response)
    }

    /// What somebody has missed who has all up to a number: the changes, or that they are too many or too long ago.
    fn missed(&self, after: Option<u64>) -> Result<Vec<Value>, Fault> {
        let seq = self.newest()?.seq;
        let Some(after) = after else { return Ok(vec![self.heartbeat()?]) };
        if after > seq || after < self.store()?.meta("log_from")?.unwrap_or(0) {
            return Ok(vec![self.reset()?]);
        }
        self.changes(after)
    }

    /// That there are new events, since this number. They are told at once, unless others were a moment ago: then together with
    /// what comes meanwhile.
    pub(super) async fn tell(&self, since: u64) -> Result<(), Fault> {
        let subscribers = self.subscribers();
        if subscribers == 0 {
            return Ok(());
        }
        let told = self.feed.told.get().map_or(since, |told| told.min(since));
        self.feed.told.set(Some(told));
        let quiet = host::now().as_millis().saturating_sub(self.feed.at.get());
        if quiet >= TOGETHER_MILLIS && subscribers <= FEW_SUBSCRIBERS {
            self.broadcast()
        } else {
            // By the alarm, so that whoever revokes need not wait until thousands have been told.
            Ok(self.wake_in(TOGETHER_MILLIS.saturating_sub(quiet)).await?)
        }
    }

    /// Tells subscribers what is new.
    pub(super) fn broadcast(&self) -> Result<(), Fault> {
        let Some(told) = self.feed.told.take() else { return Ok(()) };
        if self.newest()?.seq > told {
            match self.changes(told) {
                Ok(messages) => self.send(&messages),
                Err(fault) => {
                    self.feed.told.set(Some(told));
                    return Err(fault);
                }
            }
        }
        self.feed.at.set(host::now().as_millis());
        Ok(())
    }

    /// Tells them that all is well, every twenty seconds, and sends those away who do not listen.
    pub(super) async fn beat(&self) -> Result<(), Fault> {
        if self.subscribers() == 0 {
            return Ok(());
        }
        let now = host::now().as_millis();
        if now.saturating_sub(self.feed.beat.get()) >= BEAT_MILLIS {
            self.feed.beat.set(now);
            for socket in self.state.get_websockets() {
                if now.saturating_sub(self.last_said(&socket)) > SILENT_MILLIS {
                    let _ = socket.close(Some(TRY_AGAIN_LATER), Some("say `ping` every minute"));
                }
            }
            self.send(&[self.heartbeat()?]);
        }
        Ok(self.wake_in(BEAT_MILLIS).await?)
    }

    /// How many subscribers there are.
    pub(super) fn subscribers(&self) -> usize {
        self.feed.streams.borrow_mut().retain(|stream| !stream.sender.is_closed());
        self.state.get_websockets().len().saturating_add(self.feed.streams.borrow().len())
    }

    fn send(&self, messages: &[Value]) {
        for message in messages {
            let text = message.to_string();
            for socket in self.state.get_websockets() {
                // One that is closing is gone at the next look.
                let _ = socket.send_with_str(&text);
            }
            let event = event(message);
            self.feed.streams.borrow_mut().retain_mut(|stream| stream.send(&event));
        }
    }

    /// When a socket's other end has been heard of last, in milliseconds.
    fn last_said(&self, socket: &WebSocket) -> u64 {
        let joined = socket.deserialize_attachment::<u64>().ok().flatten().unwrap_or(0);
        self.ponged(socket).unwrap_or(0).max(joined)
    }

    fn ponged(&self, socket: &WebSocket) -> Option<u64> {
        let state: &JsValue = self.state.as_raw().as_ref();
        let get = Reflect::get(state, &"getWebSocketAutoResponseTimestamp".into()).ok()?;
        let socket: &JsValue = AsRef::<web_sys::WebSocket>::as_ref(socket).as_ref();
        let date: Date = get.dyn_into::<Function>().ok()?.call1(state, socket).ok()?.dyn_into().ok()?;
        worker::Date::from(date).as_millis().into()
    }

    /// That nothing has changed since `prev`, whatever number the manifest has.
    fn heartbeat(&self) -> Result<Value, Fault> {
        let seq = self.newest()?.seq;
        let prev = self.changed_last(seq)?;
        Ok(json!({ "type": "heartbeat", "seq": seq, "prev": prev, "head": self.head()? }))
    }

    /// That what has changed is too much or too long ago to be told.
    fn reset(&self) -> Result<Value, Fault> {
        Ok(json!({ "type": "reset", "seq": self.newest()?.seq, "head": self.head()? }))
    }

    /// The number of the last change up to this number, as far as it is remembered. A manifest's number is greater than those of
    /// its changes.
    fn changed_last(&self, seq: u64) -> Result<u64, Fault> {
        let row = self.store()?.row("SELECT MAX(seq) FROM events WHERE seq <= ?", vec![number(seq)])?;
        Ok(row.map(|row| row.number_if_any(0)).transpose()?.flatten().unwrap_or(0))
    }

    /// The messages of all changes after a number.
    fn changes(&self, after: u64) -> Result<Vec<Value>, Fault> {
        let rows = self.store()?.rows(
            "SELECT e.seq, t.rule, t.kind, t.claim, e.id, e.issuer, e.undo, e.value, e.expires FROM events e \
             JOIN tables t ON t.number = e.tbl WHERE e.seq > ? ORDER BY e.seq LIMIT ?",
            vec![number(after), number(MOST_TOLD.saturating_add(1))],
        )?;
        if u64::try_from(rows.len()).unwrap_or(u64::MAX) > MOST_TOLD {
            return Ok(vec![self.reset()?]);
        }
        if rows.is_empty() {
            // A manifest may say the same anew.
            return Ok(vec![self.heartbeat()?]);
        }
        let changes = rows.iter().map(change).collect::<Result<Vec<Value>, Fault>>()?;
        let (seq, prev, head) = (self.newest()?.seq, self.changed_last(after)?, self.head()?);
        let mut parts: Vec<&[Value]> = changes.chunks(CHANGES_A_MESSAGE).collect();
        let last = parts.pop().unwrap_or_default();
        let part = |changes: &[Value], is_more: bool| {
            let mut message =
                json!({ "type": "change", "seq": seq, "prev": prev, "head": head, "changes": changes });
            if let (true, Some(message)) = (is_more, message.as_object_mut()) {
                message.insert("more".to_owned(), true.into());
            }
            message
        };
        Ok(parts.into_iter().map(|changes| part(changes, true)).chain([part(last, false)]).collect())
    }
}

impl Stream {
    /// Has an event wait for its reader. One that does not keep up ends here, and comes back with what it has: nothing is kept for
    /// it, as it may never read on.
    fn send(&mut self, event: &Event) -> bool {
        if self.sender.try_send(Rc::clone(event)).is_ok() {
            return true;
        }
        if let Some(waiting) = self.waiting.upgrade() {
            let mut waiting = waiting.borrow_mut();
            waiting.close();
            while waiting.try_recv().is_ok() {}
        }
        false
    }
}

/// A message as a server-sent event. Of several parts the last alone has the number: who has not all of them begins again.
fn event(message: &Value) -> Event {
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_last = message.get("more").is_none();
    let id = message.get("seq").filter(|_| is_last).map(|seq| format!("id: {seq}\n")).unwrap_or_default();
    format!("{id}event: {kind}\ndata: {message}\n\n").into_bytes().into()
}

fn change(row: &Row) -> Result<Value, Fault> {
    let rule: Value = serde_json::from_str(row.text(1)?).map_err(|_| Fault::odd("a rule"))?;
    let (kind, claim, is_undone) = (row.text(2)?, row.text(3)?, row.integer(6)? != 0);
    let id: String = row.bytes(4)?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("seq", row.number(0)?.into());
    put("op", if is_undone { "undo" } else { "add" }.into());
    put("rule", rule);
    put("kind", kind.into());
    if !claim.is_empty() {
        put("claim", claim.into());
    }
    put("issuer", row.text(5)?.into());
    put("id", id.into());
    if !is_undone && kind != "outright" {
        put("value", row.integer(7)?.into());
    }
    if let (Some(expires), false) = (row.number_if_any(8)?, is_undone) {
        put("expires", seconds(expires));
    }
    Ok(Value::Object(line))
}

/// These are told within a few milliseconds.
const FEW_SUBSCRIBERS: usize = 64;
/// More than one object can send a message to within a second.
const MOST_SUBSCRIBERS: usize = 20_000;
const MOST_WAITING: usize = 256;
const TOGETHER_MILLIS: u64 = 50;
const BEAT_MILLIS: u64 = 20_000;
const SILENT_MILLIS: u64 = 120_000;
/// So many changes are told; after more of them, a reader had better read the list.
const MOST_TOLD: u64 = 5_000;
const CHANGES_A_MESSAGE: usize = 500;
/// RFC 6455 §7.4, as registered since.
const TRY_AGAIN_LATER: u16 = 1013;
