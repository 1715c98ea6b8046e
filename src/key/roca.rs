//! Recognises RSA moduli of a generator whose primes can be found again (CVE-2017-15361, "ROCA").
//!
//! Its primes are powers of 65537 modulo the product of the first primes, and so is their product, the modulus. That leaves
//! a mark modulo each of those primes. Keys of 2048 bits and more are made with the first 126 of them at least.

/// The 126th prime.
const LAST_PRIME: u32 = 701;

/// Whether a modulus, big-endian, bears the mark.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    // Most moduli of other generators are told at one of the first.
    (3..=LAST_PRIME)
        .filter(|number| is_prime(*number))
        .all(|prime| is_power(remainder(modulus, prime), prime))
}

fn is_prime(number: u32) -> bool {
    (2..number).all(|divisor| !number.is_multiple_of(divisor))
}

/// Whether `number` is a power of 65537 modulo `prime`.
fn is_power(number: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == number {
            return true;
        }
        power = remainder(&65_537_u32.wrapping_mul(power).to_be_bytes(), prime);
    }
    false
}

/// Nothing overflows: what is left over is less than 701.
fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest: u32, byte| {
        rest.wrapping_mul(256).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_and_powers_are_those_of_arithmetic() {
        assert_eq!(remainder(&[1, 0, 0], 7), 65_536 % 7);
        assert_eq!(remainder(&[0xff; 4], 167), u32::MAX % 167);
        let powers = |prime| (0..prime).filter(|number| is_power(*number, prime)).count();
        // 65537 is 10 modulo 11, which has two powers; it is a generator modulo 5, and 1 modulo 2.
        assert_eq!((powers(11), powers(5), powers(2)), (2, 4, 1));
    }

    #[test]
    fn there_are_125_odd_primes_up_to_the_last() {
        assert_eq!((3..=LAST_PRIME).filter(|number| is_prime(*number)).count(), 125);
    }

    #[test]
    fn a_power_of_65537_bears_the_mark_and_its_neighbours_do_not() {
        // 65537^2, in bytes.
        assert!(is_marked(&[1, 0, 2, 0, 1]));
        assert!(!is_marked(&[1, 0, 2, 0, 2]));
        assert!(!is_marked(&[1, 0, 2, 0, 3]));
    }
}
