//! The admin API: what its requests say, and what is answered. Who may ask is [`super::access`]'s.

mod line;
mod listing;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Error;
use crate::gate::Answer;
use crate::limits::{
    MAX_ADMIN_BYTES, MAX_BULK_BYTES, MAX_BULK_LINES, MAX_IDEMPOTENCY_KEY_BYTES, MAX_REASON_BYTES, MAX_SEQ,
};
use crate::time::UnixTime;

use super::order;
use super::{Authority, Order, Permission, Receipt, Wanted};

pub use listing::Listing;

/// What is wrong with a request, and where. It repeats no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    status: u16,
    field: String,
    reason: String,
}

/// A body that adds and takes back revocations.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// The header of this name.
    pub content_type: Option<&'a str>,
    /// The header of this name: with it, a request that is sent twice is acted on once.
    pub idempotency_key: Option<&'a str>,
    /// What follows the `?`.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What a body asks for, as far as it is good.
#[derive(Debug)]
pub struct Intake {
    mode: Mode,
    key: Option<String>,
    changes: Vec<Wanted>,
    /// The line of each change, counted from 1.
    lines: Vec<usize>,
    /// What is wrong with the other lines.
    faults: Vec<(usize, Fault)>,
}

/// How a body is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It has one revocation.
    One,
    /// Of its lines, all or none.
    All,
    /// Of its lines, those that are good.
    Partial,
}

/// That a live entry is taken back, by its number in the ledger. As JSON it goes from whoever was asked to whoever keeps the
/// ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retraction {
    /// See [`Order::actor`].
    pub actor: String,
    /// The entry's number.
    pub seq: u64,
    /// Why, as the caller says.
    pub reason: Option<String>,
    /// See [`Order::key`].
    pub key: Option<String>,
}

impl Fault {
    /// It could not be read.
    pub(super) fn malformed(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status: 400, field: field.into(), reason: reason.into() }
    }

    /// It could be read, and makes no sense.
    pub(super) fn refused(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status: 422, field: field.into(), reason: reason.into() }
    }

    /// What another part of the library refuses.
    fn of(field: &str, error: &Error) -> Self {
        match error {
            Error::RevocationInvalid(reason) => Self::refused(field, reason.as_str()),
            other => Self::refused(field, other.to_string()),
        }
    }

    /// The HTTP status: 400 for what could not be read, 415 for another type, 422 for what makes no sense.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The member, parameter or header that is wrong; `body` or `query` where it is none of these.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is answered, with these headers besides: those of CORS.
    #[must_use]
    pub fn answer(&self, cors: Vec<(&'static str, String)>) -> Answer {
        let description = format!("`{}`: {}", self.field, self.reason);
        let body =
            json!({ "error": "invalid_request", "error_description": description, "field": self.field });
        Answer::json(self.status, body.to_string()).with(cors)
    }
}

impl Posted<'_> {
    /// How many bytes such a body may have at most.
    ///
    /// # Errors
    /// 415 when it is neither `application/json` nor `application/x-ndjson`.
    pub fn limit(content_type: Option<&str>) -> Result<usize, Fault> {
        Ok(if is_bulk(content_type)? { MAX_BULK_BYTES } else { MAX_ADMIN_BYTES })
    }

    /// What is wrong with a body of more than [`Posted::limit`] bytes.
    #[must_use]
    pub fn too_long(content_type: Option<&str>) -> Fault {
        let bulk = matches!(is_bulk(content_type), Ok(true));
        Fault::malformed("body", if bulk { "it is longer than 8 MiB" } else { "it is longer than 128 KiB" })
    }
}

