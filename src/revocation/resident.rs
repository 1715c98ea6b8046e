//! Segments in memory: which are at hand, and which were used since somebody last looked for room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::limits::COARSEST_SURE_EPSILON_BITS;

use super::manifest::{KeyRange, SegmentRef};
use super::{Kind, Segment, SegmentName, segment};

/// A segment as a snapshot holds it: shared, so that a newer snapshot keeps what has not changed.
pub(super) type Held = Segment<Vec<u8>>;

/// A segment of a manifest, as far as it is at hand.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) reference: SegmentRef,
    kind: Kind,
    slot: Slot,
    exact: Slot,
}

#[derive(Debug, Default)]
struct Slot {
    held: Option<Arc<Held>>,
    /// Whether a look-up came here since room was last looked for. Nothing depends on when others see it.
    used: AtomicBool,
}

impl Part {
    pub(super) fn new(reference: SegmentRef, kind: Kind) -> Self {
        Self { reference, kind, slot: Slot::default(), exact: Slot::default() }
    }

    /// Where its key range begins, among the numbers of 16 bits that ids begin with.
    pub(super) fn begin(&self) -> u32 {
        self.reference.range.ends().0
    }

    /// The segment, if it is at hand.
    pub(super) fn segment(&self) -> Option<&Held> {
        self.slot.look()
    }

    /// The segment that confirms, if it is at hand.
    pub(super) fn exact(&self) -> Option<&Held> {
        self.exact.look()
    }

    /// What is at hand of it, by name.
    pub(super) fn held(&self) -> impl Iterator<Item = (SegmentName, &Arc<Held>)> {
        let exact = self.reference.exact.map(|exact| exact.name).zip(self.exact.held.as_ref());
        self.slot.held.as_ref().map(|held| (self.reference.name, held)).into_iter().chain(exact)
    }

    pub(super) fn resident_bytes(&self) -> u64 {
        self.slot.bytes().saturating_add(self.exact.bytes())
    }

    /// Compares a segment with what the manifest says of the one of this name.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`].
    pub(super) fn agrees(&self, name: &SegmentName, segment: &Held) -> Result<(), Error> {
        let Self { reference, kind, .. } = self;
        if reference.name == *name {
            agrees(segment, *kind, reference.range, reference.bytes)?;
            if segment.entries() != reference.entries {
                return Err(segment::invalid("its number of entries is not the manifest's"));
            }
        }
        match reference.exact {
            Some(exact) if exact.name == *name => {
                agrees(segment, *kind, reference.range, exact.bytes)?;
                // Such as the segment itself: a hit would be confirmed by the same error.
                if segment.error_bits() < COARSEST_SURE_EPSILON_BITS {
                    return Err(segment::invalid("it is to confirm hits and is too coarse for that itself"));
                }
                // What is finer tells more of the same ids apart.
                if segment.entries() < reference.entries {
                    return Err(segment::invalid("it has fewer entries than the segment it is to confirm"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes a segment of this name, if it is wanted.
    pub(super) fn supply(&mut self, name: &SegmentName, segment: &Arc<Held>) -> bool {
        let is_exact = self.reference.exact.is_some_and(|exact| exact.name == *name);
        for (wanted, slot) in [(self.reference.name == *name, &mut self.slot), (is_exact, &mut self.exact)] {
            if wanted {
                // As used: whoever asked for it comes next.
                *slot = Slot { held: Some(Arc::clone(segment)), used: AtomicBool::new(true) };
            }
        }
        is_exact || self.reference.name == *name
    }

    /// Its names: of the segment, and of the one that confirms.
    pub(super) fn names(&self) -> impl Iterator<Item = SegmentName> + use<> {
        [Some(self.reference.name), self.reference.exact.map(|exact| exact.name)].into_iter().flatten()
    }

    /// Lets go of what was not used since the last time, or in the second round of all; says how many bytes that was. What is
    /// in `keep` stays.
    pub(super) fn drop_unused(&mut self, keep: &BTreeMap<SegmentName, u64>, all: bool) -> u64 {
        let exact = self.reference.exact.map(|exact| exact.name);
        let slots = [(Some(self.reference.name), &mut self.slot), (exact, &mut self.exact)];
        slots.into_iter().fold(0, |freed: u64, (name, slot)| {
            let stays = name.is_none_or(|name| keep.contains_key(&name));
            if stays || (slot.used.swap(false, Ordering::Relaxed) && !all) {
                return freed;
            }
            let bytes = slot.bytes();
            slot.held = None;
            freed.saturating_add(bytes)
        })
    }
}

impl Slot {
    fn look(&self) -> Option<&Held> {
        let held = self.held.as_deref()?;
        // Read first: many threads may come, and few of them have to write.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Some(held)
    }

    fn bytes(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| u64::try_from(held.bytes().len()).unwrap_or(u64::MAX))
    }
}

fn agrees(held: &Held, kind: Kind, range: KeyRange, bytes: u64) -> Result<(), Error> {
    if u64::try_from(held.bytes().len()) != Ok(bytes) {
        return Err(segment::invalid("its length is not the manifest's"));
    }
    if held.kind() != kind {
        return Err(segment::invalid("its kind is not the manifest's"));
    }
    if held.range() != (range.bits, range.shard) {
        return Err(segment::invalid("its key range is not the manifest's"));
    }
    Ok(())
}
