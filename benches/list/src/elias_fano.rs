//! Fingerprints in Elias and Fano's code: the upper parts in unary, the lower as they stand, and a note of where every 128th
//! bucket begins. What `revocable` had before its buckets had counts.

use crate::bits::{self, Bits};
use crate::contest::List;

pub(crate) struct EliasFano {
    buckets: u64,
    /// The bits of a fingerprint's lower part.
    width: u32,
    /// For each bucket a one for each of its entries, and a zero.
    upper: Vec<u64>,
    /// Where every so many buckets begin.
    begins: Vec<u32>,
    lower: Vec<u64>,
    len: usize,
}

impl EliasFano {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let buckets = ids.len().max(1) as u64;
        let mut upper = Bits::with_capacity(2 * ids.len());
        let mut lower = Bits::with_capacity(ids.len() * error_bits as usize);
        let mut begins = Vec::new();
        let mut rest = ids.iter().map(|id| split(*id, buckets, error_bits)).peekable();
        for bucket in 0..buckets {
            if bucket.is_multiple_of(SAMPLE) {
                begins.push(u32::try_from(upper.len()).expect("a list of less than 2^32 bits"));
            }
            let mut entries = 0;
            let mut before = None;
            while let Some((_, remainder)) = rest.next_if(|(other, _)| *other == bucket) {
                // What equals the one before is there already.
                if before.replace(remainder) != Some(remainder) {
                    lower.push(remainder, error_bits);
                    entries += 1;
                }
            }
            upper.push_unary(entries);
        }
        let len = upper.len() + lower.len();
        Self { buckets, width: error_bits, upper: upper.finish(), begins, lower: lower.finish(), len }
    }

    /// Where a bucket begins.
    #[inline]
    fn begin(&self, bucket: u64) -> usize {
        let from = self.begins[(bucket / SAMPLE) as usize] as usize;
        let Some(mut left) = (bucket % SAMPLE).checked_sub(1) else { return from };
        let mut index = from / 64;
        let mut zeros = !self.upper[index] & u64::MAX << (from % 64);
        loop {
            let here = u64::from(zeros.count_ones());
            if left < here {
                return index * 64 + select(zeros, left) as usize + 1;
            }
            left -= here;
            index += 1;
            zeros = !self.upper[index];
        }
    }
}

impl List for EliasFano {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        let (bucket, wanted) = split(id, self.buckets, self.width);
        let mut at = self.begin(bucket);
        let mut index = at - bucket as usize;
        while self.upper[at / 64] >> (at % 64) & 1 == 1 {
            if bits::read(&self.lower, index * self.width as usize, self.width) == wanted {
                return true;
            }
            at += 1;
            index += 1;
        }
        false
    }

    fn bits(&self) -> u64 {
        (self.len + self.begins.len() * 32) as u64
    }
}

/// Where the `nth` one (counted from 0) of a word is that has more of them.
#[inline]
fn select(word: u64, nth: u64) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let pairs = word - (word >> 1 & 0x5555_5555_5555_5555);
    let nibbles = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    // Up to the end of each byte.
    let sums = ((nibbles + (nibbles >> 4)) & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(ONES);
    let bytes = ((((nth * ONES) | TOPS) - sums) & TOPS).count_ones();
    let mut at = bytes * 8;
    let mut left = nth - ((sums << 8) >> at & 0xff);
    while left > 0 || word >> at & 1 == 0 {
        left -= word >> at & 1;
        at += 1;
    }
    at
}

#[inline]
fn split(id: u128, buckets: u64, width: u32) -> (u64, u64) {
    let place = (id >> 32) * u128::from(buckets);
    ((place >> 96) as u64, (place << 32 >> (128 - width)) as u64)
}

const SAMPLE: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_selected_is_the_one_that_counting_finds() {
        for word in
            [1, u64::MAX, 1 << 63, 0x8000_0000_0000_0001, 0xaaaa_aaaa_5555_5555, 0x00ff_f0f0_1234_0000]
        {
            let ones = (0..64_u32).filter(|bit| word >> bit & 1 == 1);
            for (nth, place) in ones.enumerate() {
                assert_eq!(select(word, nth as u64), place, "{word:x} {nth}");
            }
        }
    }
}
