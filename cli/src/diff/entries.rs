//! The entries of two snapshots side by side.
//!
//! A table's segments are read in the order of their key ranges, one of each layer at a time, so that memory is bounded by
//! the largest of them.

use std::collections::{BTreeMap, VecDeque};

use revocable::{Entry, Error, Id, Manifest, Segment, SegmentName, SegmentRef};
use serde::Serialize;

use crate::folder::Folder;
use crate::output::Failure;
use crate::progress::Progress;

/// One entry: between which ids its own lies, both included, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) from: Id,
    pub(super) to: Id,
    pub(super) value: i64,
}

/// What happened to one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added(Found),
    Removed(Found),
    Changed { before: Found, after: Found },
}

/// How many entries what happened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) changed: u64,
    pub(super) kept: u64,
}

/// One snapshot's entries of one table, in ascending order.
pub(super) struct Side<'s> {
    layers: Vec<Layer<'s>>,
    /// In ascending order of id; `None` takes back.
    operations: VecDeque<(Id, Option<i64>)>,
    /// An entry of the segments that has been read, and is next unless an operation comes before it.
    waiting: Option<Found>,
}

/// The segments of one layer.
struct Layer<'s> {
    folder: &'s Folder<'s>,
    progress: &'s Progress,
    /// Those that have not been read.
    references: VecDeque<SegmentRef>,
    entries: VecDeque<Found>,
}

/// The segments whose entries both snapshots have as they are, so that they need not be read.
pub(super) fn untouched(
    before: (&Manifest, Option<usize>),
    after: (&Manifest, Option<usize>),
) -> BTreeMap<SegmentName, u64> {
    let theirs = |name| of_table(after).find(|other| other.name == name);
    let mut untouched = BTreeMap::new();
    for reference in of_table(before) {
        let is_same = theirs(reference.name)
            .is_some_and(|other| other.range == reference.range && other.exact == reference.exact);
        if is_same && is_alone(before, reference) && is_alone(after, reference) {
            untouched.insert(reference.name, reference.entries);
        }
    }
    untouched
}

fn of_table((manifest, table): (&Manifest, Option<usize>)) -> impl Iterator<Item = &SegmentRef> {
    manifest.segments().iter().filter(move |reference| Some(reference.table) == table)
}

/// Whether nothing else of a table says anything of the ids in a segment's key range.
fn is_alone(side: (&Manifest, Option<usize>), wanted: &SegmentRef) -> bool {
    let (manifest, table) = side;
    let groups = manifest.recent().iter().filter(|group| Some(group.table) == table);
    let operations = groups.flat_map(|group| group.all().iter());
    !operations.map(|(id, _)| id).any(|id| wanted.range.contains(id))
        && of_table(side).filter(|other| other.range.overlaps(&wanted.range)).count() == 1
}

/// Gives every difference to `show`, in the order of ids, and counts all of them beside the entries that were `kept` anyway.
pub(super) fn compare(
    mut before: Side<'_>,
    mut after: Side<'_>,
    kept: u64,
    show: &mut impl FnMut(&Change) -> Result<(), Failure>,
) -> Result<Changed, Failure> {
    let mut changed = Changed { kept, ..Changed::default() };
    let (mut old, mut new) = (before.next()?, after.next()?);
    loop {
        let (change, counter) = match (old, new) {
            (None, None) => return Ok(changed),
            (Some(gone), other) if other.is_none_or(|other| gone.to < other.from) => {
                old = before.next()?;
                (Some(Change::Removed(gone)), &mut changed.removed)
            }
            (other, Some(come)) if other.is_none_or(|other| come.to < other.from) => {
                new = after.next()?;
                (Some(Change::Added(come)), &mut changed.added)
            }
            (Some(one), Some(other)) => {
                (old, new) = (before.next()?, after.next()?);
                match one.value == other.value {
                    true => (None, &mut changed.kept),
                    false => (Some(Change::Changed { before: one, after: other }), &mut changed.changed),
                }
            }
            // The two arms above have taken these.
            (Some(_), None) | (None, Some(_)) => return Ok(changed),
        };
        *counter = counter.saturating_add(1);
        if let Some(change) = change {
            show(&change)?;
        }
    }
}

impl<'s> Side<'s> {
    /// Of a table that a snapshot may not have, without segments that are `untouched`.
    pub(super) fn new(
        folder: &'s Folder<'s>,
        (manifest, table): (&Manifest, Option<usize>),
        untouched: &BTreeMap<SegmentName, u64>,
        progress: &'s Progress,
    ) -> Self {
        let references = of_table((manifest, table)).filter(|one| !untouched.contains_key(&one.name));
        let mut references: Vec<SegmentRef> = references.copied().collect();
        references.sort_by_key(|one| (one.layer, begin(one)));
        let mut layers: Vec<Layer<'s>> = Vec::new();
        let mut last = None;
        for reference in references {
            if last.replace(reference.layer) != Some(reference.layer) {
                let (references, entries) = (VecDeque::new(), VecDeque::new());
                layers.push(Layer { folder, progress, references, entries });
            }
            if let Some(layer) = layers.last_mut() {
                layer.references.push_back(reference);
            }
        }
        let groups = manifest.recent().iter().filter(|group| Some(group.table) == table);
        let operations = groups.flat_map(|group| group.all().iter());
        let operations = operations.map(|(id, entry)| (*id, entry.as_ref().map(Entry::value))).collect();
        Self { layers, operations, waiting: None }
    }

