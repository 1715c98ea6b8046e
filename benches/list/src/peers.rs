//! What people use today.

use std::collections::HashSet;
use std::hash::Hash;

use fastbloom::BloomFilter;
use xorf::{BinaryFuse8, BinaryFuse16, BinaryFuse32, Filter};

use crate::contest::List;
use crate::sorted::Sorted;

impl Sorted {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        // A stranger meets each of the entries with the error that the bits leave.
        let bits = error_bits + ids.len().next_power_of_two().ilog2();
        let width = bits.div_ceil(8) as usize;
        let mut cut: Vec<u8> = Vec::with_capacity(ids.len() * width);
        for id in ids {
            cut.extend(&id.to_be_bytes()[..width]);
        }
        Self::from_bytes(cut, width)
    }
}

impl List for Sorted {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.has(&id.to_be_bytes())
    }

    fn bits(&self) -> u64 {
        self.bytes().len() as u64 * 8
    }
}

/// The standard library's set, as it comes: exact, and with a hash that nobody can aim at.
pub(crate) struct Hashed<T>(HashSet<T>);

impl<T: Eq + Hash + From16> Hashed<T> {
    pub(crate) fn new(ids: &[u128]) -> Self {
        Self(ids.iter().map(|id| T::of(*id)).collect())
    }
}

impl<T: Eq + Hash + From16> List for Hashed<T> {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.0.contains(&T::of(id))
    }

    fn bits(&self) -> u64 {
        // Of the table's places, a power of two, seven of eight may be taken; each has a byte of its own beside it.
        let places = (self.0.capacity() as u64 * 8 / 7).next_power_of_two();
        places * 8 * (size_of::<T>() as u64 + 1)
    }
}

/// What an id may be kept as.
pub(crate) trait From16 {
    fn of(id: u128) -> Self;
}

impl From16 for u128 {
    fn of(id: u128) -> Self {
        id
    }
}

impl From16 for [u8; 16] {
    fn of(id: u128) -> Self {
        id.to_be_bytes()
    }
}

/// fastbloom's, which reads 64 bits of hash of each id: at 2^-50 two ids would be the same too often.
pub(crate) struct Bloom(BloomFilter);

impl Bloom {
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let error = (-f64::from(error_bits)).exp2();
        let mut filter = BloomFilter::with_false_pos(error).seed(&0).expected_items(ids.len());
        filter.insert_all(ids);
        Self(filter)
    }
}

impl List for Bloom {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.0.contains(&id)
    }

    fn bits(&self) -> u64 {
        self.0.num_bits() as u64
    }
}

/// A bit for each place that an id may have: what one read at a random place among so many bytes takes.
pub(crate) struct Bitmap {
    words: Vec<u64>,
    places: u64,
}

impl Bitmap {
    /// With so many bits for each entry.
    pub(crate) fn new(ids: &[u128], bits_per_entry: u64) -> Self {
        let places = ids.len() as u64 * bits_per_entry;
        let mut bitmap = Self { words: vec![0; places.div_ceil(64) as usize], places };
        for id in ids {
            let place = bitmap.place(*id);
            bitmap.words[(place / 64) as usize] |= 1 << (place % 64);
        }
        bitmap
    }

    fn place(&self, id: u128) -> u64 {
        let fraction = u128::from(key(id));
        ((fraction * u128::from(self.places)) >> 64) as u64
    }
}

impl List for Bitmap {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        let place = self.place(id);
        self.words[(place / 64) as usize] >> (place % 64) & 1 == 1
    }

    fn bits(&self) -> u64 {
        self.words.len() as u64 * 64
    }
}

/// A binary fuse filter of xorf's.
pub(crate) struct Fuse<F>(F);

/// Those whose fingerprints fit the error.
pub(crate) trait FuseWidth: Filter<u64> + for<'a> TryFrom<&'a Vec<u64>, Error = &'static str> {
    const BITS: u64;
}

impl FuseWidth for BinaryFuse8 {
    const BITS: u64 = 8;
}

impl FuseWidth for BinaryFuse16 {
    const BITS: u64 = 16;
}

impl FuseWidth for BinaryFuse32 {
    const BITS: u64 = 32;
}

impl<F: FuseWidth> Fuse<F> {
    pub(crate) fn new(ids: &[u128]) -> Self {
        let mut keys: Vec<u64> = ids.iter().map(|id| key(*id)).collect();
        // Two with the same key would never fit.
        keys.dedup();
        Self(F::try_from(&keys).expect("keys that differ"))
    }
}

impl<F: FuseWidth> List for Fuse<F> {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.0.contains(&key(id))
    }

    fn bits(&self) -> u64 {
        self.0.len() as u64 * F::BITS
    }
}

fn key(id: u128) -> u64 {
    (id >> 64) as u64
}
