//! A snapshot: a manifest and its segments, everything needed to answer. Fifth stage of the flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::flow::{Check, Claims};
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_CONFIRMATIONS, MAX_LACKING};
use crate::time::UnixTime;

use super::id::IdPrefix;
use super::lacking::{Confirmation, Lack, Target};
use super::manifest::{Manifest, in_order};
use super::resident::{Held, Part};
use super::targets::{ids, require};
use super::{Entry, Id, SegmentName, Status, Table, Unknown};

/// A manifest and its segments, as far as they are at hand.
#[derive(Debug)]
pub struct Snapshot {
    manifest: Manifest,
    /// For each of the manifest's tables, in its order.
    tables: Vec<Asked>,
    /// For each issuer that is covered, and each of the rules.
    prefixes: Vec<Vec<IdPrefix>>,
    /// Exact answers, from whoever has the ledger, about ids of a table.
    confirmed: BTreeMap<(usize, Id), Option<Entry>>,
    /// Where the last search for room ended.
    hand: usize,
}

/// What is asked about one table.
#[derive(Debug, Default)]
struct Asked {
    /// The parts of each layer, in ascending order of key range.
    layers: Vec<Vec<Part>>,
    /// Which of the manifest's groups of operations.
    recent: Option<usize>,
}

/// How current an answer is; it comes with every decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The manifest's number.
    pub seq: u64,
    /// Milliseconds since the manifest was made.
    pub age_millis: u64,
    /// Milliseconds since the source, or the authority's head, last confirmed that there is nothing newer.
    pub checked_millis_ago: u64,
    /// How sure it was to be that there is nothing newer.
    pub source: Check,
}

/// What the lists say of a token.
pub(crate) struct Finding {
    pub(crate) status: Status,
    /// Every reason why they cannot tell, where they cannot: what is done about one may be stricter than about another.
    pub(crate) reasons: Vec<Unknown>,
    /// What would make the status another one, or sure.
    pub(crate) lacking: Vec<Lack>,
}

impl From<Status> for Finding {
    fn from(status: Status) -> Self {
        let reasons = match &status {
            Status::Unknown(why) => vec![*why],
            _ => Vec::new(),
        };
        Self { status, reasons, lacking: Vec::new() }
    }
}

impl Finding {
    /// Adds a reason why the lists cannot tell. What they know to be revoked stays so, and what another reason keeps them from
    /// telling, too.
    pub(super) fn doubt(&mut self, why: Unknown) {
        match self.status {
            // A list that leaves the issuer to others says nothing of it, however new it is.
            Status::Revoked { .. } | Status::Unknown(Unknown::NotCovered) => return,
            Status::Unknown(_) => {}
            Status::NotRevoked => self.status = Status::Unknown(why),
        }
        if !self.reasons.contains(&why) {
            self.reasons.push(why);
        }
    }
}

impl Snapshot {
    /// None of the manifest's segments is at hand yet.
    pub(super) fn new(manifest: Manifest) -> Self {
        let mut tables: Vec<Asked> = manifest.tables().iter().map(|_| Asked::default()).collect();
        let mut before = None;
        let order = in_order(manifest.segments());
        for reference in order.iter().filter_map(|(.., index)| manifest.segments().get(*index)) {
            let table = manifest.tables().get(reference.table).zip(tables.get_mut(reference.table));
            let Some((table, asked)) = table else { continue };
            if before != Some((reference.table, reference.layer)) {
                before = Some((reference.table, reference.layer));
                asked.layers.push(Vec::new());
            }
            if let Some(layer) = asked.layers.last_mut() {
                layer.push(Part::new(*reference, table.kind));
            }
        }
        for (index, operations) in manifest.recent().iter().enumerate() {
            if let Some(asked) = tables.get_mut(operations.table) {
                asked.recent = Some(index);
            }
        }
        let prefix = |issuer| {
            let rules = manifest.rules().iter();
            rules.map(|rule| IdPrefix::new(manifest.salt(), rule, issuer)).collect()
        };
        let prefixes = manifest.covered().map(prefix).collect();
        Self { tables, prefixes, confirmed: BTreeMap::new(), hand: 0, manifest }
    }

    /// Its manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of one of its segments, if it is at hand; also of one that confirms.
    #[must_use]
    pub fn segment(&self, name: &SegmentName) -> Option<&[u8]> {
        self.held().find(|(known, _)| known == name).map(|(_, segment)| segment.bytes())
    }

    /// Everything that is at hand, by name.
    pub(super) fn held(&self) -> impl Iterator<Item = (SegmentName, &Arc<Held>)> {
        self.parts().flat_map(Part::held)
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.tables.iter().flat_map(|asked| &asked.layers).flatten()
    }

    /// Takes over what is at hand already. The bytes are the same, but this manifest may say something else of them.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`], and the segment's name.
    pub(super) fn take_over(
        &mut self,
        held: &BTreeMap<SegmentName, Arc<Held>>,
    ) -> Result<(), (SegmentName, Error)> {
        for part in self.tables.iter_mut().flat_map(|asked| &mut asked.layers).flatten() {
            for name in part.names() {
                if let Some(segment) = held.get(&name) {
                    part.agrees(&name, segment).map_err(|error| (name, error))?;
                    part.supply(&name, segment);
                }
            }
        }
        Ok(())
    }

