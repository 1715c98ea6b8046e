//! Segments: immutable bytes holding part of the list, of the cutoff map or of a minimum map.

mod bits;
#[cfg(feature = "publish")]
mod encode;
mod entries;
mod kind;

use std::borrow::Cow;

use crate::error::Error;
use crate::limits::{MAX_SEGMENT_BYTES, MAX_SHARD_BITS};

use super::Id;
use bits::{WORD, WORD_BYTES, Zeros, low_bits, packed, read_i16, word};

#[cfg(feature = "publish")]
pub(crate) use encode::{Shape, encode};
pub use entries::{Entries, Interval};
pub use kind::{Entry, Kind};

const MAGIC: [u8; 4] = *b"RVOC";
const VERSION: u8 = 2;
const HEADER_BYTES: usize = 32;
/// The bit where a bucket begins is written down for every so many buckets.
const SAMPLE: usize = 128;
/// In so many bytes.
const SAMPLE_BYTES: usize = 2;
/// Zeros at the end, so that a number is read as eight bytes wherever it ends.
const TAIL_BYTES: usize = 8;
/// Any value takes fewer bits: cutoffs have 48, and minima lie between -2^53 and 2^53.
const MAX_VALUE_BITS: u8 = 54;

/// A set or map of ids over bytes: validated once when it is opened, infallible after that, and never copied.
///
/// The ids are cut to fingerprints, sorted, and kept as Elias and Fano keep ascending numbers: the upper part of each in
/// unary, the lower part as it stands. That is log2(1/ε) + 2 bits an entry, and 0.13 for finding one's place.
///
/// # Fingerprints
///
/// An id is a number of 128 bits, most significant byte first. Its top `p` bits are the same for the whole segment. Of what
/// follows, the first 96 bits are a fraction of 1; `b` times that fraction is a number whose integer part is the *bucket*,
/// and the first `r` bits of whose fraction are the *remainder*. So fingerprints ascend as ids do, and an id that was not
/// put in has the fingerprint of one that was at most `n` times in `b` × 2^`r`.
///
/// # Layout, version 2
///
/// Integers are little-endian; bits are counted from the least significant of the first byte.
///
/// | offset | size | what |
/// |---|---|---|
/// | 0 | 4 | `RVOC` |
/// | 4 | 1 | version: 2 |
/// | 5 | 1 | kind: 0 outright, 1 cutoff, 2 minimum |
/// | 6 | 1 | `p`, how many leading bits all ids share: 0 to 16 |
/// | 7 | 1 | `r`, the bits of a remainder: 1 to 64 |
/// | 8 | 4 | `n`, how many entries: at least 1 |
/// | 12 | 4 | `b`, how many buckets: `n` to 2`n` + 2 |
/// | 16 | 4 | the leading bits that all ids share, as a number below 2^`p` |
/// | 20 | 1 | `v`, the bits of a value: 0 to 54; 0 for kind outright |
/// | 21 | 3 | 0 |
/// | 24 | 8 | the least value, two's complement; 0 for kind outright |
/// | 32 | 8 × ⌈(`n` + `b`) / 64⌉ | for each bucket a one for each of its entries and then a zero; zeros up to the end |
/// | … | 2 × ⌊(`b` − 1) / 128⌋ | for bucket 128, 256, …: the bit above at which it begins, less the one at which it would if entries were spread evenly; two's complement |
/// | … | ⌈`n` × `r` / 8⌉ | the remainders, in order: ascending strictly within a bucket |
/// | … | ⌈`n` × `v` / 8⌉ | how much more than the least each value is, in the same order |
/// | … | 8 | 0 |
///
/// Spread evenly, bucket `k` begins at `k` + ⌊`k` × ⌊2^32 × `n` / `b`⌋ / 2^32⌋. The length is exactly that. A cutoff is in milliseconds since the epoch, a minimum an integer of magnitude below 2^53.
///
/// Opening reads the header, the upper parts and the places of the buckets: what a look-up relies upon. That remainders
/// ascend and that what should be 0 is so is the writer's care, and [`Segment::check`]'s to find out; no look-up needs it.
#[derive(Clone, Debug)]
pub struct Segment<D> {
    data: D,
    shape: Layout,
}

