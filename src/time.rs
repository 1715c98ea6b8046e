//! Instants: [`UnixTime`] for clocks and token dates, [`Cutoff`] for "issued before".
//!
//! Both are whole milliseconds since 1970-01-01T00:00:00Z. The library calls no clock; whoever calls it says what time
//! it is.

use crate::limits::MAX_UNIX_SECONDS;

/// An instant, in whole milliseconds since the Unix epoch.
///
/// ```
/// use revocable::UnixTime;
/// assert_eq!(UnixTime::from_seconds(1_790_000_000).as_millis(), 1_790_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The instant `seconds` after the epoch. Later than the year 9999 becomes the end of that year.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        let seconds = if seconds > MAX_UNIX_SECONDS { MAX_UNIX_SECONDS } else { seconds };
        Self(seconds.saturating_mul(1000))
    }

    /// The instant `millis` milliseconds after the epoch, such as JavaScript's `Date.now()`.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        let last = MAX_UNIX_SECONDS.saturating_mul(1000);
        Self(if millis > last { last } else { millis })
    }

    /// Reads a NumericDate (RFC 7519 §2): a JSON number of seconds, fractions and exponents allowed, rounded down to
    /// the millisecond. `None` when it is negative, not finite or later than the year 9999.
    #[must_use]
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        whole_millis(seconds, f64::floor).map(Self)
    }

    /// [`UnixTime::from_numeric_date`], rounded up: for asking whether it has come.
    pub(crate) fn from_numeric_date_up(seconds: f64) -> Option<Self> {
        whole_millis(seconds, f64::ceil).map(Self)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This instant moved later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// This instant moved earlier, to the epoch at most.
    #[must_use]
    pub const fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds.saturating_mul(1000)))
    }

    /// This instant moved later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant moved earlier, to the epoch at most.
    #[must_use]
    pub const fn minus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Whether this is one of the last `seconds` before `now`. An instant that has not come yet is not: when a clock has
    /// been set back, nothing is recent but what happens from then on.
    #[must_use]
    pub const fn is_within(self, seconds: u64, now: Self) -> bool {
        self.0 <= now.0 && now.0 < self.plus_seconds(seconds).0
    }

    /// How long after `earlier` this is, in milliseconds; zero when it is not after it.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An instant before which matching tokens count as revoked, in whole milliseconds since the epoch.
///
/// A token is before a cutoff when `iat` × 1000 < cutoff: one issued at the very instant still stands. Clock tolerance
/// never applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cutoff(u64);

impl Cutoff {
    /// Reads `before`, in seconds with fractions, rounded *up* to the millisecond, so that rounding never lets a token
    /// through. `None` when it is negative, not finite or later than the year 9999.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        whole_millis(seconds, f64::ceil).map(Self)
    }

    /// The cutoff `millis` milliseconds after the epoch; `None` when later than the year 9999.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis > MAX_UNIX_SECONDS.saturating_mul(1000) { None } else { Some(Self(millis)) }
    }

    /// The cutoff `millis` milliseconds after the epoch; later than the year 9999 becomes the end of that year.
    pub(crate) const fn saturating_from_millis(millis: u64) -> Self {
        Self(UnixTime::from_millis(millis).0)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whether a token issued at `issued_at` is revoked by this cutoff. A token that does not say when it was issued
    /// counts as issued before every cutoff.
    #[must_use]
    pub fn revokes(self, issued_at: Option<UnixTime>) -> bool {
        issued_at.is_none_or(|instant| instant.0 < self.0)
    }
}

/// Seconds to whole milliseconds. Around 1.8e9 an f64 of seconds is exact to a quarter of a microsecond, so decimal
/// milliseconds such as `1790000000.1` come out a hair off; within a microsecond of a whole millisecond they are that
/// millisecond, and only otherwise is there anything to round.
fn whole_millis(seconds: f64, round: fn(f64) -> f64) -> Option<u64> {
    const HAIR: f64 = 0.001;
    // `as` is checked by the range just tested; there is no fallible conversion from f64 in the standard library.
    #[expect(clippy::as_conversions)]
    let limit = MAX_UNIX_SECONDS as f64;
    if !(0.0..=limit).contains(&seconds) {
        return None;
    }
    let millis = seconds * 1000.0;
    let nearest = millis.round();
    let whole = if (millis - nearest).abs() < HAIR { nearest } else { round(millis) };
    #[expect(clippy::as_conversions)]
    Some(whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_date_with_fraction_or_exponent_is_read_as_rfc_7519_says() {
        assert_eq!(UnixTime::from_numeric_date(1.79e9).unwrap().as_millis(), 1_790_000_000_000);
        assert_eq!(UnixTime::from_numeric_date(1_790_000_000.5).unwrap().as_millis(), 1_790_000_000_500);
        assert_eq!(UnixTime::from_numeric_date(1_790_000_000.1).unwrap().as_millis(), 1_790_000_000_100);
        assert_eq!(UnixTime::from_numeric_date(1_790_000_000.000_9).unwrap().as_millis(), 1_790_000_000_000);
    }

    #[test]
    fn a_negative_huge_or_infinite_date_is_no_date() {
        for wrong in [-1.0, -0.001, 1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(UnixTime::from_numeric_date(wrong), None);
            assert_eq!(Cutoff::from_seconds(wrong), None);
        }
    }

    #[test]
    fn a_cutoff_is_never_rounded_down() {
        assert_eq!(Cutoff::from_seconds(1_790_000_000.000_1).unwrap().as_millis(), 1_790_000_000_001);
        assert_eq!(Cutoff::from_seconds(1_790_000_000.5).unwrap().as_millis(), 1_790_000_000_500);
    }

    #[test]
    fn a_token_issued_at_the_cutoff_stands_and_one_before_does_not() {
        let cutoff = Cutoff::from_seconds(1_790_000_000.5).unwrap();
        assert!(cutoff.revokes(UnixTime::from_numeric_date(1_790_000_000.0)));
        assert!(cutoff.revokes(UnixTime::from_numeric_date(1_790_000_000.499)));
        assert!(!cutoff.revokes(UnixTime::from_numeric_date(1_790_000_000.5)));
        assert!(cutoff.revokes(None), "no iat is issued before everything");
    }

    #[test]
    fn an_instant_that_has_not_come_yet_is_not_recent() {
        let now = UnixTime::from_seconds(1_790_000_000);
        assert!(now.is_within(5, now));
        assert!(now.is_within(5, now.plus_seconds(4)));
        assert!(!now.is_within(5, now.plus_seconds(5)));
        assert!(!now.plus_millis(1).is_within(5, now));
    }

    #[test]
    fn an_instant_past_the_year_9999_saturates() {
        assert_eq!(UnixTime::from_seconds(u64::MAX).as_seconds(), MAX_UNIX_SECONDS);
        assert_eq!(UnixTime::from_millis(u64::MAX).as_seconds(), MAX_UNIX_SECONDS);
        assert_eq!(UnixTime::from_seconds(1).plus_seconds(u64::MAX).as_seconds(), MAX_UNIX_SECONDS);
    }
}
