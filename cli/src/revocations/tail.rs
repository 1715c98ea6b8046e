//! `revocable revocations tail`: an authority's feed, as it comes.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use revocable::{Code, Jwks};
use serde_json::Value;

use super::client::{Client, Connection, Refusal, Trouble, back_off, query, shown};
use super::feed::Events;
use super::head;
use super::target::date;
use crate::input;
use crate::outgoing;
use crate::output::{self, Exit, Failure, Ui, code};

/// Follow what is revoked and undone, as it happens
///
/// Ends with 0 at Ctrl-C. A connection that breaks is made again where it was. With --json, one message on a line.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Begin after this number; from now on if left out
    #[arg(long, value_name = "N")]
    after: Option<u64>,
    /// The authority's public keys, as a JWKS or a single JWK: what is not signed by one of them ends this with 1; repeatable
    #[arg(long, value_name = "FILE")]
    list_key: Vec<PathBuf>,
    /// Show heart-beats too
    #[arg(long)]
    heads: bool,
}

pub(super) fn run(args: &Args, connection: &Connection, ui: Ui) -> Result<Exit, Failure> {
    let keys = match args.list_key.as_slice() {
        [] => None,
        files => Some(outgoing::public_keys(None, files)?),
    };
    let client = connection.open()?;
    let ends = ctrlc::set_handler(|| {
        // Not within a line.
        let _held = std::io::stdout().lock();
        std::process::exit(0);
    });
    ends.map_err(|error| Failure::new(code::SIGNAL, format!("Ctrl-C cannot be waited for: {error}")))?;
    let mut following = Following { keys, heads: args.heads, ui, last: args.after, is_first: true };
    let mut asked: u32 = 0;
    let mut was_connected = false;
    loop {
        let (failure, wait) = match following.follow(&client) {
            Ended::Refused(failure) => return Err(failure),
            Ended::Broken { failure, wait, heard } => {
                was_connected |= heard;
                asked = if heard { 0 } else { asked };
                (failure, wait)
            }
        };
        if !was_connected && asked >= connection.retries() {
            return Err(failure);
        }
        let wait = wait.unwrap_or_else(|| back_off(asked, FIRST_WAIT, MOST_WAIT));
        output::note(&format!("{}; asking again in {} ms", failure.message, wait.as_millis()), ui);
        asked = asked.saturating_add(1);
        thread::sleep(wait);
    }
}

/// How far it has been followed, and what is shown of it.
struct Following {
    keys: Option<Jwks>,
    heads: bool,
    ui: Ui,
    /// The number up to which nothing is missing.
    last: Option<u64>,
    /// Whether nothing has been heard on this connection yet: what comes first is what follows `last`, whatever it says it
    /// follows.
    is_first: bool,
}