    /// Takes a segment that was read on demand, wherever the manifest names it; false where it does not.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`].
    pub(super) fn supply(&mut self, name: SegmentName, segment: &Arc<Held>) -> Result<bool, Error> {
        let parts = || self.tables.iter().flat_map(|asked| &asked.layers).flatten();
        parts().try_for_each(|part| part.agrees(&name, segment))?;
        let mut taken = false;
        for part in self.tables.iter_mut().flat_map(|asked| &mut asked.layers).flatten() {
            taken |= part.supply(&name, segment);
        }
        Ok(taken)
    }

    /// Drops segments, those first that no look-up has hit for the longest, until so many bytes are free or none is left.
    /// What is in `keep` stays.
    pub(super) fn make_room(&mut self, bytes: u64, keep: &BTreeMap<SegmentName, u64>) -> u64 {
        let mut parts: Vec<&mut Part> =
            self.tables.iter_mut().flat_map(|asked| &mut asked.layers).flatten().collect();
        let (mut freed, count) = (0_u64, parts.len());
        // Once around takes the mark off what was used since the last time, and twice around finds it without.
        for step in 0..count.saturating_mul(2) {
            if freed >= bytes {
                break;
            }
            let place = self.hand.checked_rem(count).unwrap_or(0);
            self.hand = place.wrapping_add(1);
            if let Some(part) = parts.get_mut(place) {
                freed = freed.saturating_add(part.drop_unused(keep, step >= count));
            }
        }
        freed
    }

    /// Whether this snapshot has a hit about which nothing exact is at hand yet: neither an answer nor [`Confirmation::exact`].
    pub(super) fn awaits(&self, confirmation: &Confirmation) -> bool {
        confirmation.manifest == *self.manifest.hash()
            && !self.confirmed.contains_key(&(confirmation.table, confirmation.id))
            && confirmation.exact.is_none_or(|exact| self.segment(&exact.name).is_none())
    }

    /// Keeps an exact answer about an id, if it is about this snapshot.
    pub(super) fn confirm(&mut self, confirmation: &Confirmation, answer: Option<Entry>) {
        if confirmation.manifest != *self.manifest.hash() {
            return;
        }
        let place = (confirmation.table, confirmation.id);
        if self.confirmed.len() >= MAX_CONFIRMATIONS && !self.confirmed.contains_key(&place) {
            // All of them: to let go of single ones by their place would always hit the same.
            self.confirmed.clear();
        }
        self.confirmed.insert(place, answer);
    }

    /// Whether a token stands. All rules and kinds are asked; any hit that can be believed revokes.
    ///
    /// `required` are members whose absence refuses the token instead of leaving their rules unasked; `None` stands for
    /// `jti` as soon as a rule names it.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] when a required member is missing or cannot name a target, or a rule's member has more
    /// values than may be looked up.
    pub(super) fn check(
        &self,
        claims: &Claims,
        required: Option<&[String]>,
        now: UnixTime,
    ) -> Result<Finding, Error> {
        let covered = self.manifest.covered().position(|issuer| issuer == claims.issuer());
        let Some(prefixes) = covered.and_then(|index| self.prefixes.get(index)) else {
            return Ok(Status::Unknown(Unknown::NotCovered).into());
        };
        self.require_members(claims, required)?;
        if now >= self.manifest.expires_at() {
            return Ok(Status::Unknown(Unknown::TooOld).into());
        }
        let mut lacking = Vec::new();
        for (index, (rule, prefix)) in self.manifest.rules().iter().zip(prefixes).enumerate() {
            let mut revoked = None;
            ids(claims, rule, prefix, |id| {
                let found = self.tables(index).find_map(|(table, asked)| {
                    self.ask(table, asked, &id, claims, &mut lacking).then_some(table.kind)
                });
                revoked = revoked.or(found);
            })?;
            if let Some(kind) = revoked {
                return Ok(Status::Revoked { rule: rule.clone(), kind }.into());
            }
        }
        // Where more is lacking than anybody would read, either may be among what was not noted.
        let is_full = lacking.len() >= MAX_LACKING;
        let lacks = |what: fn(&Lack) -> bool| !lacking.is_empty() && (is_full || lacking.iter().any(what));
        let missing = lacks(|lack| matches!(lack, Lack::Segment { .. }));
        let unsure = lacks(|lack| matches!(lack, Lack::Confirmation(_)));
        let mut reasons = Vec::new();
        reasons.extend(missing.then_some(Unknown::SegmentMissing));
        reasons.extend(unsure.then_some(Unknown::NeedsConfirmation));
        let status = reasons.first().map_or(Status::NotRevoked, |why| Status::Unknown(*why));
        Ok(Finding { status, reasons, lacking })
    }

