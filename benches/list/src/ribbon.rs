//! A bumped ribbon filter (Dillinger, Hübschle-Schneider, Sanders, Walzer: "Fast Succinct Retrieval and Approximate
//! Membership using Ribbon", 2022), written for the comparison: with 64 coefficients and thresholds of two bits.
//!
//! A key stands for an equation over GF(2): the parity of 64 slots from its start on, as its coefficients pick them, is
//! its fingerprint. There are fewer slots than keys; where a bucket's equations would contradict each other, the keys
//! at its left end are bumped to a next, smaller layer. It draws no randomness: the same ids give the same bits. What is
//! lost is the ids' order and, with it, any listing of what is in it.

use crate::contest::List;
use crate::ids::mix;

pub(crate) struct Ribbon {
    error_bits: u32,
    layers: Vec<Layer>,
    /// What no layer took: a few ids, whole.
    rest: Vec<u128>,
}

struct Layer {
    slots: u64,
    /// Two bits for each bucket: which of [`THRESHOLDS`] the starts of its keys must reach.
    thresholds: Vec<u8>,
    /// For each 64 slots one word for each bit of a fingerprint.
    columns: Vec<u64>,
}

/// An id as a layer sees it.
#[derive(Clone, Copy)]
struct Equation {
    start: u64,
    coefficients: u64,
    fingerprint: u64,
}

impl Ribbon {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let mut layers = Vec::new();
        let mut bumped;
        let mut left = ids;
        while left.len() >= TOO_FEW && layers.len() < MOST_LAYERS {
            let (layer, over) = Layer::new(left, layers.len() as u64, error_bits);
            layers.push(layer);
            bumped = over;
            left = &bumped;
        }
        let mut rest = left.to_vec();
        rest.sort_unstable();
        Self { error_bits, layers, rest }
    }
}

impl List for Ribbon {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        for (level, layer) in self.layers.iter().enumerate() {
            let equation = Equation::of(id, level as u64, layer.slots, self.error_bits);
            if !layer.bumps(equation.start) {
                return layer.fulfils(equation, self.error_bits);
            }
        }
        self.rest.binary_search(&id).is_ok()
    }

    fn bits(&self) -> u64 {
        let of = |layer: &Layer| {
            // 64 bits for the number of slots.
            layer.slots * u64::from(self.error_bits) + layer.slots.div_ceil(BUCKET) * 2 + 64
        };
        self.layers.iter().map(of).sum::<u64>() + self.rest.len() as u64 * 128
    }
}

impl Layer {
    /// The layer that holds most of the ids, and the ids that it bumps.
    fn new(ids: &[u128], level: u64, error_bits: u32) -> (Self, Vec<u128>) {
        let slots = ((ids.len() as f64 * SLOTS_TO_A_KEY) as u64 / 64 + 1) * 64;
        let mut keys: Vec<(Equation, u128)> =
            ids.iter().map(|&id| (Equation::of(id, level, slots, error_bits), id)).collect();
        if level > 0 {
            keys.sort_by_key(|(equation, id)| (equation.start, *id));
        }
        let mut band = Band { coefficients: vec![0; slots as usize], fingerprints: vec![0; slots as usize] };
        let mut thresholds = vec![0; slots.div_ceil(BUCKET * 4) as usize];
        let mut bumped = Vec::new();
        for bucket in keys.chunk_by(|(left, _), (right, _)| left.start / BUCKET == right.start / BUCKET) {
            let number = bucket[0].0.start / BUCKET;
            let code = band.take(bucket);
            thresholds[number as usize / 4] |= (code as u8) << (number % 4 * 2);
            let low = bucket.iter().take_while(|(equation, _)| equation.start % BUCKET < THRESHOLDS[code]);
            bumped.extend(low.map(|(_, id)| *id));
        }
        (Self { slots, thresholds, columns: band.solve(error_bits) }, bumped)
    }

    #[inline]
    fn bumps(&self, start: u64) -> bool {
        let bucket = start / BUCKET;
        let code = self.thresholds[bucket as usize / 4] >> (bucket % 4 * 2) & 3;
        start % BUCKET < THRESHOLDS[code as usize]
    }

    #[inline]
    fn fulfils(&self, equation: Equation, error_bits: u32) -> bool {
        let (offset, width) = (equation.start % 64, error_bits as usize);
        let first = (equation.start / 64) as usize * width;
        let (here, next) = self.columns[first..][..width * 2].split_at(width);
        let mut fingerprint = equation.fingerprint;
        for (low, high) in here.iter().zip(next) {
            let slots = low >> offset | high << 1 << (63 - offset);
            if u64::from((slots & equation.coefficients).count_ones() & 1) != fingerprint & 1 {
                return false;
            }
            fingerprint >>= 1;
        }
        true
    }
}

