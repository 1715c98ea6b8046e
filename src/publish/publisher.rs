//! Gathers revocations in memory and makes the snapshot of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::key::{Jwks, Secrets};
use crate::revocation::{KeyRange, Rule, Salt, SegmentName};
use crate::time::UnixTime;

use super::assembly::{Assembly, Tally};
use super::table::{Record, TableKey, settle};
use super::{Epsilon, Revocation, SigningKey, Terms};

/// Gathers revocations and makes a snapshot of them, all in memory. Where there are too many for that, see
/// [`super::Assembly`].
#[derive(Debug)]
pub struct Publisher {
    terms: Terms,
    rules: BTreeSet<Rule>,
    tables: BTreeMap<TableKey, Vec<Record>>,
}

/// A snapshot, ready to be stored. Store the segments before the manifest that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The manifest: `manifest.jwt`.
    pub manifest: String,
    /// Its segments: `segments/<64 hex>`; those that confirm among them.
    pub segments: Vec<(SegmentName, Vec<u8>)>,
    /// The manifest's number.
    pub seq: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// How many revocations were left out because no token that they could match can pass any more.
    pub expired: u64,
}

impl Publisher {
    /// Begins an empty snapshot of `authority`, made at `now`, with the defaults of [`Terms`].
    #[must_use]
    pub fn new(authority: impl Into<String>, salt: Salt, now: UnixTime) -> Self {
        Self::with(Terms::new(authority, salt, now))
    }

    /// Begins an empty snapshot.
    #[must_use]
    pub const fn with(terms: Terms) -> Self {
        Self { terms, rules: BTreeSet::new(), tables: BTreeMap::new() }
    }

    /// Begins the snapshot after the one of `previous`, as [`Terms::following`] does, knowing its rules. All that is revoked is
    /// to be added anew.
    ///
    /// # Errors
    /// As [`Terms::following`].
    pub fn following(
        previous: &[u8],
        key: &SigningKey,
        authority: impl Into<String>,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
        let (terms, previous) = Terms::following(previous, &keys, authority, now)?;
        Ok(Self { rules: previous.rules().iter().cloned().collect(), ..Self::with(terms) })
    }

    /// Changes what the snapshot says of itself.
    #[must_use]
    pub fn terms(mut self, change: impl FnOnce(Terms) -> Terms) -> Self {
        self.terms = change(self.terms);
        self
    }

    /// [`Terms::seq`].
    #[must_use]
    pub fn seq(self, seq: u64) -> Self {
        self.terms(|terms| terms.seq(seq))
    }

    /// [`Terms::epsilon`].
    #[must_use]
    pub fn epsilon(self, epsilon: Epsilon) -> Self {
        self.terms(|terms| terms.epsilon(epsilon))
    }

    /// [`Terms::ttl`].
    #[must_use]
    pub fn ttl(self, seconds: u64) -> Self {
        self.terms(|terms| terms.ttl(seconds))
    }

    /// [`Terms::valid_for`].
    #[must_use]
    pub fn valid_for(self, seconds: u64) -> Self {
        self.terms(|terms| terms.valid_for(seconds))
    }

    /// [`Terms::cover`].
    #[must_use]
    pub fn cover(self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.terms(|terms| terms.cover(issuer))
    }

    /// Adds a revocation or takes one back, and covers its issuer. Of two that name the same target in the same way the later
    /// one added stands.
    pub fn add(&mut self, revocation: &Revocation) {
        if !self.terms.covers.contains(revocation.issuer()) {
            self.terms.covers.insert(revocation.issuer().to_owned());
        }
        let record = revocation.record(self.terms.salt);
        match self.tables.get_mut(revocation.table()) {
            Some(records) => records.push(record),
            None => {
                self.tables.insert(revocation.table().clone(), vec![record]);
            }
        }
    }

    /// Adds records of a table, whose issuers are covered already.
    pub fn add_records(&mut self, table: TableKey, records: impl IntoIterator<Item = Record>) {
        self.tables.entry(table).or_default().extend(records);
    }

    /// Makes the snapshot.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when nothing is covered, or a limit of the manifest is passed.
    pub fn finish(self, key: &SigningKey) -> Result<Built, Error> {
        let mut tallies = Vec::with_capacity(self.tables.len());
        let mut tables = Vec::with_capacity(self.tables.len());
        for (table, mut records) in self.tables {
            settle(&mut records);
            let mut tally = Tally::new(table);
            // What has expired is left out, and is not to make many small segments of what stays.
            records.iter().filter(|record| self.terms.keeps(record)).for_each(|record| tally.add(record));
            tallies.push(tally);
            tables.push(records);
        }
        let mut assembly = Assembly::new(self.terms, self.rules, tallies)?;
        let mut segments = Vec::new();
        for (table, records) in tables.iter().enumerate() {
            let bits = assembly.range_bits(table);
            let mut rest = records.as_slice();
            for shard in 0..1_u32.checked_shl(u32::from(bits)).unwrap_or(0) {
                let range = KeyRange { bits, shard };
                let end = rest.partition_point(|record| record.id().leading(bits) <= shard);
                let (part, after) = rest.split_at(end);
                rest = after;
                segments.extend(assembly.put(table, range, part)?);
            }
        }
        let signed = assembly.finish(key)?;
        let (seq, entries, expired) = (signed.seq, signed.entries, signed.expired);
        Ok(Built { manifest: signed.manifest, segments, seq, entries, expired })
    }
}
