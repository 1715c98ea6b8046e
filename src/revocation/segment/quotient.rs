//! Fingerprints in buckets, each of which says how many it has: a set or map whose entries can be listed. The layout is
//! described at [`super::Segment`].

use crate::revocation::Id;

use super::bits::{PAIRS, low_bits, packed, read_i16, read_u32, read_u64, sum_of_pairs};
use super::header::{HEADER_BYTES, Header};
use super::walk::Walk;
use super::{Entry, Kind};

/// Buckets whose counts and place are written down together.
pub(super) const BLOCK: u32 = 128;
const BLOCK_BUCKETS: usize = 128;
/// The bytes of the counts of half a block.
pub(super) const HALF_BYTES: usize = 16;
/// What is written down of a block: the counts of its one half, the place of its middle, the counts of the other.
pub(super) const BLOCK_BYTES: usize = 34;
/// As many entries as a bucket's count can say. One that has more says so by the order of its first three.
pub(super) const COUNTED: u32 = 3;
/// With so many entries more the order says only that there are so many or more; the crowds say how many.
pub(super) const CROWD: u32 = 5;
/// A crowd's bucket and its number of entries.
pub(super) const CROWD_BYTES: usize = 8;
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
    remainders: usize,
    values: usize,
    crowds: usize,
    end: usize,
}

impl Quotient {
    /// Says where everything is in so many bytes; `None` where the header makes it another length.
    pub(super) fn of(header: &Header, length: usize) -> Option<Self> {
        let entries = usize::try_from(header.entries).ok()?;
        let blocks = usize::try_from(header.cells.div_ceil(BLOCK)).ok()?;
        let packed = |width: u32| {
            let width = usize::try_from(width).ok()?;
            Some(entries.checked_mul(width)?.div_ceil(8))
        };
        let remainders = HEADER_BYTES.checked_add(blocks.checked_mul(BLOCK_BYTES)?)?;
        let values = remainders.checked_add(packed(header.width)?)?;
        let crowds = values.checked_add(packed(header.value_bits)?)?;
        let end = length.checked_sub(TAIL_BYTES)?;
        // Whatever is left are crowds: all of them are looked at when the buckets are.
        (end.checked_sub(crowds)?.checked_rem(CROWD_BYTES)? == 0).then_some(Self {
            kind: header.kind,
            prefix_bits: header.prefix_bits,
            shard: header.shard,
            entries,
            buckets: header.cells,
            remainder_bits: header.width,
            value_bits: header.value_bits,
            base: header.base,
            ratio: ratio(entries, header.cells),
            remainders,
            values,
            crowds,
            end,
        })
    }

    /// What it says of an id.
    ///
    /// Most of the time of a look-up is spent waiting for memory, or for a branch that could not be foreseen. So there is one
    /// place to wait for, the remainders', and no branch but those that hardly ever go the other way.
    pub(super) fn get(&self, bytes: &[u8], id: &Id) -> Option<Entry> {
        let (bucket, remainder) = self.fingerprint(id)?;
        let (index, count) = self.place(bytes, bucket)?;
        // Of ids that were not put in, a third come to a bucket that has none, and need not wait for a remainder.
        if count == 0 {
            return None;
        }
        let remainders = bytes.get(self.remainders..)?;
        let first = self.three(remainders, index);
        // A bit for each that is the one looked for, without those that are another bucket's. They are one number, and a bucket
        // has no remainder twice.
        let [one, two, three] = first;
        let is = |other: u64| u32::from(other == remainder);
        let found = (is(one) | is(two) << 1 | is(three) << 2) & 1_u32.wrapping_shl(count).wrapping_sub(1);
        if found != 0 {
            let nth = usize::try_from(found >> 1).unwrap_or(0);
            return Some(self.entry(bytes, index.wrapping_add(nth)));
        }
        if (count == COUNTED) & (order(first) != 0) {
            return self.get_further(bytes, bucket, remainder);
        }
        None
    }

