//! Writing quotients. The layout is described at [`super::Segment`].

use crate::limits::MAX_SEGMENT_BYTES;
use crate::revocation::Id;

use super::Kind;
use super::header::{HEADER_BYTES, Header, Structure, error_bits, least_buckets, most_cells};
use super::quotient::{
    BLOCK, BLOCK_BYTES, COUNTED, CROWD, HALF_BYTES, TAIL_BYTES, even, fingerprint, ratio, value_bits,
};

/// How much of each id a segment keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    buckets: u32,
    remainder_bits: u8,
}

impl Shape {
    /// The smallest shape in which `entries` ids let another be found at most once in `wanted` / `entries`: one with
    /// buckets × 2^remainder bits of at least `wanted`. Where 64 bits do not suffice, there are no more than those.
    ///
    /// There are about as many buckets as entries at most, and more than half as many: of all shapes that are as sure, those are
    /// the smallest. A 16th more is allowed, since a publisher that asks for a little less than a whole bit's error would otherwise
    /// have full buckets, in which a look-up takes longer.
    pub(crate) fn of(entries: u32, wanted: u128) -> Self {
        let entries = entries.max(1);
        let most = u128::from(entries).saturating_add(u128::from(entries >> 4)).saturating_add(1);
        let buckets = |bits: u8| wanted.div_ceil(1_u128.checked_shl(u32::from(bits)).unwrap_or(u128::MAX));
        let mut remainder_bits: u8 = 1;
        while remainder_bits < 64 && buckets(remainder_bits) > most {
            remainder_bits = remainder_bits.saturating_add(1);
        }
        let buckets = buckets(remainder_bits).clamp(u128::from(least_buckets(entries)), most);
        Self { buckets: u32::try_from(buckets).unwrap_or(u32::MAX), remainder_bits }
    }

    /// The shape that confirms: ids as exactly as a segment can keep them.
    pub(crate) const fn exact(entries: u32) -> Self {
        Self { buckets: if entries == 0 { 1 } else { entries }, remainder_bits: 64 }
    }

    /// How sure a hit of a segment of so many is at least: 2^-`error_bits`.
    pub(crate) fn error_bits(self, entries: u32) -> u8 {
        error_bits(entries, self.buckets, self.remainder_bits)
    }

    /// How many bytes a segment of so many entries without values takes, crowds apart.
    pub(crate) fn least_bytes(self, entries: u32) -> u64 {
        let blocks = u64::from(self.buckets.div_ceil(BLOCK));
        let remainders = u64::from(entries).saturating_mul(u64::from(self.remainder_bits)).div_ceil(8);
        // A header of 32, a block of 34, and 8 at the end.
        blocks.saturating_mul(34).saturating_add(remainders).saturating_add(40)
    }

    /// How many bits an entry takes in a segment of so many, values apart, in 256ths, rounded up.
    pub(crate) fn cost(self, entries: u32) -> u64 {
        let buckets = u64::from(self.buckets);
        // Two bits for each bucket, and 16 for every 128 of them.
        let counts = buckets.saturating_mul(512_u64.saturating_add(32)).div_ceil(u64::from(entries.max(1)));
        u64::from(self.remainder_bits).saturating_mul(256).saturating_add(counts)
    }
}

/// Writes a segment of entries in ascending order of id, all within the key range `prefix_bits` and `shard` name, and says
/// how many it has. Of entries that have the same fingerprint the strictest value is kept: the error may refuse a token,
/// never let one pass. `None` where there is no entry, one outside the range, too many, or they are spread so unevenly that no
/// hash can have made them.
pub(crate) fn encode(
    kind: Kind,
    (prefix_bits, shard): (u8, u32),
    shape: Shape,
    entries: &[(Id, i64)],
) -> Option<(Vec<u8>, u32)> {
    let Shape { buckets, remainder_bits } = shape;
    let mut kept: Vec<Kept> = Vec::with_capacity(entries.len());
    for (id, value) in entries {
        let (bucket, remainder) = fingerprint(id, prefix_bits, shard, buckets, u32::from(remainder_bits))?;
        match kept.last_mut() {
            Some((last_bucket, last, strictest)) if (*last_bucket, *last) == (bucket, remainder) => {
                *strictest = (*value).max(*strictest);
            }
            _ => kept.push((bucket, remainder, *value)),
        }
    }
    let count = u32::try_from(kept.len()).ok().filter(|count| *count > 0)?;
    // Two that had one fingerprint leave fewer entries, and perhaps more buckets than those may have.
    if buckets < least_buckets(count) || u64::from(buckets) > most_cells(count) {
        let shape = Shape { buckets: u32::try_from(most_cells(count)).ok()?, remainder_bits };
        return encode(kind, (prefix_bits, shard), shape, entries);
    }
    let values = || kept.iter().map(|(_, _, value)| *value);
    let (base, width) = if kind.has_values() {
        let least = values().min()?;
        (least, value_bits(least, values().max()?))
    } else {
        (0, 0)
    };
    let blocks = usize::try_from(buckets.div_ceil(BLOCK)).ok()?;
    let mut bytes = Vec::with_capacity(
        HEADER_BYTES
            .checked_add(blocks.checked_mul(BLOCK_BYTES)?)?
            .checked_add(kept.len().checked_mul(8)?)?,
    );
    let header = Header {
        kind,
        prefix_bits,
        shard,
        structure: Structure::Quotient,
        width: u32::from(remainder_bits),
        entries: count,
        cells: buckets,
        value_bits: width,
        base,
    };
    header.write(&mut bytes);
    let crowds = arrange(&mut kept, buckets, &mut bytes)?;
    pack(&mut bytes, u32::from(remainder_bits), kept.iter().map(|(_, remainder, _)| *remainder));
    pack(&mut bytes, width, kept.iter().map(|(_, _, value)| value.abs_diff(base)));
    for (bucket, entries) in crowds {
        bytes.extend(bucket.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
    }
    bytes.extend([0; TAIL_BYTES]);
    u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_SEGMENT_BYTES).then_some((bytes, count))
}

