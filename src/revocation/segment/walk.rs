//! Going from entry to entry, in ascending order. No look-up comes here.

use super::quotient::{BLOCK, COUNTED, Quotient};

/// The entries of a segment, each with its bucket.
#[derive(Debug)]
pub(super) struct Walk<'s> {
    bytes: &'s [u8],
    shape: Quotient,
    /// The bucket that comes next.
    bucket: u32,
    /// Where its entries begin.
    next: usize,
    /// Where the further entries of the next bucket that has some begin: those of a block come after the first ones of all its
    /// buckets.
    further: usize,
    /// What is left of the bucket before.
    left: Bucket,
}

/// The indices of a bucket's entries, in ascending order of their remainders.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: [usize; 3],
    /// How many of these have been given.
    given: usize,
    counted: usize,
    /// From one index up to another.
    further: (usize, usize),
}

impl<'s> Walk<'s> {
    pub(super) const fn over(bytes: &'s [u8], shape: Quotient) -> Self {
        let left = Bucket { first: [0; 3], given: 0, counted: 0, further: (0, 0) };
        Self { bytes, shape, bucket: 0, next: 0, further: 0, left }
    }

    fn next_bucket(&mut self) -> Bucket {
        let Self { bytes, shape, bucket, .. } = *self;
        if bucket & BLOCK.wrapping_sub(1) == 0 {
            self.next = self.further;
            let of_block = usize::try_from(shape.count_of_block(bytes, bucket)).unwrap_or(0);
            self.further = self.next.wrapping_add(of_block);
        }
        let (begin, from) = (self.next, self.further);
        let count = shape.count(bytes, bucket);
        let counted = usize::try_from(count).unwrap_or(0);
        self.next = begin.wrapping_add(counted);
        self.bucket = bucket.wrapping_add(1);
        let mut first = [begin, begin.wrapping_add(1), begin.wrapping_add(2)];
        if count == COUNTED {
            first.sort_by_key(|index| shape.remainder(bytes, *index));
            let more = shape.more(bytes, bucket, begin).unwrap_or(0);
            self.further = from.wrapping_add(usize::try_from(more).unwrap_or(0));
        }
        Bucket { first, given: 0, counted, further: (from, self.further) }
    }
}

impl Iterator for Bucket {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.given < self.counted {
            let index = self.first.get(self.given).copied();
            self.given = self.given.wrapping_add(1);
            return index;
        }
        let (from, to) = self.further;
        (from < to).then(|| {
            self.further.0 = from.wrapping_add(1);
            from
        })
    }
}

impl Iterator for Walk<'_> {
    /// An entry's bucket and its index.
    type Item = (u32, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(index) = self.left.next() {
                return Some((self.bucket.wrapping_sub(1), index));
            }
            if self.bucket >= self.shape.buckets {
                return None;
            }
            self.left = self.next_bucket();
        }
    }
}
