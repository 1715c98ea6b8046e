//! Numbers of any width up to 64 bits, packed one after the other.

/// Bits as they are written, the lowest first.
#[derive(Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn with_capacity(bits: usize) -> Self {
        Self { words: Vec::with_capacity(bits.div_ceil(64) + 1), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends the lowest `width` bits of a number that has no others.
    pub(crate) fn push(&mut self, value: u64, width: u32) {
        let offset = self.len % 64;
        if offset == 0 {
            self.words.push(value);
        } else {
            *self.words.last_mut().expect("there is a word that is not full") |= value << offset;
            if offset + width as usize > 64 {
                self.words.push(value >> (64 - offset));
            }
        }
        self.len += width as usize;
        // A number that ends with a word leaves nothing behind; one of width 0 that began a word has to.
        self.words.truncate(self.len.div_ceil(64));
    }

    /// Appends so many ones, and a zero.
    pub(crate) fn push_unary(&mut self, mut ones: u64) {
        while ones >= 32 {
            self.push(u64::from(u32::MAX), 32);
            ones -= 32;
        }
        self.push((1 << ones) - 1, ones as u32 + 1);
    }

    /// The words, and one more of zeros, so that [`read`] may always look at two.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        self.words.push(0);
        self.words
    }
}

/// The `width` bits (1 to 64) from `at` on.
#[inline]
pub(crate) fn read(words: &[u64], at: usize, width: u32) -> u64 {
    window(words, at) & (u64::MAX >> (64 - width))
}

/// The 64 bits from `at` on.
#[inline]
pub(crate) fn window(words: &[u64], at: usize) -> u64 {
    let (word, offset) = (at / 64, at % 64);
    // In two steps, as a shift by 64 is none.
    words[word] >> offset | words[word + 1] << 1 << (63 - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let numbers: Vec<(u64, u32)> =
            (0..500_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1 + at as u32 % 64)).collect();
        let mut bits = Bits::default();
        for (value, width) in &numbers {
            bits.push(value >> (64 - width), *width);
        }
        let words = bits.finish();
        let mut at = 0;
        for (value, width) in numbers {
            assert_eq!(read(&words, at, width), value >> (64 - width));
            at += width as usize;
        }
    }

    #[test]
    fn ones_are_counted_up_to_the_zero() {
        let mut bits = Bits::default();
        for ones in [0, 1, 31, 32, 33, 100] {
            bits.push_unary(ones);
        }
        assert_eq!(bits.len(), 197 + 6);
        let words = bits.finish();
        assert_eq!(words.iter().map(|word| word.count_ones()).sum::<u32>(), 197);
    }
}