/// What the header says, and where everything is.
#[derive(Clone, Copy, Debug)]
struct Layout {
    kind: Kind,
    prefix_bits: u8,
    shard: u32,
    entries: usize,
    buckets: u32,
    remainder_bits: u32,
    value_bits: u32,
    base: i64,
    /// Entries for each bucket, in units of 2^-32.
    ratio: u64,
    samples: usize,
    remainders: usize,
    values: usize,
    end: usize,
}

impl<D: AsRef<[u8]>> Segment<D> {
    /// Checks what look-ups rely upon. Sizes are compared before anything is read by them.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`] with the rule that was broken.
    pub fn open(bytes: D) -> Result<Self, Error> {
        let shape = Layout::read(bytes.as_ref()).map_err(invalid)?;
        shape.check_buckets(bytes.as_ref()).map_err(invalid)?;
        Ok(Self { data: bytes, shape })
    }

    /// Checks what opening leaves to the writer: that the bytes are the only ones that say what they say.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`] with the rule that was broken.
    pub fn check(&self) -> Result<(), Error> {
        self.shape.check_canonical(self.data.as_ref()).map_err(invalid)
    }

    /// What it says of an id. Never wrong about an id that was put in; about another whose leading bits fit, at most once in
    /// 2^[`Segment::error_bits`].
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<Entry> {
        let bytes = self.data.as_ref();
        let shape = &self.shape;
        let (bucket, remainder) = shape.fingerprint(id)?;
        let (mut at, mut index) = shape.bucket(bytes, bucket);
        let upper = shape.upper(bytes);
        loop {
            // The bucket's entries are the ones up to the next zero, which may be in another word.
            let entries = (word(upper, at / WORD) >> low_bits(at, WORD.wrapping_sub(1))).trailing_ones();
            for _ in 0..entries {
                if shape.remainder(bytes, index) == remainder {
                    return Some(shape.entry(bytes, index));
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

    /// What its entries say.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.shape.kind
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        u64::try_from(self.shape.entries).unwrap_or(u64::MAX)
    }

    /// How many leading bits all of its ids share, and which: its key range.
    #[must_use]
    pub const fn range(&self) -> (u8, u32) {
        (self.shape.prefix_bits, self.shape.shard)
    }

    /// How sure a hit is, rounded down: an id that was not put in is found at most once in 2^`error_bits`.
    #[must_use]
    pub fn error_bits(&self) -> u8 {
        // There are at least as many buckets as entries.
        u8::try_from(self.shape.remainder_bits).unwrap_or(u8::MAX)
    }

    /// How sure a hit is, exactly: log2 of the fingerprints that there are for each entry. No structure that is as sure takes
    /// fewer bits an entry.
    #[must_use]
    pub fn bound(&self) -> f64 {
        let (entries, buckets) = (u32::try_from(self.shape.entries).unwrap_or(u32::MAX), self.shape.buckets);
        f64::from(self.shape.remainder_bits) + (f64::from(buckets) / f64::from(entries.max(1))).log2()
    }

    /// How often an id that was not put in is found at most, in units of 2^-92, rounded up.
    #[cfg(feature = "publish")]
    pub(crate) fn error_units(&self) -> u128 {
        let entries = u128::try_from(self.shape.entries).unwrap_or(u128::MAX);
        // 32 bits of entries, and 91 of shift.
        let shift = 92_u32.saturating_sub(self.shape.remainder_bits);
        let scaled = entries.checked_shl(shift).unwrap_or(u128::MAX);
        scaled.div_ceil(u128::from(self.shape.buckets.max(1)))
    }

    /// How many bits the value of an entry takes; 0 where entries have none.
    #[must_use]
    pub const fn value_bits(&self) -> u32 {
        self.shape.value_bits
    }

    /// Its entries in ascending order, as far as it knows them.
    pub fn iter(&self) -> Entries<'_> {
        Entries::new(self.data.as_ref(), self.shape)
    }

    /// The bytes it was opened from.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.as_ref()
    }
}

pub(super) const fn invalid(reason: &'static str) -> Error {
    Error::SegmentInvalid(Cow::Borrowed(reason))
}

impl Layout {
    /// Reads the header, and compares the length with what it must be.
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        const LENGTH: &str = "its length is not what its header says";
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or("it is shorter than its header")?;
        let [m0, m1, m2, m3, version, kind, prefix_bits, remainder_bits, rest @ ..] = header;
        let [n0, n1, n2, n3, b0, b1, b2, b3, s0, s1, s2, s3, value_bits, z0, z1, z2, base @ ..] = rest;
        if [*m0, *m1, *m2, *m3] != MAGIC {
            return Err("it does not begin with `RVOC`");
        }
        if *version != VERSION {
            return Err("its version is not 2");
        }
        let kind = Kind::from_number(*kind).ok_or("its kind is unknown")?;
        let shard = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
        if *prefix_bits > MAX_SHARD_BITS || shard.checked_shr(u32::from(*prefix_bits)) != Some(0) {
            return Err("its key range is malformed");
        }
        if !(1..=64).contains(remainder_bits) {
            return Err("its remainders have fewer than 1 or more than 64 bits");
        }
        let base = i64::from_le_bytes(*base);
        if *value_bits > MAX_VALUE_BITS || (!kind.has_values() && (*value_bits != 0 || base != 0)) {
            return Err("its values have more bits than their kind has");
        }
        if [*z0, *z1, *z2] != [0; 3] {
            return Err("its reserved bytes are not 0");
        }
        let entries = u32::from_le_bytes([*n0, *n1, *n2, *n3]);
        let buckets = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
        if entries == 0 || buckets < entries || u64::from(buckets) > most_buckets(entries) {
            return Err("its number of entries or of buckets is out of range");
        }
        let (entries, value_bits) = (usize::try_from(entries).map_err(|_| LENGTH)?, u32::from(*value_bits));
        let remainder_bits = u32::from(*remainder_bits);
        let mut shape = Self {
            kind,
            prefix_bits: *prefix_bits,
            shard,
            entries,
            buckets,
            remainder_bits,
            value_bits,
            base,
            ratio: ratio(entries, buckets),
            samples: 0,
            remainders: 0,
            values: 0,
            end: 0,
        };
        let length = shape.lay_out().ok_or(LENGTH)?;
        if bytes.len() != length || u64::try_from(length).is_ok_and(|length| length > MAX_SEGMENT_BYTES) {
            return Err(LENGTH);
        }
        if !kind.allows(base) {
            return Err("its least value is out of range");
        }
        Ok(shape)
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
    fn fingerprint(&self, id: &Id) -> Option<(u32, u64)> {
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
        self.touch(bytes, from.wrapping_sub(bucket).wrapping_add(more), more);
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

    /// Has the place read where a bucket's remainders are likely to be, while the processor still looks for where they are:
    /// `more` buckets after the one whose first entry is `index`. In large segments both are far from any cache.
    fn touch(&self, bytes: &[u8], index: usize, more: usize) {
        let ahead = u64::try_from(more).unwrap_or(0).wrapping_mul(self.ratio) >> 32;
        let index = index.wrapping_add(usize::try_from(ahead).unwrap_or(0));
        let bits = index.wrapping_mul(usize::try_from(self.remainder_bits).unwrap_or(0));
        std::hint::black_box(bytes.get(self.remainders.wrapping_add(bits >> 3)));
    }

    fn is_entry(&self, bytes: &[u8], at: usize) -> bool {
        let byte = self.upper(bytes).get(at >> 3).copied().unwrap_or(0);
        byte >> low_bits(at, 7) & 1 == 1
    }

    fn remainder(&self, bytes: &[u8], index: usize) -> u64 {
        let width = usize::try_from(self.remainder_bits).unwrap_or(0);
        packed(
            bytes.get(self.remainders..).unwrap_or_default(),
            index.wrapping_mul(width),
            self.remainder_bits,
        )
    }

    fn entry(&self, bytes: &[u8], index: usize) -> Entry {
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
    fn check_buckets(&self, bytes: &[u8]) -> Result<(), &'static str> {
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

    fn check_canonical(&self, bytes: &[u8]) -> Result<(), &'static str> {
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
fn fingerprint(
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
fn ratio(entries: usize, buckets: u32) -> u64 {
    let entries = u64::try_from(entries).unwrap_or(0);
    (entries << 32).checked_div(u64::from(buckets)).unwrap_or(0)
}

/// The bit at which a bucket begins where entries are spread evenly.
fn even(bucket: u32, ratio: u64) -> usize {
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
fn value_bits(least: i64, most: i64) -> u32 {
    u64::BITS.saturating_sub(most.abs_diff(least).leading_zeros())
}

const fn most_buckets(entries: u32) -> u64 {
    // No narrowing: from 32 to 64 bits.
    #[expect(clippy::as_conversions)]
    let entries = entries as u64;
    entries.saturating_mul(2).saturating_add(2)
}

#[cfg(test)]
#[cfg(feature = "publish")]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn id(number: u64) -> Id {
        let hash: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
        Id::from_bytes(*hash.first_chunk().unwrap())
    }

    /// Sorted ids in the key range, of which the `nth` has the value `nth`.
    fn ids(count: u64, (bits, shard): (u8, u32)) -> Vec<(Id, i64)> {
        let mut ids: Vec<Id> = (0..)
            .map(id)
            .filter(|id| id.leading(bits) == shard)
            .take(usize::try_from(count).unwrap())
            .collect();
        ids.sort_unstable();
        ids.into_iter().zip(0..).collect()
    }

    #[test]
    fn every_entry_is_found_with_its_value_whatever_the_shape_and_the_key_range() {
        for (count, range, bits) in [(1, (0, 0), 8), (300, (0, 0), 50), (2000, (3, 5), 20), (777, (1, 0), 61)]
        {
            let entries = ids(count, range);
            let number = u32::try_from(count).unwrap();
            for wanted in [u128::from(number) << bits, (u128::from(number) * 3) << bits, u128::MAX] {
                let (bytes, kept) =
                    encode(Kind::Minimum, range, Shape::of(number, wanted), &entries).unwrap();
                let segment = Segment::open(bytes.as_slice()).unwrap();
                segment.check().unwrap();
                assert_eq!((segment.entries(), segment.range()), (u64::from(kept), range));
                for (id, value) in &entries {
                    assert!(segment.get(id).is_some_and(|entry| entry.value() >= *value), "{id}");
                }
            }
        }
    }

    #[test]
    fn an_entry_read_back_lies_in_the_interval_that_has_its_fingerprint_and_no_further() {
        for range in [(0, 0), (3, 7), (16, 0x0123)] {
            let entries = ids(if range.0 == 16 { 3 } else { 500 }, range);
            let number = u32::try_from(entries.len()).unwrap();
            let shape = Shape::of(number, (u128::from(number) * 5) << 30);
            let (bytes, _) = encode(Kind::Cutoff, range, shape, &entries).unwrap();
            let segment = Segment::open(bytes.as_slice()).unwrap();
            let again: Vec<(Id, i64)> = segment
                .iter()
                .zip(&entries)
                .map(|((Interval { from, to }, entry), (id, value))| {
                    assert!(from <= *id && *id <= to && entry.value() == *value);
                    let print = |id| segment.shape.fingerprint(&id);
                    assert_eq!((print(from), print(to)), (print(*id), print(*id)));
                    let outside =
                        |number: Option<u128>| number.and_then(|number| print(Id::from_number(number)));
                    assert_ne!(outside(from.as_number().checked_sub(1)), print(*id));
                    assert_ne!(outside(to.as_number().checked_add(1)), print(*id));
                    (from, entry.value())
                })
                .collect();
            assert_eq!(again.len(), entries.len());
            let rebuilt = encode(Kind::Cutoff, range, shape, &again).unwrap().0;
            assert_eq!(rebuilt, bytes, "what is read back makes the same bytes");
        }
    }
}