impl Equation {
    #[inline]
    fn of(id: u128, level: u64, slots: u64, error_bits: u32) -> Self {
        let (high, low) = ((id >> 64) as u64, id as u64);
        // In the first layer starts ascend as ids do, so that nothing has to be sorted.
        let place = if level == 0 { high } else { mix(high ^ mix(low ^ level)) };
        let start = ((u128::from(place) * u128::from(slots - 63)) >> 64) as u64;
        let coefficients = mix(low.wrapping_add(level.wrapping_mul(0x9e37_79b9_7f4a_7c15))) | 1;
        let fingerprint = mix(low ^ high.rotate_left(32)) >> (64 - error_bits);
        Self { start, coefficients, fingerprint }
    }
}

/// The equations that were taken, so far solved that each begins at a slot of its own.
struct Band {
    coefficients: Vec<u64>,
    fingerprints: Vec<u64>,
}

impl Band {
    /// Takes a bucket's keys from right to left, and says which threshold keeps those that fit.
    fn take(&mut self, bucket: &[(Equation, u128)]) -> usize {
        let mut taken: Vec<(u64, usize)> = Vec::with_capacity(bucket.len());
        for (equation, _) in bucket.iter().rev() {
            match self.insert(*equation) {
                Ok(Some(slot)) => taken.push((equation.start % BUCKET, slot)),
                Ok(None) => {}
                Err(()) => {
                    let failed = equation.start % BUCKET;
                    let code =
                        THRESHOLDS.iter().position(|&least| least > failed).expect("the last bumps all");
                    for &(start, slot) in taken.iter().rev() {
                        if start < THRESHOLDS[code] {
                            self.coefficients[slot] = 0;
                            self.fingerprints[slot] = 0;
                        }
                    }
                    return code;
                }
            }
        }
        0
    }

    /// The slot that the equation got, none if it says nothing new, an error if it contradicts the others.
    fn insert(&mut self, equation: Equation) -> Result<Option<usize>, ()> {
        let Equation { start, mut coefficients, mut fingerprint } = equation;
        let mut slot = start as usize;
        loop {
            let there = self.coefficients[slot];
            if there == 0 {
                self.coefficients[slot] = coefficients;
                self.fingerprints[slot] = fingerprint;
                return Ok(Some(slot));
            }
            coefficients ^= there;
            fingerprint ^= self.fingerprints[slot];
            if coefficients == 0 {
                return if fingerprint == 0 { Ok(None) } else { Err(()) };
            }
            let skipped = coefficients.trailing_zeros();
            coefficients >>= skipped;
            slot += skipped as usize;
        }
    }

    /// What the slots hold, from the last to the first.
    fn solve(&self, error_bits: u32) -> Vec<u64> {
        let width = error_bits as usize;
        let blocks = self.coefficients.len() / 64;
        // And one block of zeros, so that two can always be looked at.
        let mut columns = vec![0; (blocks + 1) * width];
        let mut state = vec![0_u64; width];
        for block in (0..blocks).rev() {
            for slot in (block * 64..block * 64 + 64).rev() {
                let (coefficients, fingerprint) = (self.coefficients[slot], self.fingerprints[slot]);
                for (bit, column) in state.iter_mut().enumerate() {
                    let above = *column << 1;
                    let parity = u64::from((above & coefficients).count_ones()) ^ fingerprint >> bit;
                    *column = above | parity & 1;
                }
            }
            columns[block * width..][..width].copy_from_slice(&state);
        }
        columns
    }
}

/// Starts that share a threshold.
const BUCKET: u64 = 128;
/// Found by trying: with these the slots of all layers are fewest.
const THRESHOLDS: [u64; 4] = [0, 20, 60, BUCKET];
const SLOTS_TO_A_KEY: f64 = 0.95;
/// Keys of which no layer is made.
const TOO_FEW: usize = 64;
const MOST_LAYERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;

    #[test]
    fn every_id_is_found_and_others_are_as_rarely_as_promised() {
        let ids = Ids::new(100_000);
        let ribbon = Ribbon::new(&ids.sorted, 8);
        assert!(ids.sorted.iter().all(|id| ribbon.contains(*id)));
        let wrong = ids.misses.iter().filter(|id| ribbon.contains(**id)).count();
        let expected = ids.misses.len() / 256;
        assert!(wrong.abs_diff(expected) < expected / 10, "{wrong} instead of {expected}");
    }
}
