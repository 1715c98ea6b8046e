//! Pages of the ledger: what is revoked, and what happened.

use revocable::authority::Listing;
use revocable::{Error, Kind};
use serde_json::{Map, Value, json};
use worker::SqlStorageValue as Sql;

use super::record::salt;
use super::store::{Row, number};
use super::{Fault, Ledger, press, record};
use crate::host;

impl Ledger {
    /// One page: what fits the query, in ascending order of number, and from where the next goes on. Nothing is searched for
    /// longer than some ten thousand rows take, so a page may have fewer than were asked for, and another after it.
    pub(super) fn page(&self, log: bool, query: &str) -> Result<Value, Fault> {
        self.settle()?;
        let listing = Listing::parse(query, log).map_err(|_| Error::NotFound)?;
        let store = self.store()?;
        // By its id a target is found at once, and also where no values are kept.
        let target = listing.target().map(|target| Ok::<_, Fault>(target.id(salt(store)?))).transpose()?;
        let id = listing.id.or(target);
        let (mut parts, mut values) = (vec!["e.seq > ?"], vec![number(listing.after)]);
        let is_live = "(n.expires IS NULL OR n.expires > ?)";
        if !log {
            parts.push(is_live);
            values.push(number(press::over(host::now())));
        }
        if let Some(id) = id {
            parts.push("e.id = ?");
            values.push(Sql::Blob(id.as_bytes().to_vec()));
        }
        if let Some(issuer) = &listing.issuer {
            parts.push("e.issuer = ?");
            values.push(issuer.as_str().into());
        }
        if let Some(kind) = listing.kind {
            parts.push("t.kind = ?");
            values.push(kind.name().into());
        }
        if let Some(rule) = &listing.rule {
            parts.push("t.rule = ?");
            values.push(record::members(rule).into());
        }
        if let Some(actor) = &listing.actor {
            parts.push("e.actor = ?");
            values.push(actor.as_str().into());
        }
        // Only so many rows are looked at, unless the id says which.
        let (from, window) = match (log, id.is_some()) {
            (true, true) => ("events e", None),
            (false, true) => ("events e JOIN entries n ON n.seq = e.seq", None),
            (true, false) => ("(SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?) e", Some("events")),
            (false, false) => (
                "(SELECT seq, expires FROM entries WHERE seq > ? ORDER BY seq LIMIT ?) n JOIN events e ON e.seq = n.seq",
                Some("entries"),
            ),
        };
        let statement = format!(
            "SELECT e.seq, e.at, e.actor, t.rule, t.kind, t.claim, e.id, e.issuer, e.vals, e.undo, e.value, e.expires, \
             e.reason FROM {from} JOIN tables t ON t.number = e.tbl WHERE {} ORDER BY e.seq",
            parts.join(" AND ")
        );
        let mut all = if window.is_some() { vec![number(listing.after), number(WINDOW)] } else { Vec::new() };
        all.extend(values);
        let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let (mut found, mut last, mut is_more) = (Vec::new(), listing.after, false);
        for row in store.each(&statement, all)? {
            let row = row?;
            if found.len() >= limit {
                is_more = true;
                break;
            }
            last = row.number(0)?;
            let values =
                row.text_if_any(8)?.and_then(|values| serde_json::from_str::<Vec<Value>>(values).ok());
            // The id has said it already, where there is one.
            let fits = id.is_some()
                || listing.values.is_empty()
                || values.as_ref().is_some_and(|values| listing.fits(values));
            if fits {
                found.push(line(&row, values, log)?);
            }
        }
        let mut next = is_more.then_some(last);
        if let (Some(table), false) = (window, is_more) {
            let statement = format!(
                "SELECT COUNT(*), MAX(seq) FROM (SELECT seq FROM {table} WHERE seq > ? ORDER BY seq LIMIT ?)"
            );
            let row = store.row(&statement, vec![number(listing.after), number(WINDOW)])?;
            let row = row.ok_or_else(|| Fault::odd("a count"))?;
            if row.number(0)? >= WINDOW {
                next = row.number_if_any(1)?;
            }
        }
        Ok(json!({ "revocations": found, "next": next }))
    }
}

/// An event, as it is listed.
fn line(row: &Row, values: Option<Vec<Value>>, log: bool) -> Result<Value, Fault> {
    let rule: Value = serde_json::from_str(row.text(3)?).map_err(|_| Fault::odd("a rule"))?;
    let kind = Kind::from_name(row.text(4)?).ok_or_else(|| Fault::odd("a kind"))?;
    let id: String = row.bytes(6)?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("seq", row.number(0)?.into());
    put("id", id.into());
    put("rule", rule);
    put("issuer", row.text(7)?.into());
    put("values", values.into());
    put("kind", kind.name().into());
    let is_undone = row.integer(9)? != 0;
    match kind {
        Kind::Cutoff if !is_undone => put("before", seconds(row.number(10)?)),
        Kind::Minimum if !is_undone => put("minimum", row.integer(10)?.into()),
        _ => None,
    };
    if kind == Kind::Minimum {
        put("claim", row.text(5)?.into());
    }
    if log {
        put("undo", is_undone.into());
    }
    put("expires", row.number_if_any(11)?.map(seconds).into());
    put("reason", row.text_if_any(12)?.into());
    put("actor", row.text(2)?.into());
    put("time", seconds(row.number(1)?));
    Ok(Value::Object(line))
}

/// Milliseconds as a NumericDate.
pub(super) fn seconds(millis: u64) -> Value {
    if millis.is_multiple_of(1000) {
        return (millis / 1000).into();
    }
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

/// How many rows are looked at for one page.
const WINDOW: u64 = 20_000;