    /// What it says of an id that is not among the first three of a bucket that has more.
    #[cold]
    fn get_further(&self, bytes: &[u8], bucket: u32, remainder: u64) -> Option<Entry> {
        let block = self.block(bytes, bucket)?;
        let begin = self.middle(block, bucket).wrapping_sub(sum_of(block, false));
        let further = begin.wrapping_add(sum_of(block, false)).wrapping_add(sum_of(block, true));
        let mut from = usize::try_from(further).unwrap_or(usize::MAX);
        for (full, index) in Full::of(block, bucket, begin) {
            let more = self.more(bytes, full, index)?;
            let to = from.wrapping_add(usize::try_from(more).unwrap_or(0));
            if full == bucket {
                let index = (from..to).find(|index| self.remainder(bytes, *index) == remainder)?;
                return Some(self.entry(bytes, index));
            }
            from = to;
        }
        None
    }

    /// The bucket and the remainder of an id in this segment's key range.
    pub(super) fn fingerprint(&self, id: &Id) -> Option<(u32, u64)> {
        fingerprint(id, self.prefix_bits, self.shard, self.buckets, self.remainder_bits)
    }

    /// The index of a bucket's first entry, and how many of its entries follow each other from there: 3 of those that have
    /// more.
    fn place(&self, bytes: &[u8], bucket: u32) -> Option<(usize, u32)> {
        let block = self.block(bytes, bucket)?;
        let is_upper = bucket & HALF != 0;
        let [one, other] = half(block, is_upper);
        // In which of the two words its count is, and where.
        let is_other = bucket & 32 != 0;
        let at = (bucket & 31) << 1;
        let below = (1_u64 << at).wrapping_sub(1);
        let mask = if is_other { (u64::MAX, below) } else { (below, 0) };
        // From the middle upwards what is below counts, and downwards the rest.
        let turned = if is_upper { 0 } else { u64::MAX };
        let between = sum_of_pairs(one & (mask.0 ^ turned), other & (mask.1 ^ turned));
        let middle = self.middle(block, bucket);
        let index = if is_upper { middle.wrapping_add(between) } else { middle.wrapping_sub(between) };
        let count = (if is_other { other } else { one }) >> at & PAIRS;
        Some((usize::try_from(index).unwrap_or(usize::MAX), u32::try_from(count).unwrap_or(0)))
    }