impl Authority {
    /// Reads a body that adds and takes back revocations.
    ///
    /// # Errors
    /// What is wrong with it, where nothing of it may be taken for that. What is wrong with single lines, [`Intake`] has.
    pub fn intake(&self, posted: &Posted<'_>, now: UnixTime) -> Result<Intake, Fault> {
        let bulk = is_bulk(posted.content_type)?;
        let partial = is_partial(posted.query)?;
        if partial && !bulk {
            return Err(Fault::malformed("partial", "it goes with `application/x-ndjson` only"));
        }
        if posted.body.len() > Posted::limit(posted.content_type)? {
            return Err(Posted::too_long(posted.content_type));
        }
        let key = idempotency_key(posted.idempotency_key)?;
        let terms = line::Terms { covers: &self.covers, now };
        if !bulk {
            let changes = vec![line::read(posted.body, terms)?];
            return Ok(Intake { mode: Mode::One, key, changes, lines: vec![1], faults: Vec::new() });
        }
        let mode = if partial { Mode::Partial } else { Mode::All };
        let mut intake = Intake { mode, key, changes: Vec::new(), lines: Vec::new(), faults: Vec::new() };
        let lines = posted.body.split(|byte| *byte == b'\n').enumerate();
        // A line without anything is none, such as what follows the last one's end.
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        for (count, (index, text)) in lines.enumerate() {
            if count >= MAX_BULK_LINES {
                return Err(Fault::malformed("body", "it has more than 10000 lines"));
            }
            let number = index.saturating_add(1);
            match line::read(text, terms) {
                Ok(wanted) => {
                    intake.changes.push(wanted);
                    intake.lines.push(number);
                }
                Err(fault) => intake.faults.push((number, fault)),
            }
        }
        if intake.changes.is_empty() && intake.faults.is_empty() {
            return Err(Fault::malformed("body", "it has no line"));
        }
        Ok(intake)
    }

    /// Reads the query of a listing, or of the log.
    ///
    /// # Errors
    /// The parameter that is wrong, or that a ledger without values cannot answer.
    pub fn listing(&self, query: &str, log: bool) -> Result<Listing, Fault> {
        let listing = Listing::parse(query, log)?;
        if self.hash_only && listing.needs_values() {
            return Err(Fault::refused(
                "value",
                "this ledger keeps ids alone (`hashOnly`): it finds values only where `rule`, `issuer` and one for each member \
                 are given",
            ));
        }
        Ok(listing)
    }

    /// Reads that the entry with a number is taken back: `DELETE …/<seq>`, with `?reason=` where there is one.
    ///
    /// # Errors
    /// The parameter or header that is wrong; `None` when the path has no number that an entry could have.
    pub fn retraction(
        &self,
        actor: &str,
        path: &str,
        query: &str,
        key: Option<&str>,
    ) -> Result<Option<Retraction>, Fault> {
        let mut reason = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "reason" {
                return Err(Fault::malformed("query", "unknown parameter, expected `reason`"));
            }
            if value.len() > MAX_REASON_BYTES {
                return Err(Fault::refused("reason", "it is longer than 512 bytes"));
            }
            if reason.replace(value.into_owned()).is_some() {
                return Err(Fault::malformed("reason", "it is given twice"));
            }
        }
        let key = idempotency_key(key)?;
        let seq = path.parse().ok().filter(|seq: &u64| (1..=MAX_SEQ).contains(seq));
        // One spelling, so that a number is not one with a sign or zeros before it.
        let seq = seq.filter(|seq| seq.to_string() == path);
        Ok(seq.map(|seq| Retraction { actor: actor.to_owned(), seq, reason, key }))
    }
}

impl Retraction {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        order::written(self)
    }

    /// The one that [`Retraction::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when it is none.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map_err(|_| Error::RevocationInvalid("this is no retraction for a ledger".to_owned()))
    }
}

impl Intake {
    /// What whoever sent it must be allowed to do: where anything is taken back, more than where all is added.
    #[must_use]
    pub fn wants(&self) -> Permission {
        let takes_back = self.changes.iter().any(|wanted| wanted.revocation.entry().is_none());
        if takes_back { Permission::Admin } else { Permission::Revoke }
    }

    /// What it costs beside the request itself: one for each hundred lines.
    #[must_use]
    pub fn cost(&self) -> u32 {
        let lines = self.lines.len().saturating_add(self.faults.len());
        u32::try_from(lines / LINES_FOR_ONE).unwrap_or(u32::MAX)
    }

    /// Takes out what is to be recorded; `None` where that is nothing.
    pub fn order(&mut self, actor: &str) -> Option<Order> {
        let is_taken = self.mode == Mode::Partial || self.faults.is_empty();
        // Not copied: there may be megabytes of it.
        let changes = std::mem::take(&mut self.changes);
        (is_taken && !changes.is_empty())
            .then(|| Order { key: self.key.clone(), ..Order::new(actor, changes) })
    }

