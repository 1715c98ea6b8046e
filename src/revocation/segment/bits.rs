//! Reading numbers of any width out of bytes. What lies outside reads as 0, so that nothing here can fail.

/// Bytes in a word.
const WORD_BYTES: usize = 8;

/// The 16-bit number at a byte.
pub(super) fn read_i16(bytes: &[u8], start: usize) -> i16 {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| i16::from_le_bytes(*chunk))
}

/// The 32-bit number at a byte.
pub(super) fn read_u32(bytes: &[u8], start: usize) -> u32 {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// The 64-bit number at a byte.
pub(super) fn read_u64(bytes: &[u8], start: usize) -> u64 {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The number of `width` bits, 1 to 64, that begins at a bit. Eight bytes more than it needs must follow where it is the
/// last one: they are read with it.
#[inline]
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

/// Numbers of two bits: the greatest.
pub(super) const PAIRS: u64 = 3;

/// The sum of the 64 numbers of two bits that two words are made of.
///
/// All are added at once, and no processor's own counting is used: what is built for all of them may not ask for it.
pub(super) const fn sum_of_pairs(one: u64, other: u64) -> u64 {
    const NIBBLES: u64 = 0x3333_3333_3333_3333;
    const BYTES: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    // At most 6 each, and 12 together.
    let one = (one & NIBBLES).wrapping_add(one >> 2 & NIBBLES);
    let other = (other & NIBBLES).wrapping_add(other >> 2 & NIBBLES);
    let nibbles = one.wrapping_add(other);
    // At most 24 each, and 192 together.
    let bytes = (nibbles & BYTES).wrapping_add(nibbles >> 4 & BYTES);
    bytes.wrapping_mul(0x0101_0101_0101_0101) >> 56
}

/// The low bits of a position as a shift.
pub(super) fn low_bits(at: usize, mask: usize) -> u32 {
    u32::try_from(at & mask).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_pairs_is_the_one_that_adding_them_gives() {
        let words = [0, 1, u64::MAX, 0x8000_0000_0000_0001, 0xaaaa_aaaa_5555_5555, 0x00ff_1be4_f0f0_1234];
        for one in words {
            for other in words {
                let sum = |word: u64| (0..32).map(|pair| word >> (2 * pair) & 3).sum::<u64>();
                assert_eq!(sum_of_pairs(one, other), sum(one) + sum(other), "{one:x} {other:x}");
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
        assert_eq!((packed(&[255], 64, 64), read_u64(&[255], 1), read_i16(&[1], 0)), (0, 0, 0));
    }
}
