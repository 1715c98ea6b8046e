//! Fingerprints in Elias and Fano's code: a set or map whose entries can be listed. The layout is described at
//! [`super::Segment`].

use crate::revocation::Id;

use super::bits::{WORD, WORD_BYTES, Zeros, low_bits, packed, read_i16, word};
use super::header::{HEADER_BYTES, Header};
use super::{Entry, Kind};

/// The bit where a bucket begins is written down for every so many buckets.
pub(super) const SAMPLE: usize = 128;
/// In so many bytes.
const SAMPLE_BYTES: usize = 2;
/// Zeros at the end, so that a number is read as eight bytes wherever it ends.
pub(super) const TAIL_BYTES: usize = 8;

/// What the header says, and where everything is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotient {
    pub(super) kind: Kind,
    pub(super) prefix_bits: u8,
    pub(super) shard: u32,
    pub(super) entries: usize,
    pub(super) buckets: u32,
    pub(super) remainder_bits: u32,
    value_bits: u32,
    base: i64,
    /// Entries for each bucket, in units of 2^-32.
    ratio: u64,
    samples: usize,
    remainders: usize,
    values: usize,
    end: usize,
}

impl Quotient {
    /// Compares the length with what the header makes it, and says where everything is.
    pub(super) fn of(header: &Header) -> Option<(Self, usize)> {
        let entries = usize::try_from(header.entries).ok()?;
        let mut this = Self {
            kind: header.kind,
            prefix_bits: header.prefix_bits,
            shard: header.shard,
            entries,
            buckets: header.cells,
            remainder_bits: header.width,
            value_bits: header.value_bits,
            base: header.base,
            ratio: ratio(entries, header.cells),
            samples: 0,
            remainders: 0,
            values: 0,
            end: 0,
        };
        let length = this.lay_out()?;
        Some((this, length))
    }

    /// What it says of an id.
    pub(super) fn get(&self, bytes: &[u8], id: &Id) -> Option<Entry> {
        let (bucket, remainder) = self.fingerprint(id)?;
        let (mut at, mut index) = self.bucket(bytes, bucket);
        let upper = self.upper(bytes);
        loop {
            // The bucket's entries are the ones up to the next zero, which may be in another word.
            let entries = (word(upper, at / WORD) >> low_bits(at, WORD.wrapping_sub(1))).trailing_ones();
            for _ in 0..entries {
                if self.remainder(bytes, index) == remainder {
                    return Some(self.entry(bytes, index));
                }
                index = index.wrapping_add(1);
            }
            let before = at;
            at = at.wrapping_add(usize::try_from(entries).unwrap_or(0));
            if low_bits(at, WORD.wrapping_sub(1)) != 0 || at == before {
                return None;
            }
        }
    }

    /// Says where everything is, and how long the whole is.
    fn lay_out(&mut self) -> Option<usize> {
        let buckets = usize::try_from(self.buckets).ok()?;
        let upper = self.entries.checked_add(buckets)?.div_ceil(WORD).checked_mul(WORD_BYTES)?;
        let samples = buckets.checked_sub(1)?.checked_div(SAMPLE)?.checked_mul(SAMPLE_BYTES)?;
        let packed = |width: u32| {
            let width = usize::try_from(width).ok()?;
            Some(self.entries.checked_mul(width)?.div_ceil(8))
        };
        self.samples = HEADER_BYTES.checked_add(upper)?;
        self.remainders = self.samples.checked_add(samples)?;
        self.values = self.remainders.checked_add(packed(self.remainder_bits)?)?;
        self.end = self.values.checked_add(packed(self.value_bits)?)?;
        self.end.checked_add(TAIL_BYTES)
    }

    /// The bucket and the remainder of an id in this segment's key range.
    pub(super) fn fingerprint(&self, id: &Id) -> Option<(u32, u64)> {
        fingerprint(id, self.prefix_bits, self.shard, self.buckets, self.remainder_bits)
    }

