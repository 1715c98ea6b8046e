//! Ids to measure with: as even as hashes are, and the same in every run.

/// A generator of even 64-bit numbers (splitmix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn id(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

/// Every bit of the result depends on every bit of the number.
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// What a contest is held over.
pub(crate) struct Ids {
    /// The entries, ascending.
    pub(crate) sorted: Vec<u128>,
    /// Some that are among them, in no order.
    pub(crate) hits: Vec<u128>,
    /// As many that are not.
    pub(crate) misses: Vec<u128>,
}

impl Ids {
    pub(crate) fn new(entries: usize) -> Self {
        let mut numbers = Numbers::new(entries as u64);
        let mut sorted: Vec<u128> = (0..entries).map(|_| numbers.id()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let hits = (0..QUESTIONS).map(|_| sorted[numbers.next() as usize % sorted.len()]).collect();
        let misses = (0..QUESTIONS).map(|_| numbers.id()).collect();
        Self { sorted, hits, misses }
    }
}

/// So many look-ups are timed together, each of another id, so that no cache has seen what one of them needs.
pub(crate) const QUESTIONS: usize = 1 << 20;
