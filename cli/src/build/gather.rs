//! From what was read to records of tables.

use std::collections::BTreeSet;

use revocable::limits::{MAX_COVERED_ISSUERS, MAX_TABLES};
use revocable::publish::{Record, Revocation, TableKey};
use revocable::{IdPrefix, Kind, Rule, Salt};
use revocable_cli::formats::Item;

use crate::output::Failure;

use super::INVALID;

/// Turns items into records, and keeps the issuers that they are of.
pub(crate) struct Gather {
    salt: Salt,
    pub(crate) covers: BTreeSet<String>,
    /// In the order in which they came.
    pub(crate) tables: Vec<TableKey>,
    /// What the line before was about; most are about the same.
    last: Option<Last>,
}

struct Last {
    rule: Rule,
    issuer: String,
    prefix: IdPrefix,
    /// The table of lines without `before`, and that of those with it.
    outright: Option<usize>,
    cutoff: Option<usize>,
}

impl Gather {
    pub(crate) fn new(salt: Salt) -> Self {
        Self { salt, covers: BTreeSet::new(), tables: Vec::new(), last: None }
    }

    /// The record, and the number of its table.
    pub(crate) fn record(&mut self, item: Item<'_>) -> Result<(usize, Record), Failure> {
        match item {
            Item::Plain { rule, issuer, values, before, expires } => {
                let kind = if before.is_some() { Kind::Cutoff } else { Kind::Outright };
                let id = self.last(rule, issuer)?.prefix.id(values.iter().copied());
                let value = before.map_or(0, |before| i64::try_from(before.as_millis()).unwrap_or(i64::MAX));
                let table = self.plain_table(rule, kind)?;
                Ok((table, Record::entry(id, value, expires)))
            }
            Item::Whole(revocation) => self.whole(&revocation),
        }
    }

    fn whole(&mut self, revocation: &Revocation) -> Result<(usize, Record), Failure> {
        let last = self.last(revocation.rule(), revocation.issuer())?;
        let record = revocation.record_of(revocation.id_after(&last.prefix));
        let table = match self.tables.iter().position(|table| table == revocation.table()) {
            Some(table) => table,
            None => self.add_table(revocation.table().clone())?,
        };
        Ok((table, record))
    }

    fn last(&mut self, rule: &Rule, issuer: &str) -> Result<&Last, Failure> {
        let fits = |last: &Last| last.issuer == issuer && last.rule == *rule;
        let last = match self.last.take() {
            Some(last) if fits(&last) => last,
            _ => {
                if !self.covers.contains(issuer) {
                    if self.covers.len() >= MAX_COVERED_ISSUERS {
                        return Err(Failure::new(INVALID, "there are too many token issuers"));
                    }
                    self.covers.insert(issuer.to_owned());
                }
                let prefix = IdPrefix::new(self.salt, rule, issuer);
                Last { rule: rule.clone(), issuer: issuer.to_owned(), prefix, outright: None, cutoff: None }
            }
        };
        Ok(self.last.insert(last))
    }

    fn plain_table(&mut self, rule: &Rule, kind: Kind) -> Result<usize, Failure> {
        let known = self.last.as_ref().and_then(|last| match kind {
            Kind::Cutoff => last.cutoff,
            _ => last.outright,
        });
        if let Some(table) = known {
            return Ok(table);
        }
        let key = TableKey::new(rule.clone(), kind, None)?;
        let table = match self.tables.iter().position(|table| *table == key) {
            Some(table) => table,
            None => self.add_table(key)?,
        };
        if let Some(last) = &mut self.last {
            match kind {
                Kind::Cutoff => last.cutoff = Some(table),
                _ => last.outright = Some(table),
            }
        }
        Ok(table)
    }

    fn add_table(&mut self, key: TableKey) -> Result<usize, Failure> {
        if self.tables.len() >= MAX_TABLES {
            return Err(Failure::new(INVALID, "there are too many pairs of a rule and a way to revoke"));
        }
        self.tables.push(key);
        Ok(self.tables.len().saturating_sub(1))
    }
}