    fn require_members(&self, claims: &Claims, required: Option<&[String]>) -> Result<(), Error> {
        match required {
            Some(required) => claims.require(required),
            None => {
                let mut members = self.manifest.rules().iter().flat_map(|rule| rule.members());
                if members.any(|member| member.as_str() == "jti") { require(claims, "jti") } else { Ok(()) }
            }
        }
    }

    /// What it says of an id of one table exactly; for whoever asks to have a hit confirmed.
    ///
    /// # Errors
    /// The segment that would have to be at hand; none where this snapshot cannot tell, because nothing confirms a hit.
    pub fn exactly(&self, target: &Target<'_>) -> Result<Option<Entry>, Option<Lack>> {
        let wanted = |table: &Table| {
            self.manifest.rules().get(table.rule) == Some(target.rule)
                && (table.kind, table.claim.as_deref()) == (target.kind, target.claim)
        };
        let Some(index) = self.manifest.tables().iter().position(wanted) else { return Ok(None) };
        let Some(asked) = self.tables.get(index) else { return Ok(None) };
        let recent = asked.recent.and_then(|index| self.manifest.recent().get(index)?.get(&target.id));
        if let Some(operation) = recent {
            return Ok(operation);
        }
        let mut strictest: Option<Entry> = None;
        for part in asked.layers.iter().filter_map(|layer| part_of(layer, &target.id)) {
            let Part { reference, .. } = part;
            let missing = |name, bytes| Some(Lack::Segment { name, bytes });
            let segment = part.segment().ok_or_else(|| missing(reference.name, reference.bytes))?;
            let mut entry = segment.get(&target.id);
            if entry.is_some() && segment.error_bits() < COARSEST_SURE_EPSILON_BITS {
                let exact = reference.exact.ok_or(None)?;
                entry = part.exact().ok_or_else(|| missing(exact.name, exact.bytes))?.get(&target.id);
            }
            if strictest.is_none_or(|known| entry.is_some_and(|entry| entry.value() > known.value())) {
                strictest = entry.or(strictest);
            }
        }
        Ok(strictest)
    }

    fn tables(&self, rule: usize) -> impl Iterator<Item = (&Table, (usize, &Asked))> {
        let all = self.manifest.tables().iter().zip(self.tables.iter().enumerate());
        all.filter(move |(table, _)| table.rule == rule)
    }

    /// Whether one table revokes a token by this id. What it lacks to tell is added to `lacking`.
    fn ask(
        &self,
        table: &Table,
        (index, asked): (usize, &Asked),
        id: &Id,
        claims: &Claims,
        lacking: &mut Vec<Lack>,
    ) -> bool {
        let revokes = |entry: Option<Entry>| entry.is_some_and(|entry| revokes(entry, table, claims));
        if let Some(operation) = asked.recent.and_then(|index| self.manifest.recent().get(index)?.get(id)) {
            return revokes(operation);
        }
        for part in asked.layers.iter().filter_map(|layer| part_of(layer, id)) {
            let Some(segment) = part.segment() else {
                note(lacking, Lack::Segment { name: part.reference.name, bytes: part.reference.bytes });
                continue;
            };
            let entry = segment.get(id);
            // Of entries that a coarse segment takes for one, it has the strictest: what does not revoke here is none that
            // does.
            if !revokes(entry) {
                continue;
            }
            if segment.error_bits() >= COARSEST_SURE_EPSILON_BITS {
                return true;
            }
            let exact = self.confirmed.get(&(index, *id)).copied();
            match exact.or_else(|| part.exact().map(|exact| exact.get(id))) {
                Some(exact) if revokes(exact) => return true,
                Some(_) => {}
                None => {
                    let lack = Confirmation {
                        manifest: *self.manifest.hash(),
                        seq: self.manifest.seq(),
                        table: index,
                        id: *id,
                        exact: part.reference.exact,
                    };
                    note(lacking, Lack::Confirmation(lack));
                }
            }
        }
        false
    }
}

/// Adds what is lacking, once, and no more than anybody would read for one token.
fn note(lacking: &mut Vec<Lack>, lack: Lack) {
    if lacking.len() < MAX_LACKING && !lacking.contains(&lack) {
        lacking.push(lack);
    }
}

/// The part of a layer in whose key range an id is.
fn part_of<'l>(layer: &'l [Part], id: &Id) -> Option<&'l Part> {
    let leading = id.leading(crate::limits::MAX_SHARD_BITS);
    let after = layer.partition_point(|part| part.begin() <= leading);
    layer.get(after.checked_sub(1)?).filter(|part| part.reference.range.contains(id))
}

/// Whether an entry revokes a token.
fn revokes(entry: Entry, table: &Table, claims: &Claims) -> bool {
    match entry {
        Entry::Outright => true,
        Entry::Cutoff(cutoff) => cutoff.revokes(claims.issued_at()),
        // Missing, or no integer: lower than every minimum.
        Entry::Minimum(minimum) => {
            let value = table.claim.as_deref().and_then(|claim| claims.get(claim));
            value.and_then(super::Value::from_json).is_none_or(|value| match value {
                super::Value::Integer(value) => value < minimum,
                _ => true,
            })
        }
    }
}
