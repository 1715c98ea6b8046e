//! The segments of one table by key range, as a snapshot has them.

use revocable::{Id, Segment};

/// Opened segments, and which of them a look-up asks.
pub(crate) struct Ranges<D> {
    segments: Vec<Segment<D>>,
    /// The segment of every key range, by as many leading bits as the narrowest of them has.
    by_range: Vec<usize>,
    leading: u8,
}

impl<D: AsRef<[u8]>> Ranges<D> {
    /// Of segments whose key ranges do not overlap.
    pub(crate) fn new(segments: Vec<Segment<D>>) -> Self {
        let leading = segments.iter().map(|segment| segment.range().0).max().unwrap_or(0);
        let mut by_range = vec![usize::MAX; 1 << leading];
        for (at, segment) in segments.iter().enumerate() {
            let (bits, shard) = segment.range();
            let finer = leading - bits;
            let first = (shard as usize) << finer;
            by_range[first..first + (1 << finer)].fill(at);
        }
        Self { segments, by_range, leading }
    }

    /// Whether the segment of its range has the id.
    #[inline]
    pub(crate) fn has(&self, id: &Id) -> bool {
        let segment = self.by_range[id.leading(self.leading) as usize];
        self.segments.get(segment).is_some_and(|segment| segment.get(id).is_some())
    }

    /// They, in the order given.
    pub(crate) fn segments(&self) -> &[Segment<D>] {
        &self.segments
    }
}