/// A bucket, a remainder, and a value.
type Kept = (u32, u64, i64);

/// Brings ascending entries into the order in which they are written, writes what is said of each block of buckets, and says
/// which buckets are crowds.
fn arrange(kept: &mut [Kept], buckets: u32, bytes: &mut Vec<u8>) -> Option<Vec<(u32, u32)>> {
    let ratio = ratio(kept.len(), buckets);
    let mut crowds = Vec::new();
    let mut further = Vec::new();
    let mut begin = 0_usize;
    let mut rest = kept;
    for block in 0..buckets.div_ceil(BLOCK) {
        let end = block.checked_add(1)?.checked_mul(BLOCK)?;
        let of_block = rest.partition_point(|(bucket, ..)| *bucket < end);
        let (entries, after) = rest.split_at_mut(of_block);
        let first = block.checked_mul(BLOCK)?;
        let (counts, middle) = arrange_block(entries, first, &mut further, &mut crowds)?;
        let even = i64::try_from(even(first, ratio)).ok()?;
        let deviation = i64::try_from(begin.checked_add(middle)?).ok()?.checked_sub(even)?;
        let (lower, upper) = counts.split_at(HALF_BYTES);
        bytes.extend(lower);
        bytes.extend(i16::try_from(deviation).ok()?.to_le_bytes());
        bytes.extend(upper);
        begin = begin.checked_add(of_block)?;
        rest = after;
    }
    Some(crowds)
}

/// Arranges the entries of one block, and says how many each bucket counts and how many come before the block's middle.
fn arrange_block(
    entries: &mut [Kept],
    first: u32,
    further: &mut Vec<Kept>,
    crowds: &mut Vec<(u32, u32)>,
) -> Option<([u8; 2 * HALF_BYTES], usize)> {
    let mut counts = [0_u8; 2 * HALF_BYTES];
    let mut middle = 0_usize;
    further.clear();
    // Up to where they are arranged, and up to where they are known.
    let (mut to, mut from) = (0_usize, 0_usize);
    while let Some((bucket, ..)) = entries.get(from).copied() {
        let others = entries.iter().skip(from).skip(1);
        let all = others.take_while(|(other, ..)| *other == bucket).count().checked_add(1)?;
        let counted = all.min(usize::try_from(COUNTED).ok()?);
        let more = u32::try_from(all.checked_sub(counted)?).ok()?;
        let one_place = from..from.checked_add(counted)?;
        if more > 0 {
            further.extend(entries.get(one_place.end..from.checked_add(all)?)?);
        }
        if to < from {
            entries.copy_within(one_place, to);
        }
        if more > 0 {
            let three: &mut [Kept; 3] = entries.get_mut(to..)?.first_chunk_mut()?;
            *three = ordered(*three, more);
        }
        if more >= CROWD {
            crowds.push((bucket, u32::try_from(all).ok()?));
        }
        let place = bucket.checked_sub(first)?;
        let count = u8::try_from(counted).ok()?.checked_shl((place & 3) << 1)?;
        *counts.get_mut(usize::try_from(place >> 2).ok()?)? |= count;
        if place < BLOCK >> 1 {
            middle = middle.checked_add(counted)?;
        }
        to = to.checked_add(counted)?;
        from = from.checked_add(all)?;
    }
    entries.get_mut(to..)?.copy_from_slice(further);
    Some((counts, middle))
}

/// Three ascending entries in the order that says how many more there are.
const fn ordered([one, two, three]: [Kept; 3], more: u32) -> [Kept; 3] {
    match more {
        0 => [one, two, three],
        1 => [one, three, two],
        2 => [two, one, three],
        3 => [two, three, one],
        4 => [three, one, two],
        _ => [three, two, one],
    }
}

/// Appends numbers of `width` bits, least significant first, and zeros to the end of the byte.
fn pack(bytes: &mut Vec<u8>, width: u32, numbers: impl Iterator<Item = u64>) {
    // Never more than 7 bits wait, so that there is room for 64 more.
    let (mut waiting, mut bits) = (0_u128, 0_u32);
    for number in numbers {
        waiting |= u128::from(number).checked_shl(bits).unwrap_or(0);
        bits = bits.saturating_add(width);
        let whole = bits >> 3;
        let ready = waiting.to_le_bytes();
        bytes.extend(ready.get(..usize::try_from(whole).unwrap_or(0)).unwrap_or_default());
        waiting = waiting.checked_shr(whole << 3).unwrap_or(0);
        bits &= 7;
    }
    if bits > 0 {
        bytes.extend(waiting.to_le_bytes().first());
    }
}