/// Why a connection is no more.
enum Ended {
    Refused(Failure),
    Broken { failure: Failure, wait: Option<Duration>, heard: bool },
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl Following {
    /// Follows one connection to its end.
    fn follow(&mut self, client: &Client) -> Ended {
        self.is_first = true;
        let after = self.last.map(|last| last.to_string());
        let stream = match client.stream(&format!("feed{}", query(&[("after", after.as_deref())]))) {
            Ok(stream) => stream,
            Err(Trouble::Refused(Refusal { failure, .. })) => return Ended::Refused(failure),
            Err(Trouble::Passing(failure, wait)) => return Ended::Broken { failure, wait, heard: false },
        };
        let mut events = Events::new(stream);
        loop {
            let heard = !self.is_first;
            let broken = |what: &str| {
                let failure = Failure::new(code::AUTHORITY, format!("the feed broke off: {what}"));
                let failure = Failure { exit: Exit::Unavailable, ..failure };
                Ended::Broken { failure, wait: None, heard }
            };
            let message = match events.next_data() {
                Ok(Some(data)) => serde_json::from_slice::<Value>(&data),
                Ok(None) => return broken("it ended"),
                Err(error) => return broken(&error.to_string()),
            };
            let Ok(message) = message else { return broken("a message is no JSON") };
            match self.take(&message) {
                Ok(true) => self.is_first = false,
                Ok(false) => return broken("a message was missed"),
                Err(failure) => return Ended::Refused(failure),
            }
        }
    }

    /// Takes a message; says whether none is missing before it.
    fn take(&mut self, message: &Value) -> Result<bool, Failure> {
        let number = |name: &str| message.get(name).and_then(Value::as_u64);
        let kind = message.get("type").and_then(Value::as_str);
        // What a newer authority may say beside is not ours to understand.
        let (Some(kind), Some(seq)) = (kind, number("seq")) else { return Ok(true) };
        self.check_head(message, seq)?;
        // Whose number is greater may be a manifest that says nothing new: what counts is the change before.
        let follows = number("prev").zip(self.last).is_none_or(|(prev, last)| prev <= last);
        match kind {
            "change" if self.last.is_some_and(|last| seq <= last) => {}
            "change" | "heartbeat" if !follows && !self.is_first => return Ok(false),
            "change" => {
                self.show(message, seq)?;
                // Of a change in several messages all come again until the last has come.
                if message.get("more").and_then(Value::as_bool) != Some(true) {
                    self.last = Some(seq);
                }
            }
            "reset" => {
                self.last = Some(seq);
                if self.ui.json {
                    output::print_json(message)?;
                } else {
                    let text = "reset\twhat happened before is not known any more: read the list";
                    output::print(&format!("{seq}\t{text}"))?;
                }
            }
            "heartbeat" => {
                self.last = self.last.max(Some(seq));
                if self.heads && self.ui.json {
                    output::print_json(message)?;
                } else if self.heads {
                    output::print(&format!("{seq}\theartbeat"))?;
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn check_head(&self, message: &Value, seq: u64) -> Result<(), Failure> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let head = message.get("head").and_then(Value::as_str).unwrap_or_default();
        let signed = head::check(head, keys, input::now(None)?);
        let reason = match signed {
            // A change of a while ago comes with the head of now.
            Ok(signed) if signed >= seq => return Ok(()),
            Ok(signed) => format!("it says {signed}"),
            Err(error) => error.to_string(),
        };
        let untrusted = Code::ManifestUntrusted.as_str();
        Err(Failure::new(untrusted, format!("the head of number {seq} does not vouch for it: {reason}")))
    }

    fn show(&self, message: &Value, seq: u64) -> Result<(), Failure> {
        if self.ui.json {
            return output::print_json(message);
        }
        for change in message.get("changes").and_then(Value::as_array).into_iter().flatten() {
            output::print(&row(change, seq))?;
        }
        Ok(())
    }
}

/// One line for people.
fn row(change: &Value, seq: u64) -> String {
    let member = |name: &str| change.get(name).filter(|value| !value.is_null());
    let text = |name: &str| member(name).and_then(Value::as_str).map(shown).unwrap_or_default();
    let rule = member("rule").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let rule: Vec<String> = rule.iter().filter_map(Value::as_str).map(shown).collect();
    let kind = text("kind");
    let how = match (kind.as_str(), member("value")) {
        ("cutoff", Some(millis)) => {
            let seconds = millis.as_f64().map_or(Value::Null, |millis| (millis / 1000.0).into());
            format!("before {}", date(&seconds))
        }
        ("minimum", Some(minimum)) => format!("{} below {}", text("claim"), shown(&minimum.to_string())),
        _ => kind,
    };
    let number = member("seq").and_then(Value::as_u64).unwrap_or(seq);
    let expires = member("expires").map_or_else(|| "–".to_owned(), date);
    let columns = [number.to_string(), text("op"), how, rule.join(","), text("issuer"), text("id"), expires];
    columns.join("\t")
}

const FIRST_WAIT: Duration = Duration::from_millis(500);
const MOST_WAIT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
Examples:
  revocable revocations tail
  revocable revocations tail --after 1000 --json
  revocable revocations tail --list-key list.pub.jwk --heads

Columns: number, add or undo, how, rule, issuer, id, when it expires. A feed has ids and no values.

`reset` says that --after is older than what the authority remembers: read the list, then go on from there.

Exit codes:
  0   Ctrl-C
  1   the authority refuses it, or a message is not signed by --list-key
  2   the authority cannot be reached at all
  64  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const QUIET: Ui = Ui { json: false, quiet: true };

    fn following(last: Option<u64>) -> Following {
        Following { keys: None, heads: false, ui: QUIET, last, is_first: false }
    }

    #[test]
    fn what_came_is_known_and_a_gap_is_seen() {
        let change = |seq: u64, prev: u64, more: bool| json!({ "type": "change", "seq": seq, "prev": prev, "changes": [], "more": more });
        let mut tail = following(Some(5));
        for (message, whole, last) in [
            (change(6, 5, false), true, 6),
            (change(6, 5, false), true, 6),
            (change(8, 7, false), false, 6),
            (change(7, 6, true), true, 6),
            (change(7, 6, false), true, 7),
            (json!({ "type": "heartbeat", "seq": 9, "prev": 7 }), true, 9),
            (json!({ "type": "heartbeat", "seq": 8, "prev": 7 }), true, 9),
            (change(11, 7, false), true, 11),
            (json!({ "type": "heartbeat", "seq": 14, "prev": 12 }), false, 11),
            (change(15, 12, false), false, 11),
            (json!({ "type": "reset", "seq": 3 }), true, 3),
            (json!({ "type": "news", "seq": 30 }), true, 3),
            (json!("nothing"), true, 3),
        ] {
            assert_eq!(tail.take(&message).unwrap(), whole, "{message}");
            assert_eq!(tail.last, Some(last), "{message}");
        }
        tail.is_first = true;
        assert!(tail.take(&change(20, 19, false)).unwrap(), "what follows a resumption is all there is");
    }

    #[test]
    fn a_row_names_the_target_by_its_id() {
        let change = json!({
            "seq": 7, "op": "add", "rule": ["azp", "sub"], "kind": "cutoff", "issuer": "i", "id": "0a", "value": 1_790_000_000_500_u64,
            "expires": 1_790_000_001,
        });
        let wanted = "7\tadd\tbefore 2026-09-21T14:13:20Z\tazp,sub\ti\t0a\t2026-09-21T14:13:21Z";
        assert_eq!(row(&change, 9), wanted);
        assert_eq!(row(&json!({ "op": "undo", "kind": "outright" }), 9), "9\tundo\toutright\t\t\t\t–");
    }
}
