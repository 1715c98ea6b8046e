//! Integers into JavaScript's numbers.

/// The nearest `f64`: exact up to 2^53, which no sequence number, length or age of a snapshot passes.
pub(crate) fn from_u64(integer: u64) -> f64 {
    let [a, b, c, d, e, f, g, h] = integer.to_be_bytes();
    let high = u32::from_be_bytes([a, b, c, d]);
    let low = u32::from_be_bytes([e, f, g, h]);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}
