//! Reading numbers of any width out of bytes. What lies outside reads as 0, so that nothing here can fail.

/// Bits in a word.
pub(super) const WORD: usize = 64;
/// Bytes in a word.
pub(super) const WORD_BYTES: usize = 8;

/// The `index`th 64-bit word of `bytes`.
pub(super) fn word(bytes: &[u8], index: usize) -> u64 {
    read_u64(bytes, index.wrapping_mul(WORD_BYTES))
}

/// The 32-bit number with this index.
pub(super) fn read_u32(bytes: &[u8], index: usize) -> u32 {
    let start = index.wrapping_mul(4);
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
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

/// Where the `nth` (counted from 0) zero of a word is. There are more than `nth` of them.
pub(super) fn select_zero(word: u64, nth: u32) -> u32 {
    let mut zeros = !word;
    let mut left = nth;
    let mut place = 0;
    for half in [32_u32, 16, 8, 4, 2, 1] {
        let low = (zeros & mask(half)).count_ones();
        if left >= low {
            left = left.wrapping_sub(low);
            zeros >>= half;
            place |= half;
        }
    }
    place
}

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
            let zeros: Vec<u32> = (0..64).filter(|bit| word >> bit & 1 == 0).collect();
            for (nth, place) in zeros.iter().enumerate() {
                assert_eq!(select_zero(word, u32::try_from(nth).unwrap()), *place, "{word:x} {nth}");
            }
        }
    }

    #[test]
    fn a_number_is_read_wherever_it_lies_and_whatever_its_width() {
        let bytes: Vec<u8> = (0..32_u8).map(|byte| byte.wrapping_mul(151).wrapping_add(43)).collect();
        let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
        for width in 1..=64_u32 {
            for at in 0..128_usize {
                let wanted = (0..width).fold(0, |sum, nth| sum | bit(at + nth as usize) << nth);
                assert_eq!(packed(&bytes, at, width), wanted, "{width} bits at {at}");
            }
        }
    }

    #[test]
    fn outside_there_are_zeros() {
        assert_eq!((packed(&[255], 64, 64), word(&[255], 1), read_u32(&[1, 2], 0)), (0, 0, 0));
    }
}
