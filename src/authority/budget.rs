//! When the manifest may be written to KV again: a key takes one write a second, and a plan so many a day.

use crate::time::UnixTime;

/// What has been written today.
///
/// As long as enough is left for a write every five minutes until midnight (UTC), a change is written at once, though not within a
/// second of the last; after that, every five minutes.
///
/// ```
/// use revocable::authority::KvBudget;
/// use revocable::UnixTime;
/// let midnight = UnixTime::from_seconds(20_783 * 86_400);
/// let budget = KvBudget { per_day: 900, used: 0, last: midnight };
/// assert_eq!(budget.next(midnight.plus_seconds(2)), midnight.plus_seconds(2));
/// assert_eq!(KvBudget { used: 700, ..budget }.next(midnight.plus_seconds(2)), midnight.plus_seconds(300));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvBudget {
    /// How many writes there may be in a day.
    pub per_day: u32,
    /// How many there were on the day of the last.
    pub used: u32,
    /// When the last was.
    pub last: UnixTime,
}

impl KvBudget {
    /// When the next write may be, for whoever wants to write now.
    #[must_use]
    pub fn next(&self, now: UnixTime) -> UnixTime {
        let used = if day(now) == day(self.last) { self.used } else { 0 };
        let until_midnight = DAY_SECONDS.saturating_sub(now.as_seconds() % DAY_SECONDS);
        let reserved = until_midnight.div_ceil(SPARING_SECONDS);
        let is_ample = u64::from(used).saturating_add(reserved) < u64::from(self.per_day);
        self.last
            .plus_millis(if is_ample { LEAST_MILLIS } else { SPARING_SECONDS.saturating_mul(1000) })
            .max(now)
    }

    /// What is left when so many objects have been written.
    #[must_use]
    pub fn spend(self, writes: u32, now: UnixTime) -> Self {
        let used = if day(now) == day(self.last) { self.used } else { 0 };
        Self { used: used.saturating_add(writes), last: now, ..self }
    }
}

const fn day(instant: UnixTime) -> u64 {
    instant.as_seconds() / DAY_SECONDS
}

const DAY_SECONDS: u64 = 86_400;
/// A little more than the second that KV asks for: its clock is not ours.
const LEAST_MILLIS: u64 = 1_050;
const SPARING_SECONDS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: UnixTime = UnixTime::from_seconds(20_783 * DAY_SECONDS);

    #[test]
    fn a_day_of_changes_without_end_stays_within_the_budget_and_leaves_no_gap_above_five_minutes() {
        for per_day in [300, 900, 5_000] {
            let mut budget = KvBudget { per_day, used: 0, last: UnixTime::from_seconds(0) };
            let (mut now, mut writes) = (MIDNIGHT, 0_u32);
            loop {
                let at = budget.next(now);
                assert!(at.millis_since(now) <= SPARING_SECONDS * 1000, "{per_day}");
                if at >= MIDNIGHT.plus_seconds(DAY_SECONDS) {
                    break;
                }
                budget = budget.spend(1, at);
                (now, writes) = (at, writes + 1);
            }
            assert!((288..=per_day).contains(&writes), "{per_day}: {writes}");
        }
    }

    #[test]
    fn two_writes_of_a_key_are_never_within_a_second() {
        let budget = KvBudget { per_day: 86_400, used: 0, last: MIDNIGHT };
        let next = budget.next(MIDNIGHT);
        assert!(next.millis_since(MIDNIGHT) > 1_000, "{next:?}");
    }

    #[test]
    fn a_new_day_begins_with_all_of_it() {
        let spent = KvBudget { per_day: 900, used: 900, last: MIDNIGHT.minus_seconds(2) };
        assert_eq!(spent.next(MIDNIGHT), MIDNIGHT);
        assert_eq!(spent.spend(3, MIDNIGHT).used, 3);
    }
}