    /// What is written down of a bucket's block.
    fn block<'b>(&self, bytes: &'b [u8], bucket: u32) -> Option<&'b [u8; BLOCK_BYTES]> {
        let block = usize::try_from(bucket / BLOCK).ok()?;
        bytes.get(HEADER_BYTES.wrapping_add(block.wrapping_mul(BLOCK_BYTES))..)?.first_chunk()
    }

    /// How many entries there are before the middle of a bucket's block.
    fn middle(&self, block: &[u8; BLOCK_BYTES], bucket: u32) -> u64 {
        even(bucket, self.ratio).wrapping_add_signed(i64::from(read_i16(block, HALF_BYTES)))
    }

    /// How many entries of a bucket follow each other.
    pub(super) fn count(&self, bytes: &[u8], bucket: u32) -> u32 {
        let Some(block) = self.block(bytes, bucket) else { return 0 };
        let [one, other] = half(block, bucket & HALF != 0);
        let word = if bucket & 32 != 0 { other } else { one };
        u32::try_from(word >> ((bucket & 31) << 1) & PAIRS).unwrap_or(0)
    }

    /// How many entries of all the buckets of a block follow each other; after them come those that its buckets have more.
    pub(super) fn count_of_block(&self, bytes: &[u8], bucket: u32) -> u64 {
        self.block(bytes, bucket).map_or(0, |block| sum_of(block, false).wrapping_add(sum_of(block, true)))
    }

    /// Three remainders that follow each other.
    #[inline]
    fn three(&self, remainders: &[u8], index: usize) -> [u64; 3] {
        let width = usize::try_from(self.remainder_bits).unwrap_or(0);
        let first = index.wrapping_mul(width);
        let second = first.wrapping_add(width);
        // Not by `map`, which is a call.
        [
            packed(remainders, first, self.remainder_bits),
            packed(remainders, second, self.remainder_bits),
            packed(remainders, second.wrapping_add(width), self.remainder_bits),
        ]
    }

    /// How many more entries a bucket has than the three that begin at an index; `None` where it should be a crowd and is none,
    /// which no opened segment has.
    pub(super) fn more(&self, bytes: &[u8], bucket: u32, index: usize) -> Option<u32> {
        match order(self.three(bytes.get(self.remainders..).unwrap_or_default(), index)) {
            CROWD => self.crowd_of(bytes, bucket)?.checked_sub(COUNTED),
            more => Some(more),
        }
    }

    /// The bucket of the `nth` crowd, and how many entries it has.
    pub(super) fn crowd(&self, bytes: &[u8], nth: usize) -> Option<(u32, u32)> {
        let crowds = bytes.get(self.crowds..self.end)?;
        let at = nth.checked_mul(CROWD_BYTES)?;
        crowds.get(at..)?.first_chunk::<CROWD_BYTES>().map(|crowd| (read_u32(crowd, 0), read_u32(crowd, 4)))
    }

    /// How many crowds there are.
    fn crowds(&self) -> usize {
        self.end.saturating_sub(self.crowds) / CROWD_BYTES
    }

    /// How many entries the crowd of this bucket has.
    pub(super) fn crowd_of(&self, bytes: &[u8], bucket: u32) -> Option<u32> {
        let (mut from, mut to) = (0, self.crowds());
        while from < to {
            let middle = from.midpoint(to);
            let (at, entries) = self.crowd(bytes, middle)?;
            match at.cmp(&bucket) {
                std::cmp::Ordering::Equal => return Some(entries),
                std::cmp::Ordering::Less => from = middle.saturating_add(1),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
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

    /// Counts the entries of all buckets, and compares them with what is said of them. After that, every look-up reads the
    /// entries of its own bucket, and all of them.
    pub(super) fn check_buckets(&self, bytes: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "its buckets do not have as many entries as it says";
        self.check_crowds(bytes)?;
        let mut begin = 0_u64;
        let mut crowds = 0_usize;
        for first in (0..self.buckets).step_by(BLOCK_BUCKETS) {
            let block = self.block(bytes, first).ok_or(WRONG)?;
            if !ends_with(block, self.buckets.saturating_sub(first)) {
                return Err(WRONG);
            }
            let middle = begin.wrapping_add(sum_of(block, false));
            if self.middle(block, first) != middle {
                return Err("a bucket does not begin where it says");
            }
            let mut further = middle.wrapping_add(sum_of(block, true));
            for (bucket, index) in Full::of(block, first, begin) {
                let more = self.more(bytes, bucket, index).ok_or(WRONG)?;
                crowds = crowds.saturating_add(usize::from(more >= CROWD));
                further = further.wrapping_add(u64::from(more));
            }
            begin = further;
        }
        // Every crowd is that of a bucket which has one.
        let counted = usize::try_from(begin).is_ok_and(|begin| begin == self.entries);
        if counted && crowds == self.crowds() { Ok(()) } else { Err(WRONG) }
    }

    /// Crowds ascend, and are crowds.
    fn check_crowds(&self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut before = None;
        for (bucket, entries) in (0..self.crowds()).filter_map(|nth| self.crowd(bytes, nth)) {
            if before.is_some_and(|before| before >= bucket) || entries < COUNTED.wrapping_add(CROWD) {
                return Err("its crowds do not ascend, or are none");
            }
            before = Some(bucket);
        }
        Ok(())
    }

    pub(super) fn check_canonical(&self, bytes: &[u8]) -> Result<(), &'static str> {
        if bytes.get(self.end..).unwrap_or_default().iter().any(|byte| *byte != 0) {
            return Err("the bytes at its end are not 0");
        }
        for (start, end, width) in
            [(self.remainders, self.values, self.remainder_bits), (self.values, self.crowds, self.value_bits)]
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
        for (bucket, index) in Walk::over(bytes, *self) {
            let fingerprint = (bucket, self.remainder(bytes, index));
            if before.is_some_and(|before| before >= fingerprint) {
                return Err("its remainders do not ascend strictly within a bucket");
            }
            before = Some(fingerprint);
            let value = self.value(bytes, index);
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
}

/// Buckets in half a block.
const HALF: u32 = 64;

/// The counts of half a block.
fn half(block: &[u8; BLOCK_BYTES], is_upper: bool) -> [u64; 2] {
    let from = if is_upper { HALF_BYTES.wrapping_add(2) } else { 0 };
    [read_u64(block, from), read_u64(block, from.wrapping_add(8))]
}

/// The sum of the counts of half a block.
fn sum_of(block: &[u8; BLOCK_BYTES], is_upper: bool) -> u64 {
    let [one, other] = half(block, is_upper);
    sum_of_pairs(one, other)
}

/// Whether a block has no counts but those of so many buckets.
fn ends_with(block: &[u8; BLOCK_BYTES], buckets: u32) -> bool {
    let words = [half(block, false), half(block, true)].into_iter().flatten();
    words.zip((0_u32..).step_by(32)).all(|(word, before)| {
        let inside = buckets.saturating_sub(before).min(32);
        word.checked_shr(inside << 1).unwrap_or(0) == 0
    })
}

/// The buckets of a block that count to three, which may have more entries than that, and where their entries begin.
struct Full {
    words: [u64; 4],
    /// What is left of the word that is being looked through.
    left: u64,
    nth: usize,
    /// The bucket of that word's first count, and where its entries begin.
    bucket: u32,
    begin: u64,
}

impl Full {
    /// Of a bucket's block, before which there are so many entries.
    fn of(block: &[u8; BLOCK_BYTES], bucket: u32, begin: u64) -> Self {
        let ([one, two], [three, four]) = (half(block, false), half(block, true));
        let bucket = bucket & !BLOCK.wrapping_sub(1);
        Self { words: [one, two, three, four], left: full(one), nth: 0, bucket, begin }
    }
}

impl Iterator for Full {
    type Item = (u32, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let mut word = *self.words.get(self.nth)?;
        while self.left == 0 {
            self.begin = self.begin.wrapping_add(sum_of_pairs(word, 0));
            self.bucket = self.bucket.wrapping_add(32);
            self.nth = self.nth.wrapping_add(1);
            word = *self.words.get(self.nth)?;
            self.left = full(word);
        }
        let at = self.left.trailing_zeros();
        self.left &= self.left.wrapping_sub(1);
        let below = word & 1_u64.wrapping_shl(at).wrapping_sub(1);
        let index = self.begin.wrapping_add(sum_of_pairs(below, 0));
        Some((self.bucket.wrapping_add(at >> 1), usize::try_from(index).unwrap_or(usize::MAX)))
    }
}

/// The lower bit of each count that is 3.
const fn full(word: u64) -> u64 {
    word & word >> 1 & 0x5555_5555_5555_5555
}

/// Which of the six orders three numbers are in, in the order of the dictionary: 0 where they ascend, 5 where they descend.
pub(super) fn order([first, second, third]: [u64; 3]) -> u32 {
    let before_first = u32::from(second < first).wrapping_add(u32::from(third < first));
    before_first << 1 | u32::from(third < second)
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

/// Entries for each bucket, in units of 2^-32, rounded down.
pub(super) fn ratio(entries: usize, buckets: u32) -> u64 {
    let entries = u64::try_from(entries).unwrap_or(0);
    (entries << 32).checked_div(u64::from(buckets)).unwrap_or(0)
}

/// How many entries there are before the middle of a bucket's block, where they are spread evenly.
pub(super) fn even(bucket: u32, ratio: u64) -> u64 {
    let middle = u64::from(bucket & !BLOCK.wrapping_sub(1) | HALF);
    // A segment has fewer than 2^28 buckets, and less than 4 entries for each.
    middle.wrapping_mul(ratio) >> 32
}

/// How many bits the values from `least` to `most` take beyond the least.
pub(super) fn value_bits(least: i64, most: i64) -> u32 {
    u64::BITS.saturating_sub(most.abs_diff(least).leading_zeros())
}
