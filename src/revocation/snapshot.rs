//! A snapshot: a manifest and its segments, everything needed to answer. Fifth stage of the flow.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::error::{ClaimFault, Error};
use crate::flow::Claims;
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_LIST_VALUES};
use crate::time::UnixTime;

use super::manifest::{Manifest, SegmentName, SegmentRef};
use super::rule::{Member, Place};
use super::{Entry, Id, Kind, Segment, SortedIds, Status, Unknown, Value};

/// A segment as a snapshot holds it: shared, so that a newer snapshot keeps what has not changed.
pub(super) type Held = SortedIds<Arc<[u8]>>;

/// A manifest and all of its segments.
#[derive(Debug)]
pub struct Snapshot {
    manifest: Manifest,
    segments: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    reference: SegmentRef,
    segment: Arc<Held>,
    /// Whether a hit is believed without confirmation.
    sure: bool,
}

/// How current an answer is; it comes with every decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The manifest's number.
    pub seq: u64,
    /// Milliseconds since the manifest was made.
    pub age_millis: u64,
    /// Milliseconds since the source last confirmed that there is nothing newer.
    pub checked_millis_ago: u64,
}

impl Snapshot {
    /// `segments` are the manifest's, in its order.
    pub(super) fn new(manifest: Manifest, segments: Vec<Arc<Held>>) -> Self {
        let all = manifest.segments();
        let segments = all.iter().zip(segments).map(|(reference, segment)| {
            // A list is as sure as a segment of all its entries: it is cut up for the sake of transport.
            let of_list = all.iter().filter(|one| (one.rule, one.kind) == (reference.rule, reference.kind));
            let entries = of_list.fold(0_u64, |sum, one| sum.saturating_add(one.entries));
            let sure = segment.error_bits_among(entries) >= COARSEST_SURE_EPSILON_BITS;
            Part { reference: *reference, segment, sure }
        });
        let segments = segments.collect();
        Self { manifest, segments }
    }

    /// Compares a segment with what a manifest says of it.
    pub(super) fn agree(reference: &SegmentRef, segment: &Held) -> Result<(), Error> {
        if u64::try_from(segment.bytes().len()) != Ok(reference.bytes) {
            return Err(Error::SegmentInvalid("its length is not the manifest's"));
        }
        if segment.kind() != reference.kind || segment.entries() != reference.entries {
            return Err(Error::SegmentInvalid("its kind or number of entries is not the manifest's"));
        }
        if !segment.spans(&reference.from, &reference.to) {
            return Err(Error::SegmentInvalid("its range is not the manifest's"));
        }
        Ok(())
    }

    /// Its manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of one of its segments.
    #[must_use]
    pub fn segment(&self, name: &SegmentName) -> Option<&[u8]> {
        self.held().find(|(reference, _)| reference.name == *name).map(|(_, segment)| segment.bytes())
    }

    pub(super) fn held(&self) -> impl Iterator<Item = (&SegmentRef, &Arc<Held>)> {
        self.segments.iter().map(|Part { reference, segment, .. }| (reference, segment))
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
    ) -> Result<Status, Error> {
        self.require_members(claims, required)?;
        if now >= self.manifest.expires_at() {
            return Ok(Status::Unknown(Unknown::TooOld));
        }
        if !self.manifest.covers(claims.issuer()) {
            return Ok(Status::Unknown(Unknown::NotCovered));
        }
        let mut unsure = false;
        for (index, rule) in self.manifest.rules().iter().enumerate() {
            for id in self.targets(claims, rule)? {
                let fitting = self.segments.iter().filter(|Part { reference, .. }| {
                    reference.rule == index && reference.from <= id && id <= reference.to
                });
                for Part { segment, sure, .. } in fitting {
                    let Some(kind) = revoking(segment.get(&id), claims) else { continue };
                    if *sure {
                        return Ok(Status::Revoked { rule: rule.clone(), kind });
                    }
                    unsure = true;
                }
            }
        }
        Ok(if unsure { Status::Unknown(Unknown::NeedsConfirmation) } else { Status::NotRevoked })
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

    /// The ids by which a rule knows this token: none when it lacks a member, one for each value of the list-valued
    /// member otherwise.
    fn targets(&self, claims: &Claims, rule: &super::Rule) -> Result<Vec<Id>, Error> {
        let choices: Vec<(&Member, Vec<Value<'_>>)> =
            rule.members().iter().map(|member| (member, values(claims, &member.place()))).collect();
        let lists = choices.iter().filter(|(_, values)| values.len() > 1).count();
        if let Some((member, _)) = choices
            .iter()
            .find(|(_, values)| values.len() > MAX_LIST_VALUES || (lists > 1 && values.len() > 1))
        {
            return Err(Error::claim_invalid(member.as_str(), ClaimFault::TooMany));
        }
        let longest = choices.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let combinations = (0..longest).map_while(|nth| {
            // The list-valued member gives its nth value, every other member its only one; a member without any value
            // leaves the rule without a target.
            choices
                .iter()
                .map(|(_, values)| values.get(nth).or(values.first()).copied())
                .collect::<Option<Vec<_>>>()
        });
        Ok(combinations.map(|values| Id::new(self.manifest.salt(), rule, claims.issuer(), &values)).collect())
    }
}

/// Refuses a token that has nothing in this member that can name a target.
pub(crate) fn require(claims: &Claims, member: &str) -> Result<(), Error> {
    if values(claims, &Place::of(member)).is_empty() {
        return Err(Error::claim_invalid(member, ClaimFault::Missing));
    }
    Ok(())
}

/// The kind of an entry that revokes this token.
fn revoking(entry: Option<Entry>, claims: &Claims) -> Option<Kind> {
    match entry? {
        Entry::Outright => Some(Kind::Outright),
        Entry::Cutoff(cutoff) => cutoff.revokes(claims.issued_at()).then_some(Kind::Cutoff),
    }
}

/// The values a token has in a place, as far as they can name a target.
fn values<'c>(claims: &'c Claims, place: &Place<'_>) -> Vec<Value<'c>> {
    let json = match place {
        Place::Key => return claims.key_name().map(Value::Text).into_iter().collect(),
        Place::Claim(name) => claims.get(name),
        Place::Header(name) => claims.header().members().get(*name),
    };
    match json {
        Some(Json::Array(values)) => values.iter().filter_map(Value::from_json).collect(),
        Some(value) => Value::from_json(value).into_iter().collect(),
        None => Vec::new(),
    }
}
