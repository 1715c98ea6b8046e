//! Reading numbers of any width out of bytes. What lies outside reads as 0, so that nothing here can fail.

/// Bits in a word.
pub(super) const WORD: usize = 64;
/// Bytes in a word.
pub(super) const WORD_BYTES: usize = 8;

/// The `index`th 64-bit word of `bytes`.
pub(super) fn word(bytes: &[u8], index: usize) -> u64 {
    bytes.as_chunks().0.get(index).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The 16-bit number with this index.
pub(super) fn read_i16(bytes: &[u8], index: usize) -> i16 {
    bytes.as_chunks().0.get(index).map_or(0, |chunk| i16::from_le_bytes(*chunk))
}

/// The number of `width` bits, 1 to 64, that begins at a bit. Eight bytes more than it needs must follow where it is the
/// last one: they are read with it.
pub(super) fn packed(bytes: &[u8], at: usize, width: u32) -> u64 {
    let byte = at >> 3;
    // At most 7.
    let shift = low_bits(at, 7);
    let mut number = read_u64(bytes, byte) >> shift;
    if shift.wrapping_add(width) > u64::BITS {
        let ninth = bytes.get(byte.wrapping_add(WORD_BYTES)).copied().unwrap_or(0);
        // Here the shift is at least 1.
        number |= u64::from(ninth) << (u64::BITS.wrapping_sub(shift) & 63);
    }
    number & mask(width)
}

/// As many low bits as `width` says, 1 to 64.
pub(super) const fn mask(width: u32) -> u64 {
    u64::MAX >> (u64::BITS.wrapping_sub(width) & 63)
}

/// How many zeros there are in the parts of a word.
///
/// All parts are counted at once, and no processor's own counting is used: what is built for all of them may not ask for it.
#[derive(Clone, Copy)]
pub(super) struct Zeros {
    word: u64,
    pairs: u64,
    nibbles: u64,
    /// Up to the end of each byte.
    sums: u64,
}

impl Zeros {
    pub(super) const fn of(word: u64) -> Self {
        let zeros = !word;
        let pairs = zeros.wrapping_sub(zeros >> 1 & 0x5555_5555_5555_5555);
        let nibbles = (pairs & 0x3333_3333_3333_3333).wrapping_add(pairs >> 2 & 0x3333_3333_3333_3333);
        let bytes = nibbles.wrapping_add(nibbles >> 4) & 0x0f0f_0f0f_0f0f_0f0f;
        Self { word: zeros, pairs, nibbles, sums: bytes.wrapping_mul(ONES) }
    }

    /// How many there are in the whole word.
    pub(super) const fn count(self) -> u64 {
        self.sums >> 56
    }

    /// Where the `nth` of them (counted from 0) is. There are more than `nth`. It takes no branch: none could be foreseen.
    pub(super) fn select(self, nth: u64) -> u32 {
        const TOPS: u64 = 0x8080_8080_8080_8080;
        // The top bit of each byte up to whose end there are no more than `nth`: those before the one that is looked for.
        let before = (nth.wrapping_mul(ONES) | TOPS).wrapping_sub(self.sums) & TOPS;
        let byte = (before >> 7).wrapping_mul(ONES) >> 56;
        let mut at = narrow(byte << 3 & 63);
        let mut left = nth.wrapping_sub((self.sums << 8).wrapping_shr(at) & 0xff);
        for (counts, size) in [(self.nibbles, 4_u32), (self.pairs, 2), (self.word, 1)] {
            let here = counts.wrapping_shr(at) & mask(size);
            let is_further = left >= here;
            left = left.wrapping_sub(if is_further { here } else { 0 });
            at = at.wrapping_add(if is_further { size } else { 0 });
        }
        at & 63
    }
}

/// A number below 64.
const fn narrow(number: u64) -> u32 {
    // No conversion from 64 bits to 32 is known to fit by its type alone.
    #[expect(clippy::as_conversions)]
    let number = number as u32;
    number
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The low bits of a position as a shift.
pub(super) fn low_bits(at: usize, mask: usize) -> u32 {
    u32::try_from(at & mask).unwrap_or(0)
}

fn read_u64(bytes: &[u8], start: usize) -> u64 {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zero_that_is_found_is_the_one_that_counting_finds() {
        for word in [0, 1, u64::MAX >> 1, 0x8000_0000_0000_0001, 0xaaaa_aaaa_5555_5555, 0x00ff_00ff_f0f0_1234]
        {
            assert_eq!(Zeros::of(word).count(), u64::from(word.count_zeros()));
            let zeros: Vec<u32> = (0..64).filter(|bit| word >> bit & 1 == 0).collect();
            for (nth, place) in zeros.iter().enumerate() {
                assert_eq!(Zeros::of(word).select(u64::try_from(nth).unwrap()), *place, "{word:x} {nth}");
            }
        }
    }

    #[test]
    fn a_number_is_read_wherever_it_lies_and_whatever_its_width() {
        let bytes: Vec<u8> = (0..32_u8).map(|byte| byte.wrapping_mul(151).wrapping_add(43)).collect();
        let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
        for width in 1..=64_u32 {
            for at in 0..128_usize {
                let wanted =
                    (0..width).fold(0, |sum, nth| sum | bit(at + usize::try_from(nth).unwrap()) << nth);
                assert_eq!(packed(&bytes, at, width), wanted, "{width} bits at {at}");
            }
        }
    }

    #[test]
    fn outside_there_are_zeros() {
        assert_eq!((packed(&[255], 64, 64), word(&[255], 1), read_i16(&[1], 0)), (0, 0, 0));
    }
}
