//! When the manifest may be written to KV again: a key takes one write a second, and a plan so many a day.

use crate::time::UnixTime;

/// What has been written today.
///
/// As long as enough is left for a write every five minutes until midnight (UTC), what there is to write is written at once, though not
/// within a second of the last. After that, as much is written in advance as leaves enough ([`KvBudget::spare`]), and the rest
/// every five minutes, or less often where it takes more than one write. What is more than is left waits until midnight.
///
/// ```
/// use revocable::authority::KvBudget;
/// use revocable::UnixTime;
/// let midnight = UnixTime::from_seconds(20_783 * 86_400);
/// let budget = KvBudget { per_day: 900, used: 0, last: midnight };
/// assert_eq!(budget.next(1, midnight.plus_seconds(2)), midnight.plus_seconds(2));
/// assert_eq!(budget.next(901, midnight.plus_seconds(2)), midnight.plus_seconds(86_400));
/// assert_eq!(KvBudget { used: 600, ..budget }.next(1, midnight.plus_seconds(2)), midnight.plus_seconds(2));
/// assert_eq!(KvBudget { used: 612, ..budget }.next(1, midnight.plus_seconds(2)), midnight.plus_seconds(300));
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
    /// When so many objects may be written, a manifest and the segments that it brings, for whoever wants to write them now.
    #[must_use]
    pub fn next(&self, writes: u32, now: UnixTime) -> UnixTime {
        let soonest = self.last.plus_millis(LEAST_MILLIS).max(now);
        if writes <= self.spare(now) {
            return soonest;
        }
        let until_midnight = until_midnight(now);
        let midnight = now.plus_seconds(until_midnight).max(soonest);
        let left = self.left(now);
        if writes > left {
            return midnight;
        }
        // What is left, spread over what is left of the day.
        let even = until_midnight.saturating_mul(u64::from(writes)).div_ceil(u64::from(left.max(1)));
        self.last.plus_seconds(even.max(SPARING_SECONDS)).clamp(soonest, midnight)
    }

    /// How many may be written now without regard to what comes later.
    #[must_use]
    pub fn spare(&self, now: UnixTime) -> u32 {
        let reserved = until_midnight(now).div_ceil(SPARING_SECONDS);
        self.left(now).saturating_sub(u32::try_from(reserved).unwrap_or(u32::MAX))
    }

    /// How many more objects may be written today.
    #[must_use]
    pub fn left(&self, now: UnixTime) -> u32 {
        let used = if day(now) == day(self.last) { self.used } else { 0 };
        self.per_day.saturating_sub(used)
    }

    /// What is left when so many objects have been written.
    #[must_use]
    pub fn spend(self, writes: u32, now: UnixTime) -> Self {
        let used = self.per_day.saturating_sub(self.left(now));
        Self { used: used.saturating_add(writes), last: now, ..self }
    }
}
const fn until_midnight(now: UnixTime) -> u64 {
    DAY_SECONDS.saturating_sub(now.as_seconds() % DAY_SECONDS)
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
                let at = budget.next(1, now);
                assert!(at.millis_since(now) <= SPARING_SECONDS * 1000, "{per_day}");
                if at >= MIDNIGHT.plus_seconds(DAY_SECONDS) {
                    break;
                }
                budget = budget.spend(1, at);
                (now, writes) = (at, writes + 1);
            }
            assert!((287..=per_day).contains(&writes), "{per_day}: {writes}");
        }
    }

    #[test]
    fn whatever_a_time_takes_a_day_stays_within_the_budget_and_ends_with_a_time() {
        for (per_day, takes) in [(300, 2), (300, 9), (300, 150), (900, 12), (900, 700), (5_000, 17)] {
            let mut budget = KvBudget { per_day, used: 0, last: UnixTime::from_seconds(0) };
            let (mut now, mut writes, mut times) = (MIDNIGHT, 0_u32, 0);
            let mut lacking = takes;
            loop {
                let at = budget.next(lacking, now);
                if at > now {
                    // In advance, as the ledger does with segments.
                    let ahead = budget.spare(now).min(lacking - 1);
                    if ahead > 0 {
                        (budget, writes, lacking) =
                            (budget.spend(ahead, now), writes + ahead, lacking - ahead);
                        continue;
                    }
                }
                if at >= MIDNIGHT.plus_seconds(DAY_SECONDS) {
                    break;
                }
                budget = budget.spend(lacking, at);
                (now, writes, times, lacking) = (at, writes + lacking, times + 1, takes);
            }
            assert!(writes <= per_day, "{per_day}, {takes}: {writes}");
            assert!(times > 0, "{per_day}, {takes}");
        }
    }

    #[test]
    fn what_is_more_than_is_left_waits_until_midnight() {
        let budget = KvBudget { per_day: 300, used: 295, last: MIDNIGHT };
        let next_day = MIDNIGHT.plus_seconds(DAY_SECONDS);
        assert_eq!(budget.next(6, MIDNIGHT.plus_seconds(40)), next_day);
        assert!(budget.next(5, MIDNIGHT.plus_seconds(40)) <= next_day);
        assert_eq!(budget.next(6, next_day), next_day);
    }

    #[test]
    fn two_writes_of_a_key_are_never_within_a_second() {
        let budget = KvBudget { per_day: 86_400, used: 0, last: MIDNIGHT };
        let next = budget.next(1, MIDNIGHT);
        assert!(next.millis_since(MIDNIGHT) > 1_000, "{next:?}");
    }

    #[test]
    fn a_new_day_begins_with_all_of_it() {
        let spent = KvBudget { per_day: 900, used: 900, last: MIDNIGHT.minus_seconds(2) };
        assert_eq!(spent.next(1, MIDNIGHT), MIDNIGHT);
        assert_eq!(spent.spend(3, MIDNIGHT).used, 3);
    }
}