    fn upper<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(HEADER_BYTES..self.samples).unwrap_or_default()
    }

    /// The bit at which a bucket begins, and the index of its first entry.
    fn bucket(&self, bytes: &[u8], bucket: u32) -> (usize, usize) {
        let upper = self.upper(bytes);
        let sample = bucket & !low_mask(SAMPLE);
        let from = self.begin_of(bytes, sample);
        let bucket = usize::try_from(bucket).unwrap_or(0);
        let more = bucket & SAMPLE.wrapping_sub(1);
        // So many more buckets end before this one begins.
        let Some(mut left) = u64::try_from(more).unwrap_or(0).checked_sub(1) else {
            return (from, from.wrapping_sub(bucket));
        };
        let mut index = from / WORD;
        // What lies before counts as entries, of which there is nothing to count.
        let before = low_bits(from, WORD.wrapping_sub(1));
        let mut zeros = Zeros::of(word(upper, index) | (1_u64 << before).wrapping_sub(1));
        while left >= zeros.count() {
            left = left.wrapping_sub(zeros.count());
            index = index.wrapping_add(1);
            zeros = Zeros::of(word(upper, index));
        }
        let zero = usize::try_from(zeros.select(left)).unwrap_or(0);
        let at = index.wrapping_mul(WORD).wrapping_add(zero).wrapping_add(1);
        (at, at.wrapping_sub(bucket))
    }

    /// The bit at which a bucket begins that is written down.
    fn begin_of(&self, bytes: &[u8], bucket: u32) -> usize {
        let index = usize::try_from(bucket).unwrap_or(0) / SAMPLE;
        let Some(before) = index.checked_sub(1) else { return 0 };
        let samples = bytes.get(self.samples..).unwrap_or_default();
        even(bucket, self.ratio).wrapping_add_signed(isize::from(read_i16(samples, before)))
    }

    pub(super) fn is_entry(&self, bytes: &[u8], at: usize) -> bool {
        let byte = self.upper(bytes).get(at >> 3).copied().unwrap_or(0);
        byte >> low_bits(at, 7) & 1 == 1
    }

    pub(super) fn remainder(&self, bytes: &[u8], index: usize) -> u64 {
        let width = usize::try_from(self.remainder_bits).unwrap_or(0);
        packed(
            bytes.get(self.remainders..).unwrap_or_default(),
            index.wrapping_mul(width),
            self.remainder_bits,
        )
    }

    pub(super) fn entry(&self, bytes: &[u8], index: usize) -> Entry {
        self.kind.entry(self.value(bytes, index))
    }

    fn value(&self, bytes: &[u8], index: usize) -> i64 {
        if self.value_bits == 0 {
            return self.base;
        }
        let width = usize::try_from(self.value_bits).unwrap_or(0);
        let values = bytes.get(self.values..).unwrap_or_default();
        let more = packed(values, index.wrapping_mul(width), self.value_bits);
        // A value has at most 54 bits.
        self.base.saturating_add(i64::try_from(more).unwrap_or(i64::MAX))
    }

    /// Counts the entries and buckets, and finds every sampled bucket where it is said to begin. After that, every bucket
    /// below `b` is found and ends.
    pub(super) fn check_buckets(&self, bytes: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "its buckets do not have as many entries as it says";
        let upper = self.upper(bytes);
        let buckets = usize::try_from(self.buckets).unwrap_or(usize::MAX);
        let bits = self.entries.saturating_add(buckets);
        let mut ended = 0_usize;
        for (index, chunk) in upper.chunks_exact(WORD_BYTES).enumerate() {
            let mut one = chunk.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
            let begins = index.saturating_mul(WORD);
            let inside = bits.saturating_sub(begins);
            if inside < WORD {
                let outside = u64::MAX.checked_shl(low_bits(inside, WORD.wrapping_sub(1))).unwrap_or(0);
                if one & outside != 0 {
                    return Err(WRONG);
                }
                // For counting, nothing ends there.
                one |= outside;
            }
            let zeros = usize::try_from(one.count_zeros()).unwrap_or(0);
            let after = ended.saturating_add(zeros);
            // The sampled bucket whose beginning lies here, if one does: no two do, since there are fewer bits than buckets
            // between them.
            let sample = after / SAMPLE;
            if sample > ended / SAMPLE && sample.saturating_mul(SAMPLE) < buckets {
                let nth = sample.saturating_mul(SAMPLE).saturating_sub(ended).saturating_sub(1);
                let zero = Zeros::of(one).select(u64::try_from(nth).unwrap_or(0));
                let begin = begins.saturating_add(usize::try_from(zero).unwrap_or(0)).saturating_add(1);
                let bucket = u32::try_from(sample.saturating_mul(SAMPLE)).unwrap_or(u32::MAX);
                if self.begin_of(bytes, bucket) != begin {
                    return Err("a bucket does not begin where it says");
                }
            }
            ended = after;
        }
        // The last bit ends the last bucket, or there would be entries of none.
        let last = bits.checked_sub(1).is_some_and(|last| !self.is_entry(bytes, last));
        if ended == buckets && last { Ok(()) } else { Err(WRONG) }
    }

    pub(super) fn check_canonical(&self, bytes: &[u8]) -> Result<(), &'static str> {
        if bytes.get(self.end..).unwrap_or_default().iter().any(|byte| *byte != 0) {
            return Err("the bytes at its end are not 0");
        }
        for (start, end, width) in
            [(self.remainders, self.values, self.remainder_bits), (self.values, self.end, self.value_bits)]
        {
            let width = usize::try_from(width).unwrap_or(0);
            let used = low_bits(self.entries.saturating_mul(width), 7);
            let last = bytes.get(start..end).and_then(<[u8]>::last).copied().unwrap_or(0);
            if used != 0 && last >> used != 0 {
                return Err("the bits behind its last remainder or value are not 0");
            }
        }
        let mut before: Option<(u32, u64)> = None;
        let mut range: Option<(i64, i64)> = None;
        for (fingerprint, value) in self.fingerprints(bytes) {
            if before.is_some_and(|before| before >= fingerprint) {
                return Err("its remainders do not ascend strictly within a bucket");
            }
            before = Some(fingerprint);
            let (least, most) = range.unwrap_or((value, value));
            range = Some((least.min(value), most.max(value)));
        }
        let (least, most) = range.unwrap_or_default();
        if self.kind.has_values() {
            if least != self.base || value_bits(least, most) != self.value_bits {
                return Err("its values take more bits than they need");
            }
            if !self.kind.allows(most) {
                return Err("a value is out of range");
            }
        }
        Ok(())
    }

    /// Every entry's fingerprint and value, in order.
    fn fingerprints<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = ((u32, u64), i64)> + 'b {
        let mut at = 0_usize;
        let mut bucket = 0_u32;
        (0..self.entries).map(move |index| {
            while !self.is_entry(bytes, at) && bucket < self.buckets {
                at = at.wrapping_add(1);
                bucket = bucket.wrapping_add(1);
            }
            at = at.wrapping_add(1);
            ((bucket, self.remainder(bytes, index)), self.value(bytes, index))
        })
    }
}