    /// The next entry that stands.
    fn next(&mut self) -> Result<Option<Found>, Failure> {
        loop {
            if self.waiting.is_none() {
                self.waiting = self.next_of_segments()?;
            }
            let Some((id, value)) = self.operations.front().copied() else { return Ok(self.waiting.take()) };
            match self.waiting {
                Some(found) if found.to < id => return Ok(self.waiting.take()),
                // It replaces what the segments say of its id.
                Some(found) if found.from <= id => self.waiting = None,
                _ => {}
            }
            self.operations.pop_front();
            if let Some(value) = value {
                return Ok(Some(Found { from: id, to: id, value }));
            }
        }
    }

    /// The next entry of all layers. What several layers say of one id is one entry, with the strictest value.
    fn next_of_segments(&mut self) -> Result<Option<Found>, Failure> {
        let mut least: Option<Found> = None;
        for layer in &mut self.layers {
            let head = layer.head()?;
            least = match (least, head) {
                (Some(known), Some(head)) if known.from <= head.from => Some(known),
                (known, head) => head.or(known),
            };
        }
        let Some(mut found) = least else { return Ok(None) };
        for layer in &mut self.layers {
            if let Some(head) = layer.head()?
                && head.from <= found.to
            {
                let (from, to) = (found.from.max(head.from), found.to.min(head.to));
                found = Found { from, to, value: found.value.max(head.value) };
                layer.entries.pop_front();
            }
        }
        Ok(Some(found))
    }
}

impl Layer<'_> {
    fn head(&mut self) -> Result<Option<Found>, Failure> {
        while self.entries.is_empty() {
            let Some(reference) = self.references.pop_front() else { return Ok(None) };
            // What keeps more of each id tells more of them apart.
            let name = reference.exact.map_or(reference.name, |exact| exact.name);
            let about = |error| Failure::about(self.folder.segment_path(&name).display(), &error);
            let segment = Segment::open(self.folder.segment(&name)?).map_err(about)?;
            let unlisted =
                Error::SegmentInvalid("its entries cannot be listed, and no exact one is beside it".into());
            let listed = segment.iter().ok_or(unlisted).map_err(about)?;
            let found = |(interval, entry): (revocable::Interval, Entry)| Found {
                from: interval.from,
                to: interval.to,
                value: entry.value(),
            };
            self.entries.extend(listed.map(found));
            self.progress.advance_by(segment.entries());
        }
        Ok(self.entries.front().copied())
    }
}

/// Where a key range begins, among numbers of 16 bits.
fn begin(reference: &SegmentRef) -> u32 {
    let unused = u32::from(16_u8.saturating_sub(reference.range.bits));
    reference.range.shard.checked_shl(unused).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: u128, to: u128, value: i64) -> Found {
        Found { from: Id::from_number(from), to: Id::from_number(to), value }
    }

    /// A side of layers that have been read, and operations.
    fn side<'s>(
        folder: &'s Folder<'s>,
        progress: &'s Progress,
        layers: &[&[Found]],
        operations: &[(u128, Option<i64>)],
    ) -> Side<'s> {
        let layer = |entries: &&[Found]| Layer {
            folder,
            progress,
            references: VecDeque::new(),
            entries: entries.iter().copied().collect(),
        };
        Side {
            layers: layers.iter().map(layer).collect(),
            operations: operations.iter().map(|(id, value)| (Id::from_number(*id), *value)).collect(),
            waiting: None,
        }
    }

    fn all(mut side: Side<'_>) -> Vec<Found> {
        std::iter::from_fn(|| side.next().unwrap()).collect()
    }

    #[test]
    fn layers_and_operations_come_as_one_list_in_which_every_id_is_once() {
        let folder = Folder::new(std::path::Path::new("."));
        let progress = Progress::begin("comparing", crate::output::Ui { json: false, quiet: true });
        let first = [found(10, 19, 1), found(30, 39, 1), found(50, 59, 1)];
        let second = [found(15, 16, 2), found(40, 45, 1)];
        let wanted = [found(15, 16, 2), found(30, 39, 1), found(40, 45, 1), found(50, 59, 1)];
        assert_eq!(all(side(&folder, &progress, &[&first, &second], &[])), wanted);
        let operations = [(5, Some(9)), (16, Some(7)), (35, None), (48, None), (99, Some(8))];
        let wanted = [found(5, 5, 9), found(16, 16, 7), found(40, 45, 1), found(50, 59, 1), found(99, 99, 8)];
        assert_eq!(all(side(&folder, &progress, &[&first, &second], &operations)), wanted);
    }

    #[test]
    fn entries_that_may_be_of_one_id_are_the_same_and_all_others_came_or_went() {
        let folder = Folder::new(std::path::Path::new("."));
        let progress = Progress::begin("comparing", crate::output::Ui { json: false, quiet: true });
        let old = [found(10, 19, 1), found(30, 39, 1), found(50, 59, 1)];
        let new = [found(0, 9, 1), found(38, 42, 1), found(55, 55, 2), found(70, 79, 1)];
        let mut changes = Vec::new();
        let mut show = |change: &Change| {
            changes.push(*change);
            Ok(())
        };
        let (before, after) =
            (side(&folder, &progress, &[&old], &[]), side(&folder, &progress, &[&new], &[]));
        let changed = compare(before, after, 5, &mut show).unwrap();
        assert_eq!(changed, Changed { added: 2, removed: 1, changed: 1, kept: 6 });
        let wanted = [
            Change::Added(new[0]),
            Change::Removed(old[0]),
            Change::Changed { before: old[2], after: new[2] },
            Change::Added(new[3]),
        ];
        assert_eq!(changes, wanted);
    }
}
