//! The structure of `revocable`'s segments: quotients in unary, with a sample of where buckets begin; remainders packed.
//!
//! There are as many buckets as entries. An id's place among them is `id × buckets / 2^128`: the integer part names its
//! bucket, and of the fraction the first bits are kept. So fingerprints ascend as ids do, and can be listed again.

use crate::bits::{self, Bits};
use crate::contest::List;

pub(crate) struct Quotient {
    buckets: u64,
    remainder_bits: u32,
    entries: usize,
    /// For every bucket as many ones as it has entries, and a zero.
    upper: Vec<u64>,
    /// Where every 256th bucket begins.
    samples: Vec<u32>,
    remainders: Vec<u64>,
}

impl Quotient {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let buckets = ids.len() as u64;
        let mut upper = Bits::with_capacity(ids.len() * 2);
        let mut remainders = Bits::with_capacity(ids.len() * error_bits as usize);
        let mut samples = Vec::with_capacity(ids.len() / SAMPLED + 1);
        let (mut bucket, mut in_bucket, mut last, mut entries) = (0, 0, None, 0);
        let mut close = |bucket: u64, in_bucket: u64| {
            if (bucket as usize).is_multiple_of(SAMPLED) {
                samples.push(upper.len() as u32);
            }
            upper.push_unary(in_bucket);
        };
        for &id in ids {
            let (place, remainder) = split(id, buckets, error_bits);
            if last == Some((place, remainder)) {
                continue;
            }
            last = Some((place, remainder));
            while bucket < place {
                close(bucket, in_bucket);
                (bucket, in_bucket) = (bucket + 1, 0);
            }
            in_bucket += 1;
            entries += 1;
            remainders.push(remainder, error_bits);
        }
        while bucket < buckets {
            close(bucket, in_bucket);
            (bucket, in_bucket) = (bucket + 1, 0);
        }
        let (upper, remainders) = (upper.finish(), remainders.finish());
        Self { buckets, remainder_bits: error_bits, entries, upper, samples, remainders }
    }

    /// Where a bucket begins in the upper bits.
    #[inline]
    fn start(&self, bucket: u64) -> usize {
        let mut at = self.samples[bucket as usize / SAMPLED] as usize;
        let mut zeros = (bucket as usize % SAMPLED) as u32;
        while zeros > 0 {
            let word = !bits::window(&self.upper, at);
            let here = word.count_ones();
            if here >= zeros {
                return at + bits::select(word, zeros - 1) as usize + 1;
            }
            zeros -= here;
            at += 64;
        }
        at
    }
}

impl List for Quotient {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        let (bucket, wanted) = split(id, self.buckets, self.remainder_bits);
        let start = self.start(bucket);
        // Before a bucket there are as many zeros as buckets, and as many ones as entries.
        let mut entry = start - bucket as usize;
        let mut at = start;
        while self.upper[at / 64] >> (at % 64) & 1 == 1 {
            let found =
                bits::read(&self.remainders, entry * self.remainder_bits as usize, self.remainder_bits);
            if found >= wanted {
                return found == wanted;
            }
            (entry, at) = (entry + 1, at + 1);
        }
        false
    }

    fn bits(&self) -> u64 {
        let body = self.entries + self.buckets as usize + self.entries * self.remainder_bits as usize;
        (body + self.samples.len() * 32) as u64
    }
}

#[inline]
fn split(id: u128, buckets: u64, remainder_bits: u32) -> (u64, u64) {
    let place = (id >> 32) * u128::from(buckets);
    ((place >> 96) as u64, (place << 32 >> (128 - remainder_bits)) as u64)
}

const SAMPLED: usize = 256;