/// The bucket and the remainder of an id; `None` where its leading bits are others.
pub(super) fn fingerprint(
    id: &Id,
    prefix_bits: u8,
    shard: u32,
    buckets: u32,
    remainder_bits: u32,
) -> Option<(u32, u64)> {
    let [h0, h1, h2, h3, h4, h5, h6, h7, l0, l1, l2, l3, l4, l5, l6, l7] = *id.as_bytes();
    let mut high = u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
    let mut low = u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    if prefix_bits != 0 {
        let kept = u64::BITS.wrapping_sub(u32::from(prefix_bits)) & 63;
        if high >> kept != u64::from(shard) {
            return None;
        }
        high = high << prefix_bits | low >> kept;
        low <<= prefix_bits;
    }
    let factor = u64::from(buckets);
    // Three digits of 32 bits, the least significant first: no sum is larger than 2^64 - 1.
    let carry = (low >> 32).wrapping_mul(factor) >> 32;
    let middle = (high & 0xffff_ffff).wrapping_mul(factor).wrapping_add(carry);
    let top = (high >> 32).wrapping_mul(factor).wrapping_add(middle >> 32);
    let fraction = top << 32 | middle & 0xffff_ffff;
    let bucket = u32::try_from(top >> 32).unwrap_or(u32::MAX);
    Some((bucket, fraction >> (u64::BITS.wrapping_sub(remainder_bits) & 63)))
}

/// Entries for each bucket, in units of 2^-32, rounded down. There are no more entries than buckets.
pub(super) fn ratio(entries: usize, buckets: u32) -> u64 {
    let entries = u64::try_from(entries).unwrap_or(0);
    (entries << 32).checked_div(u64::from(buckets)).unwrap_or(0)
}

/// The bit at which a bucket begins where entries are spread evenly.
pub(super) fn even(bucket: u32, ratio: u64) -> usize {
    let bucket = u64::from(bucket);
    let entries = bucket.wrapping_mul(ratio) >> 32;
    usize::try_from(bucket.wrapping_add(entries)).unwrap_or(0)
}

/// One less than a power of two.
const fn low_mask(of: usize) -> u32 {
    // It is small.
    #[expect(clippy::as_conversions)]
    let of = of as u32;
    of.wrapping_sub(1)
}

/// How many bits the values from `least` to `most` take beyond the least.
pub(super) fn value_bits(least: i64, most: i64) -> u32 {
    u64::BITS.saturating_sub(most.abs_diff(least).leading_zeros())
}
