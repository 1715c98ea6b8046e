//! Gaps between fingerprints in Rice's code, with an index of blocks that are read from their beginning.

use crate::bits::{self, Bits};
use crate::contest::List;

pub(crate) struct Rice {
    blocks: u64,
    /// Of a fingerprint within its block.
    width: u32,
    /// The bits of a gap that are kept as they are; the rest is in unary.
    low: u32,
    /// Where each block begins, and where the last one ends.
    index: Vec<u32>,
    gaps: Vec<u64>,
    len: usize,
}

impl Rice {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let blocks = (ids.len() / IN_BLOCK).max(1) as u64;
        let width = error_bits + IN_BLOCK.ilog2();
        // Gaps average 2^error_bits, and half of that is the best power of two for geometric ones.
        let low = error_bits - 1;
        let mut gaps = Bits::with_capacity(ids.len() * (error_bits as usize + 2));
        let mut index = vec![0];
        let mut next = 0;
        for &id in ids {
            let (block, fingerprint) = split(id, blocks, width);
            while index.len() <= block as usize {
                index.push(u32::try_from(gaps.len()).expect("a list of less than 2^32 bits"));
                next = 0;
            }
            // What equals the one before is there already.
            if let Some(gap) = fingerprint.checked_sub(next) {
                gaps.push_unary(gap >> low);
                gaps.push(gap & ((1 << low) - 1), low);
                next = fingerprint + 1;
            }
        }
        let len = gaps.len();
        index.resize(blocks as usize + 1, u32::try_from(len).expect("a list of less than 2^32 bits"));
        Self { blocks, width, low, index, gaps: gaps.finish(), len }
    }
}

impl List for Rice {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        let (block, wanted) = split(id, self.blocks, self.width);
        let mut at = self.index[block as usize] as usize;
        let end = self.index[block as usize + 1] as usize;
        let mut next = 0;
        while at < end {
            let mut ones = bits::window(&self.gaps, at).trailing_ones();
            // Rarely as many as a word has.
            while ones.is_multiple_of(64) && ones > 0 {
                let more = bits::window(&self.gaps, at + ones as usize).trailing_ones();
                ones += more;
                if more < 64 {
                    break;
                }
            }
            at += ones as usize + 1;
            let fingerprint = next + (u64::from(ones) << self.low) + bits::read(&self.gaps, at, self.low);
            if fingerprint >= wanted {
                return fingerprint == wanted;
            }
            at += self.low as usize;
            next = fingerprint + 1;
        }
        false
    }

    fn bits(&self) -> u64 {
        (self.len + self.index.len() * 32) as u64
    }
}

#[inline]
fn split(id: u128, blocks: u64, width: u32) -> (u64, u64) {
    let place = (id >> 32) * u128::from(blocks);
    ((place >> 96) as u64, (place << 32 >> (128 - width)) as u64)
}

const IN_BLOCK: usize = 128;
