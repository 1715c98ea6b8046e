//! Sizes as people write them.

/// Reads `1048576`, `512KiB`, `64MiB` or `2GiB`, in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, &'static str> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| digits);
    let bytes = number.and_then(|number| number.checked_mul(1_u64.checked_shl(shift)?));
    bytes.ok_or("expected a number of bytes, or one with KiB, MiB or GiB")
}

/// A size as people read it.
pub(crate) fn shown(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = bytes.saturating_mul(10).checked_div(unit).unwrap_or(0);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

/// As a number with a fraction: far below 2^53, which those hold exactly.
pub(crate) fn number(count: u64) -> f64 {
    let high = f64::from(u32::try_from(count >> 32).unwrap_or(u32::MAX));
    let low = f64::from(u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX));
    high * 4_294_967_296.0 + low
}

/// To the hundredth.
pub(crate) fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_powers_of_1024_and_nothing_else() {
        for (text, wanted) in
            [("0", 0), ("1048576", 1 << 20), ("1KiB", 1024), ("64MiB", 64 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(bytes(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "KiB", "1 MiB", "1M", "1.5GiB", "-1", "+1", "1kib", "18446744073709551615GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_unit_that_it_has_at_least_one_of() {
        let shown: Vec<String> = [1023, 1024, 1 << 20, (5 << 30) / 2].into_iter().map(shown).collect();
        assert_eq!(shown, ["1023 bytes", "1.0 KiB", "1.0 MiB", "2.5 GiB"]);
    }

    #[test]
    fn numbers_with_a_fraction_are_exact_and_rounded_to_the_hundredth() {
        assert!((number(5 << 40) - 5_497_558_138_880.0).abs() < 0.5);
        assert!((hundredths(52.126) - 52.13).abs() < 1e-9);
    }
}