    /// What is answered, with these headers besides: those of CORS. `receipt` is what became of the order.
    ///
    /// One revocation: `{"seq","outcomes":[{"seq","id","result"}]}`. Lines:
    ///
    /// | member | what |
    /// |---|---|
    /// | `seq` | the number of the manifest that has all of it; `null` where nothing was to be recorded |
    /// | `mode` | `all` or `partial` |
    /// | `recorded`, `refused` | how many lines were, and were not |
    /// | `outcomes` | what became of each that was: `line`, `seq`, `id`, `result` |
    /// | `errors` | what is wrong with the others: `line`, `field`, `reason` |
    #[must_use]
    pub fn answer(&self, receipt: Option<&Receipt>, cors: Vec<(&'static str, String)>) -> Answer {
        if let (Mode::One, Some(receipt)) = (self.mode, receipt) {
            return receipt.answer(cors);
        }
        let outcomes = receipt.map(|receipt| receipt.outcomes.as_slice()).unwrap_or_default();
        let outcomes = self.lines.iter().zip(outcomes).map(|(line, outcome)| Done {
            line: *line,
            seq: outcome.seq,
            id: &outcome.id,
            result: &outcome.result,
        });
        let errors = self.faults.iter().map(|(line, fault)| Wrong {
            line: *line,
            field: &fault.field,
            reason: &fault.reason,
        });
        let recorded = if receipt.is_some() { self.lines.len() } else { 0 };
        let body = order::written(&Report {
            seq: receipt.map(|receipt| receipt.seq),
            mode: if self.mode == Mode::All { "all" } else { "partial" },
            recorded,
            refused: self.lines.len().saturating_add(self.faults.len()).saturating_sub(recorded),
            outcomes: outcomes.collect(),
            errors: errors.collect(),
        });
        let status = if self.mode == Mode::All && !self.faults.is_empty() { 422 } else { 200 };
        Answer::json(status, body).with(cors)
    }
}

/// What is answered to lines; see [`Intake::answer`].
#[derive(Serialize)]
struct Report<'a> {
    seq: Option<u64>,
    mode: &'static str,
    recorded: usize,
    refused: usize,
    outcomes: Vec<Done<'a>>,
    errors: Vec<Wrong<'a>>,
}

#[derive(Serialize)]
struct Done<'a> {
    line: usize,
    seq: u64,
    id: &'a str,
    result: &'a str,
}

#[derive(Serialize)]
struct Wrong<'a> {
    line: usize,
    field: &'a str,
    reason: &'a str,
}

/// Whether a body has many revocations, one a line.
fn is_bulk(content_type: Option<&str>) -> Result<bool, Fault> {
    let essence = content_type.and_then(|content_type| content_type.split(';').next()).unwrap_or_default();
    match essence.trim() {
        essence if essence.eq_ignore_ascii_case("application/json") => Ok(false),
        essence if essence.eq_ignore_ascii_case("application/x-ndjson") => Ok(true),
        _ => Err(Fault {
            status: 415,
            field: "Content-Type".to_owned(),
            reason: "expected `application/json`, or `application/x-ndjson` for one revocation a line"
                .to_owned(),
        }),
    }
}

fn is_partial(query: &str) -> Result<bool, Fault> {
    let mut partial = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "partial" {
            return Err(Fault::malformed("query", "unknown parameter, expected `partial`"));
        }
        if partial || !matches!(&*value, "" | "true") {
            return Err(Fault::malformed("partial", "expected it once, without a value or with `true`"));
        }
        partial = true;
    }
    Ok(partial)
}

fn idempotency_key(key: Option<&str>) -> Result<Option<String>, Fault> {
    let is_key = |key: &str| {
        (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key {
        None => Ok(None),
        Some(key) if is_key(key) => Ok(Some(key.to_owned())),
        // One that is given twice has a space in it.
        Some(_) => Err(Fault::malformed("Idempotency-Key", "expected 1 to 128 visible ASCII characters")),
    }
}

/// How many lines cost as much as a request.
const LINES_FOR_ONE: usize = 100;

#[cfg(test)]
mod tests;
