//! A segment's entries one after the other: for tools that compare and re-check lists. No look-up comes here.

use crate::revocation::Id;

use super::Entry;
use super::quotient::Quotient;
use super::walk::Walk;

/// The entries of a segment in ascending order.
#[derive(Debug)]
pub struct Entries<'s> {
    bytes: &'s [u8],
    shape: Quotient,
    walk: Walk<'s>,
    left: usize,
}

/// Where the id of an entry lies, as far as a segment knows: between two ids, both included. Every id between them has the
/// same fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The least id that it may be.
    pub from: Id,
    /// The greatest.
    pub to: Id,
}

impl<'s> Entries<'s> {
    pub(super) const fn new(bytes: &'s [u8], shape: Quotient) -> Self {
        Self { bytes, shape, walk: Walk::over(bytes, shape), left: shape.entries }
    }
}

impl Iterator for Entries<'_> {
    type Item = (Interval, Entry);

    fn next(&mut self) -> Option<Self::Item> {
        let Self { bytes, shape, .. } = *self;
        let (bucket, index) = self.walk.next()?;
        self.left = self.left.saturating_sub(1);
        Some((shape.interval(bucket, shape.remainder(bytes, index)), shape.entry(bytes, index)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl Quotient {
    /// The ids that have this fingerprint.
    fn interval(&self, bucket: u32, remainder: u64) -> Interval {
        let unused = u64::BITS.saturating_sub(self.remainder_bits);
        // 96 bits: the bucket, and its fraction as far as it is known.
        let least = u128::from(bucket) << 64 | u128::from(remainder.checked_shl(unused).unwrap_or(0));
        let step = 1_u128.checked_shl(unused).unwrap_or(1);
        Interval { from: self.least(least), to: self.before(least.saturating_add(step)) }
    }

    /// The least id whose 96 bits times the number of buckets come to `product` or more.
    fn least(&self, product: u128) -> Id {
        Id::from_number(self.number(self.quotient(product)))
    }

    /// The id before [`Quotient::least`].
    fn before(&self, product: u128) -> Id {
        let quotient = self.quotient(product);
        Id::from_number(match quotient >> 96 {
            // Every id from there on has a greater product: the last one of the segment's range is the last before.
            0 => self.number(quotient).wrapping_sub(1),
            _ => {
                self.number(0).wrapping_sub(1).wrapping_add(1_u128.checked_shl(self.left_bits()).unwrap_or(0))
            }
        })
    }

    /// `product` is in units of 2^-64; the fraction of an id is in units of 2^-96.
    fn quotient(&self, product: u128) -> u128 {
        let buckets = u128::from(self.buckets.max(1));
        // ⌈product × 2^32 / buckets⌉, in two digits: the product alone has up to 96 bits.
        product.checked_shl(32).unwrap_or(0).div_ceil(buckets)
    }

    /// An id's number from the 96 bits that follow those which the segment's ids share.
    fn number(&self, fraction: u128) -> u128 {
        let shared = u128::from(self.shard).checked_shl(self.left_bits()).unwrap_or(0);
        let rest = fraction.checked_shl(32).unwrap_or(0) >> self.prefix_bits;
        shared | rest
    }

    /// How many bits follow those that all ids share; 128 where they share none.
    fn left_bits(&self) -> u32 {
        u128::BITS.saturating_sub(u32::from(self.prefix_bits))
    }
}
