//! Writing quotients. The layout is described at [`super::Segment`].

use crate::limits::MAX_SEGMENT_BYTES;
use crate::revocation::Id;

use super::Kind;
use super::bits::{WORD, WORD_BYTES};
use super::header::{HEADER_BYTES, Header, Structure, most_cells};
use super::quotient::{SAMPLE, TAIL_BYTES, even, fingerprint, ratio, value_bits};

/// How much of each id a segment keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    buckets: u32,
    remainder_bits: u8,
}

impl Shape {
    /// The smallest shape in which `entries` ids let another be found at most once in `wanted` / `entries`: one with
    /// buckets × 2^remainder bits of at least `wanted`. Where 64 bits do not suffice, there are no more than those.
    pub(crate) fn of(entries: u32, wanted: u128) -> Self {
        let entries = entries.max(1);
        let least = u128::from(entries);
        let mut remainder_bits: u8 = 1;
        while remainder_bits < 64
            && wanted.checked_shr(u32::from(remainder_bits)).unwrap_or(0) >= least.saturating_mul(2)
        {
            remainder_bits = remainder_bits.saturating_add(1);
        }
        let buckets = wanted.div_ceil(1_u128.checked_shl(u32::from(remainder_bits)).unwrap_or(u128::MAX));
        let most = u128::from(most_cells(entries)).min(u128::from(u32::MAX));
        let buckets = u32::try_from(buckets.clamp(least, most)).unwrap_or(u32::MAX);
        Self { buckets, remainder_bits }
    }

    /// The shape that confirms: ids as exactly as a segment can keep them.
    pub(crate) const fn exact(entries: u32) -> Self {
        Self { buckets: if entries == 0 { 1 } else { entries }, remainder_bits: 64 }
    }

    /// How sure a hit is at least: 2^-`error_bits`.
    pub(crate) const fn error_bits(self) -> u8 {
        self.remainder_bits
    }

    /// How many bits an entry takes in a segment of so many, values apart, in 256ths, rounded up.
    pub(crate) fn cost(self, entries: u32) -> u64 {
        let buckets = u64::from(self.buckets);
        // A one for the entry, a zero for each bucket, and 16 bits for every 128 of them.
        let upper = buckets.saturating_mul(256_u64.saturating_add(32)).div_ceil(u64::from(entries.max(1)));
        u64::from(self.remainder_bits).saturating_add(1).saturating_mul(256).saturating_add(upper)
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
    let mut kept: Vec<(u32, u64, i64)> = Vec::with_capacity(entries.len());
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
    if buckets < count || u64::from(buckets) > most_cells(count) {
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
    let bits = kept.len().checked_add(usize::try_from(buckets).ok()?)?;
    let mut upper = vec![0_u64; bits.div_ceil(WORD)];
    let mut samples = Samples { ratio: ratio(kept.len(), buckets), deviations: Vec::new() };
    let mut at = 0_usize;
    let mut ended = 0_u32;
    for (bucket, _, _) in &kept {
        end_buckets(&mut at, &mut ended, *bucket, &mut samples)?;
        *upper.get_mut(at.checked_div(WORD)?)? |=
            1_u64.checked_shl(u32::try_from(at.checked_rem(WORD)?).ok()?)?;
        at = at.checked_add(1)?;
    }
    end_buckets(&mut at, &mut ended, buckets.checked_sub(1)?, &mut samples)?;
    let mut bytes = Vec::with_capacity(
        HEADER_BYTES
            .checked_add(upper.len().checked_mul(WORD_BYTES)?)?
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
    upper.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    samples.deviations.iter().for_each(|sample| bytes.extend(sample.to_le_bytes()));
    pack(&mut bytes, u32::from(remainder_bits), kept.iter().map(|(_, remainder, _)| *remainder));
    pack(&mut bytes, width, values().map(|value| value.abs_diff(base)));
    bytes.extend([0; TAIL_BYTES]);
    u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_SEGMENT_BYTES).then_some((bytes, count))
}

/// Where sampled buckets begin.
struct Samples {
    ratio: u64,
    deviations: Vec<i16>,
}

/// Ends every bucket before `bucket`, and writes down where those that are sampled begin.
fn end_buckets(at: &mut usize, ended: &mut u32, bucket: u32, samples: &mut Samples) -> Option<()> {
    while *ended < bucket {
        *at = at.checked_add(1)?;
        *ended = ended.checked_add(1)?;
        if usize::try_from(*ended).ok()?.checked_rem(SAMPLE)? == 0 {
            let deviation =
                i64::try_from(*at).ok()?.checked_sub(i64::try_from(even(*ended, samples.ratio)).ok()?)?;
            samples.deviations.push(i16::try_from(deviation).ok()?);
        }
    }
    Some(())
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
