//! A ribbon: a set that takes fewer bits, and whose entries cannot be listed. The layout is described at [`super::Segment`].
//!
//! After Dillinger and Walzer, "Ribbon filter: practically smaller than Bloom and Xor" (2021): every id stands for an equation
//! over GF(2), the parity of those of 128 consecutive slots which its coefficients pick is its fingerprint, and the slots hold a
//! solution of all equations at once. An id that was not put in has a fingerprint that the slots do not foresee.

use crate::revocation::Id;

use super::header::{BLOCK, HEADER_BYTES, Header};

/// Bytes of one bit of all slots of a block.
pub(super) const COLUMN_BYTES: usize = 16;

/// A ribbon over bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ribbon {
    pub(super) prefix_bits: u8,
    pub(super) shard: u32,
    pub(super) slots: u32,
    pub(super) width: u32,
    pub(super) seed: u8,
}

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Equation {
    /// The first of 128 slots.
    pub(super) start: u32,
    /// Which of them: the first one always.
    pub(super) coefficients: u128,
    /// The parity of each of the slots' bits, in as many low bits.
    pub(super) fingerprint: u64,
}

impl Ribbon {
    /// What the header says, and how long the whole is.
    pub(super) fn of(header: &Header, seed: u8) -> Option<(Self, usize)> {
        let this = Self {
            prefix_bits: header.prefix_bits,
            shard: header.shard,
            slots: header.cells,
            width: header.width,
            seed,
        };
        let columns =
            usize::try_from(header.cells / BLOCK).ok()?.checked_mul(usize::try_from(header.width).ok()?)?;
        Some((this, columns.checked_mul(COLUMN_BYTES)?.checked_add(HEADER_BYTES)?))
    }

    /// Whether an id has the fingerprint that the slots foresee.
    pub(super) fn contains(&self, bytes: &[u8], id: &Id) -> bool {
        let Some(Equation { start, coefficients, fingerprint }) = self.equation(id) else { return false };
        let columns = bytes.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<COLUMN_BYTES>().0;
        let width = usize::try_from(self.width).unwrap_or(0);
        let first = usize::try_from(start / BLOCK).unwrap_or(0).wrapping_mul(width);
        let offset = start % BLOCK;
        // The coefficients of the slots in the block of the first, and of those in the one behind it.
        let (here, behind) = (coefficients << offset, (coefficients >> 1).wrapping_shr(127 ^ offset));
        let column = |index: usize| columns.get(index).map_or(0, |column| u128::from_le_bytes(*column));
        let mut left = fingerprint;
        for index in first..first.wrapping_add(width) {
            let picked = column(index) & here ^ column(index.wrapping_add(width)) & behind;
            if parity(picked) != left & 1 {
                return false;
            }
            left >>= 1;
        }
        true
    }

    /// What an id stands for; `None` where its leading bits are others.
    pub(super) fn equation(&self, id: &Id) -> Option<Equation> {
        let mut number = id.as_number();
        if self.prefix_bits != 0 {
            if number >> (u128::BITS.wrapping_sub(u32::from(self.prefix_bits)) & 127)
                != u128::from(self.shard)
            {
                return None;
            }
            number <<= self.prefix_bits;
        }
        // The next 64 bits are a fraction of 1, and say where it starts, so that starts ascend as ids do. The same bits say
        // everything else: whoever knows so much of an id can tell whether the ribbon has it.
        let starts = u64::from(self.slots.wrapping_sub(BLOCK).wrapping_add(1));
        let high = u64::try_from(number >> 64).unwrap_or(0);
        let (upper, lower) = (high >> 32, high & 0xffff_ffff);
        let start = upper.wrapping_mul(starts).wrapping_add(lower.wrapping_mul(starts) >> 32) >> 32;
        let first = mix(high ^ u64::from(self.seed).wrapping_mul(STEP));
        let second = mix(first);
        Some(Equation {
            start: u32::try_from(start).unwrap_or(0),
            coefficients: u128::from(first) << 64 | u128::from(second) | 1,
            fingerprint: mix(second) >> (u64::BITS.wrapping_sub(self.width) & 63),
        })
    }
}

/// A step of SplitMix64 (Steele, Lea, Flood 2014): its increment, then its finalizer. What comes in are bits of a cryptographic hash: whoever picks values to
/// make equations contradict each other has the publisher take the other structure, and gains a
/// longer build and a larger list.
pub(super) const fn mix(number: u64) -> u64 {
    let sum = number.wrapping_add(STEP);
    let once = (sum ^ sum >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ once >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ twice >> 31
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// 1 where the number of ones is odd.
fn parity(of: u128) -> u64 {
    let half = u64::try_from((of ^ of >> 64) & u128::from(u64::MAX)).unwrap_or(0);
    u64::from(half.count_ones() & 1)
}
