//! Writing ribbons. The layout is described at [`super::Segment`].

use crate::limits::MAX_SEGMENT_BYTES;
use crate::revocation::Id;

use super::Kind;
use super::header::{BLOCK, Header, Structure, most_cells};
use super::ribbon::Ribbon;

/// In fewer entries the slots that are left over weigh more than the structure saves.
const LEAST_ENTRIES: usize = 4096;
/// A slot more for so many entries. With a 24th, of 100,000 random ids nine sets in ten have a solution at the first seed.
const SPARE: [u32; 4] = [24, 20, 16, 12];
/// How many seeds are tried with each.
const SEEDS: u8 = 4;

/// Writes a ribbon of ids in ascending order, all within the key range `prefix_bits` and `shard` name, in which another is found
/// at most once in 2^`width`, and says how many it has. The seeds are tried in order, so that the same ids make the same bytes.
/// `None` where there are too few ids, one is outside the range, or no seed has a solution.
pub(crate) fn encode_ribbon(
    (prefix_bits, shard): (u8, u32),
    width: u8,
    entries: &[(Id, i64)],
) -> Option<(Vec<u8>, u32)> {
    if entries.len() < LEAST_ENTRIES {
        return None;
    }
    let count = u32::try_from(entries.len()).ok()?;
    for spare in SPARE {
        let slots = count
            .checked_add(count.checked_div(spare)?)?
            .checked_add(BLOCK)?
            .checked_next_multiple_of(BLOCK)?;
        if u64::from(slots) > most_cells(count) {
            return None;
        }
        for seed in 0..SEEDS {
            let header = Header {
                kind: Kind::Outright,
                prefix_bits,
                shard,
                structure: Structure::Ribbon { seed },
                width: u32::from(width),
                entries: count,
                cells: slots,
                value_bits: 0,
                base: 0,
            };
            let (ribbon, length) = Ribbon::of(&header, seed)?;
            if u64::try_from(length).is_ok_and(|length| length > MAX_SEGMENT_BYTES) {
                return None;
            }
            let Some(band) = Band::of(&ribbon, entries)? else { continue };
            let mut bytes = Vec::with_capacity(length);
            header.write(&mut bytes);
            band.solve(u32::from(width), &mut bytes)?;
            return Some((bytes, count));
        }
    }
    None
}

/// Equations, each of which begins at a slot of its own.
struct Band {
    coefficients: Vec<u128>,
    fingerprints: Vec<u64>,
}

impl Band {
    /// `None` within where equations contradict each other, and without where an id is outside of the range.
    fn of(ribbon: &Ribbon, entries: &[(Id, i64)]) -> Option<Option<Self>> {
        let slots = usize::try_from(ribbon.slots).ok()?;
        let mut band = Self { coefficients: vec![0; slots], fingerprints: vec![0; slots] };
        for (id, _) in entries {
            let equation = ribbon.equation(id)?;
            let (mut at, mut left) = (usize::try_from(equation.start).ok()?, equation.coefficients);
            let mut fingerprint = equation.fingerprint;
            loop {
                let there = band.coefficients.get_mut(at)?;
                let said = band.fingerprints.get_mut(at)?;
                if *there == 0 {
                    (*there, *said) = (left, fingerprint);
                    break;
                }
                left ^= *there;
                fingerprint ^= *said;
                if left == 0 {
                    if fingerprint == 0 {
                        break;
                    }
                    return Some(None);
                }
                let zeros = left.trailing_zeros();
                left = left.checked_shr(zeros)?;
                at = at.checked_add(usize::try_from(zeros).ok()?)?;
            }
        }
        Some(Some(band))
    }

    /// Appends the slots: from the last to the first, each is what its equation makes it, and 0 where there is none.
    fn solve(&self, width: u32, bytes: &mut Vec<u8>) -> Option<()> {
        let width = usize::try_from(width).ok()?;
        let block = usize::try_from(BLOCK).ok()?;
        let mut columns: Vec<u128> = vec![0; self.coefficients.len().checked_div(block)?.checked_mul(width)?];
        // For each bit the 128 slots from the one that is solved last, the first of them lowest.
        let mut windows: Vec<u128> = vec![0; width];
        let all = self.coefficients.iter().zip(&self.fingerprints).enumerate().rev();
        for (slot, (coefficients, fingerprint)) in all {
            let first = slot.checked_div(block)?.checked_mul(width)?;
            let at = u32::try_from(slot.checked_rem(block)?).ok()?;
            for (bit, window) in windows.iter_mut().enumerate() {
                let shifted = *window << 1;
                let parity = u128::from((shifted & coefficients).count_ones() & 1);
                let said = u128::from(fingerprint.checked_shr(u32::try_from(bit).ok()?)? & 1);
                let solved = if *coefficients == 0 { 0 } else { parity ^ said };
                *window = shifted | solved;
                *columns.get_mut(first.checked_add(bit)?)? |= solved.checked_shl(at)?;
            }
        }
        columns.iter().for_each(|column| bytes.extend(column.to_le_bytes()));
        Some(())
    }
}
