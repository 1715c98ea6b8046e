//! Revocations as people have them, read as they come: a wrong line is counted and reading goes on, so that all of them can
//! be mended at once.

pub mod csv;
mod cutter;
pub mod import;
pub mod lines;
pub mod ndjson;

use revocable::publish::Revocation;
use revocable::{Cutoff, Rule, UnixTime, Value};
use serde::Serialize;

/// A revocation that was read.
#[derive(Debug)]
pub enum Item<'a> {
    /// Nothing but a target, perhaps a cutoff and perhaps an expiry, in the parts that they are made of: nothing is allocated
    /// for it.
    Plain {
        /// The rule.
        rule: &'a Rule,
        /// The token issuer, neither empty nor too long.
        issuer: &'a str,
        /// One value for each of the rule's members, in their order.
        values: &'a [Value<'a>],
        /// Tokens issued before this are revoked; without it, all are.
        before: Option<Cutoff>,
        /// When the last token it could match expires.
        expires: Option<UnixTime>,
    },
    /// Any other.
    Whole(Revocation),
}

/// What was read.
#[derive(Debug, Default)]
pub struct Tally {
    /// Revocations.
    pub read: u64,
    /// Lines that are none.
    pub wrong: u64,
    /// The first of them.
    pub first_wrong: Vec<WrongLine>,
    /// Lines that were rightly left out, such as keys that had gone before they were asked for.
    pub skipped: u64,
}

/// A line that is no revocation.
#[derive(Debug, Serialize)]
pub struct WrongLine {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

impl Tally {
    /// Counts a revocation.
    pub fn right(&mut self) {
        self.read = self.read.saturating_add(1);
    }

    /// Counts a line that is none.
    pub fn wrong(&mut self, line: u64, message: impl Into<String>) {
        self.wrong = self.wrong.saturating_add(1);
        if self.first_wrong.len() < SHOWN_WRONG_LINES {
            self.first_wrong.push(WrongLine { line, message: message.into() });
        }
    }

    /// Counts a line that was left out.
    pub fn skipped(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }
}

/// The library's reason why a line is no revocation.
fn reason(error: revocable::Error) -> String {
    match error {
        revocable::Error::RevocationInvalid(reason) => reason,
        other => other.to_string(),
    }
}

/// Enough to see what is systematically wrong.
const SHOWN_WRONG_LINES: usize = 10;
