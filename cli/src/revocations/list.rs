//! `revocable revocations list`: what is revoked, or what has happened.

use serde_json::Value;

use super::client::{Ask, Connection, query, shown};
use super::target::{Members, Values, date};
use super::undo::KindName;
use crate::output::{self, Exit, Failure, Ui};

/// List revocations in force, or the log of what has happened
///
/// In the order in which they were recorded. With --json, one JSON object on a line.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Those of this rule: members separated by commas
    #[arg(long, value_name = "MEMBER,…")]
    rule: Option<Members>,
    /// Those of this token issuer
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    #[command(flatten)]
    values: Values,
    /// Those of this kind
    #[arg(long, value_enum)]
    kind: Option<KindName>,
    /// Those of the target with this id, 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Those that this actor recorded, such as `key:ops` or `client:app-1`
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Those with greater numbers
    #[arg(long, value_name = "N")]
    after: Option<u64>,
    /// No more than so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// The log of all that has happened, undoings too
    #[arg(long)]
    log: bool,
}

pub(super) fn run(args: &Args, connection: &Connection, ui: Ui) -> Result<Exit, Failure> {
    let client = connection.open()?;
    let endpoint = if args.log { "admin/log" } else { "admin/revocations" };
    let rule = args.rule.as_ref().map(|rule| Value::from(rule.0.clone()).to_string());
    let values: Vec<(&str, String)> = args.values.0.iter().map(parameter).collect();
    let mut after = args.after;
    let mut left = args.limit.unwrap_or(u64::MAX);
    if !ui.json {
        output::print(HEADING)?;
    }
    loop {
        let (from, limit) = (after.map(|after| after.to_string()), left.min(PAGE).to_string());
        let mut members = vec![
            ("rule", rule.as_deref()),
            ("issuer", args.issuer.as_deref()),
            ("kind", args.kind.map(KindName::name)),
            ("id", args.id.as_deref()),
            ("actor", args.actor.as_deref()),
            ("after", from.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        members.extend(values.iter().map(|(name, value)| (*name, Some(value.as_str()))));
        let path = format!("{endpoint}{}", query(&members));
        let ask = Ask { method: "GET", path: &path, body: None, idempotency_key: None };
        let page = client.ask(&ask).map_err(|refusal| refusal.failure)?;
        let entries = page.get("revocations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for entry in entries {
            if ui.json { output::print_json(entry)? } else { output::print(&row(entry))? }
        }
        left = left.saturating_sub(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        let next = page.get("next").and_then(Value::as_u64);
        // A page that does not lead on would be asked for for ever.
        match next.filter(|next| left > 0 && after.is_none_or(|after| *next > after)) {
            Some(next) => after = Some(next),
            None => return Ok(Exit::Ok),
        }
    }
}

/// What a value is searched by: its text, or what it is as JSON.
fn parameter(value: &Value) -> (&'static str, String) {
    value.as_str().map_or_else(|| ("json", value.to_string()), |text| ("value", text.to_owned()))
}

/// One line for people.
fn row(entry: &Value) -> String {
    let member = |name: &str| entry.get(name).filter(|value| !value.is_null());
    let text = |name: &str| member(name).map_or_else(String::new, plain);
    let kind = text("kind");
    let is_undone = member("undo").and_then(Value::as_bool) == Some(true);
    let how = match (is_undone, member("before"), member("minimum")) {
        (true, _, _) => format!("undo {kind}"),
        (_, Some(before), _) => format!("before {}", date(before)),
        (_, _, Some(minimum)) => format!("{} below {minimum}", text("claim")),
        _ => kind,
    };
    let members = member("rule").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let members: Vec<String> = members.iter().map(plain).collect();
    let values = member("values").and_then(Value::as_array);
    let target = match values {
        // The ledger may keep ids alone.
        None => format!("{} id {}", members.join(","), text("id")),
        Some(values) => {
            let named =
                members.iter().zip(values).map(|(member, value)| format!("{member}={}", plain(value)));
            named.collect::<Vec<_>>().join(" ")
        }
    };
    let expires = member("expires").map_or_else(|| "–".to_owned(), date);
    let time = member("time").map_or_else(String::new, date);
    let columns = [text("seq"), time, how, target, text("issuer"), expires, text("actor"), text("reason")];
    columns.join("\t").trim_end().to_owned()
}

/// A text without its quotes, and anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| shown(&value.to_string()), shown)
}

/// The most that the authority gives at a time.
const PAGE: u64 = 1000;
const HEADING: &str = "seq\trecorded\thow\ttarget\tissuer\texpires\tactor\treason";

const AFTER_HELP: &str = "\
Examples:
  revocable revocations list
  revocable revocations list --rule sub --value alice
  revocable revocations list --value alice --value-json 7
  revocable revocations list --log --after 1000 --json

Without --rule, or with fewer values than it has members, each value may be of any member.

Columns are separated by tabs: `| column -ts $'\\t'` lines them up. Where the ledger keeps ids alone, there are no values to
show or to search by; --id still finds an entry.

Exit codes:
  0   done
  1   the authority refuses it
  2   the authority cannot be asked now
  64  the command line is wrong";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_how_what_and_whose_and_cannot_break_the_table() {
        let entry = json!({
            "seq": 7, "id": "00", "rule": ["azp", "sub"], "issuer": "i", "values": ["app\t1", 5], "kind": "cutoff",
            "before": 1_790_000_000, "claim": null, "expires": null, "reason": "a\nb", "actor": "key:ops", "time": 1_790_000_001,
        });
        assert_eq!(
            row(&entry),
            "7\t2026-09-21T14:13:21Z\tbefore 2026-09-21T14:13:20Z\tazp=app\u{fffd}1 sub=5\ti\t–\tkey:ops\ta\u{fffd}b"
        );
        let entry = json!({ "seq": 8, "id": "0a", "rule": ["jti"], "issuer": "i", "values": null, "kind": "outright", "undo": true });
        assert_eq!(row(&entry), "8\t\tundo outright\tjti id 0a\ti\t–");
        let entry = json!({ "seq": 9, "rule": ["sub"], "values": ["a"], "kind": "minimum", "claim": "v", "minimum": 3 });
        assert!(row(&entry).contains("\tv below 3\tsub=a\t"));
        assert_eq!(row(&json!("nothing")), "\t\t\t id \t\t–");
    }
}
