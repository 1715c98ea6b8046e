//! How many bytes of segments a reader holds: what it reads of a newer snapshot, and what it lets go of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::revocation::manifest::{KeyRange, Manifest, SegmentRef};
use crate::revocation::resident::Held;
use crate::revocation::snapshot::Snapshot;
use crate::revocation::{Kind, Rule, SegmentName};

use super::{Revocations, incoming};

impl Revocations {
    /// What of a newer snapshot is at hand already, and what is to be read for it.
    pub(super) fn gather(&self, manifest: Manifest) -> Result<(Snapshot, BTreeMap<SegmentName, u64>), Error> {
        let held = self.held();
        let mut snapshot = Snapshot::new(manifest);
        snapshot.take_over(&held).map_err(|(name, error)| incoming::named(error, &name))?;
        let manifest = snapshot.manifest();
        let all = total(manifest.segments().iter().map(|segment| segment.bytes));
        let hot = (all > self.resident_limit).then(|| self.hot());
        let mut left = self.resident_limit.saturating_sub(total(snapshot.held().map(|(_, one)| length(one))));
        let mut wanted = BTreeMap::new();
        for reference in manifest.segments().iter().filter(|one| !held.contains_key(&one.name)) {
            // Whatever is not read now is read when a token asks for it.
            let is_wanted = hot.as_ref().is_none_or(|hot| {
                let kind = kind_of(manifest, reference);
                reference.bytes <= left
                    && hot.iter().any(|(of, range)| *of == kind && range.overlaps(&reference.range))
            });
            if is_wanted && wanted.insert(reference.name, reference.bytes).is_none() {
                left = left.saturating_sub(reference.bytes);
            }
        }
        Ok((snapshot, wanted))
    }

    /// Of which kinds and key ranges entries are at hand.
    fn hot(&self) -> Vec<(KindOf<'_>, KeyRange)> {
        let parts = self.snapshots().flat_map(|current| {
            let manifest = current.snapshot.manifest();
            let parts = current.snapshot.parts().filter(|part| part.resident_bytes() > 0);
            parts.map(move |part| (kind_of(manifest, &part.reference), part.reference.range))
        });
        parts.collect()
    }

    /// Every segment at hand.
    fn held(&self) -> BTreeMap<SegmentName, Arc<Held>> {
        let held = self.snapshots().flat_map(|current| current.snapshot.held());
        by_name(held.map(|(name, segment)| (name, Arc::clone(segment))))
    }

    /// Lets go of segments, but not of `keep`, until no more are held than may be. Those that a newer snapshot will have, or
    /// shares already, are counted as if they were here; to let go of them would free nothing.
    pub(super) fn make_room(&mut self, keep: Option<SegmentName>) {
        let gathering = self.lists.iter().filter_map(|followed| followed.gathering.upgrade());
        let mut kept = BTreeMap::new();
        for one in gathering {
            kept.extend(one.iter().map(|(name, bytes)| (*name, *bytes)));
        }
        let more = if kept.is_empty() { 0 } else { self.resident_limit / 4 };
        let most = self.resident_limit.saturating_add(more);
        loop {
            let held = self.held();
            if let Some((name, segment)) = keep.and_then(|name| held.get_key_value(&name)) {
                kept.insert(*name, length(segment));
            }
            let others = held.iter().filter(|(name, _)| !kept.contains_key(*name));
            let others = others.map(|(_, segment)| length(segment));
            let all = total(kept.values().copied().chain(others));
            let mut excess = all.saturating_sub(most);
            drop(held);
            let mut freed = 0_u64;
            for current in self.lists.iter_mut().filter_map(|followed| followed.current.as_mut()) {
                let here = current.snapshot.make_room(excess, &kept);
                (excess, freed) = (excess.saturating_sub(here), freed.saturating_add(here));
            }
            // A segment that is held in two places is only gone when both have let go of it.
            if freed == 0 {
                return;
            }
        }
    }
}

/// What a segment's entries are of, in words that mean the same in every manifest.
type KindOf<'m> = Option<(&'m Rule, Kind, Option<&'m str>)>;

fn kind_of<'m>(manifest: &'m Manifest, reference: &SegmentRef) -> KindOf<'m> {
    let table = manifest.tables().get(reference.table)?;
    Some((manifest.rules().get(table.rule)?, table.kind, table.claim.as_deref()))
}

pub(super) fn length(segment: &Held) -> u64 {
    u64::try_from(segment.bytes().len()).unwrap_or(u64::MAX)
}

/// One by one: collecting into a map sorts, and the code that sorts weighs as much as all of manifests' reading.
pub(super) fn by_name<T>(all: impl Iterator<Item = (SegmentName, T)>) -> BTreeMap<SegmentName, T> {
    let mut map = BTreeMap::new();
    all.for_each(|(name, one)| drop(map.insert(name, one)));
    map
}

fn total(lengths: impl Iterator<Item = u64>) -> u64 {
    lengths.fold(0, u64::saturating_add)
}
