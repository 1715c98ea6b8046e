//! How often anybody may ask: a bucket of tokens for each actor, filled at a steady rate.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::time::UnixTime;

/// How often each actor may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often in a second, in the long run; at least 1.
    pub per_second: u32,
    /// How often at once; at least 1.
    pub burst: u32,
}

/// What each actor has left. It is of one place, such as an isolate: what is asked of others is not counted.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    actors: BTreeMap<String, Bucket>,
    strangers: Bucket,
}

/// What is left, when it was counted. A thousandth of a request comes in a millisecond for each in a second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    thousandths: u64,
    at: UnixTime,
}

impl Rate {
    /// Where nothing is said.
    pub const DEFAULT: Self = Self { per_second: 50, burst: 200 };

    fn full(self) -> u64 {
        u64::from(self.burst).saturating_mul(1000)
    }
}

impl Buckets {
    /// The most actors that are told apart. An authority has a key or a client for each, so that only those who ask for
    /// themselves can be more.
    pub const MOST_ACTORS: usize = 1024;

    /// Full ones.
    #[must_use]
    pub fn new(rate: Rate, now: UnixTime) -> Self {
        let strangers = Bucket { thousandths: rate.full(), at: now };
        Self { rate, actors: BTreeMap::new(), strangers }
    }

    /// Takes what a request costs from whoever has proved to be this actor. What costs more than there is room for takes a full
    /// bucket.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when there is not that much left; then nothing is taken.
    pub fn take(&mut self, actor: &str, cost: u32, now: UnixTime) -> Result<(), Error> {
        let rate = self.rate;
        if let Some(bucket) = self.actors.get_mut(actor) {
            return bucket.take(rate, cost, now);
        }
        if self.actors.len() >= Self::MOST_ACTORS {
            // Whose bucket is full again has as much left as somebody who never asked.
            self.actors.retain(|_, bucket| bucket.filled(rate, now) < rate.full());
        }
        if self.actors.len() >= Self::MOST_ACTORS {
            return self.strangers.take(rate, cost, now);
        }
        let mut bucket = Bucket { thousandths: rate.full(), at: now };
        let taken = bucket.take(rate, cost, now);
        self.actors.insert(actor.to_owned(), bucket);
        taken
    }

    /// Counts a request of somebody who did not prove to be anybody. All of these share one bucket, because whatever such a
    /// request says of itself its sender may choose. Those who do prove it never draw on it while there is room for them.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when there have been too many.
    pub fn take_unknown(&mut self, now: UnixTime) -> Result<(), Error> {
        self.strangers.take(self.rate, 1, now)
    }
}

impl Bucket {
    /// What is in it now. When the clock has been set back, nothing has come.
    fn filled(&self, rate: Rate, now: UnixTime) -> u64 {
        let came = now.millis_since(self.at).saturating_mul(rate.per_second.into());
        self.thousandths.saturating_add(came).min(rate.full())
    }

    fn take(&mut self, rate: Rate, cost: u32, now: UnixTime) -> Result<(), Error> {
        let wanted = u64::from(cost).saturating_mul(1000).min(rate.full());
        *self = Self { thousandths: self.filled(rate, now), at: now };
        match self.thousandths.checked_sub(wanted) {
            Some(left) => {
                self.thousandths = left;
                Ok(())
            }
            None => {
                let lacking = wanted.saturating_sub(self.thousandths);
                let in_a_second = u64::from(rate.per_second).max(1).saturating_mul(1000);
                Err(Error::RateLimited { retry_after: lacking.div_ceil(in_a_second).max(1) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

    fn buckets(per_second: u32, burst: u32) -> Buckets {
        Buckets::new(Rate { per_second, burst }, NOW)
    }

    fn refused(retry_after: u64) -> Result<(), Error> {
        Err(Error::RateLimited { retry_after })
    }

    #[test]
    fn an_actor_may_ask_so_often_at_once_and_then_as_the_bucket_fills() {
        let mut buckets = buckets(2, 3);
        for _ in 0..3 {
            assert_eq!(buckets.take("key:a", 1, NOW), Ok(()));
        }
        assert_eq!(buckets.take("key:a", 1, NOW), refused(1));
        assert_eq!(buckets.take("key:a", 1, NOW.plus_millis(499)), refused(1));
        assert_eq!(buckets.take("key:a", 1, NOW.plus_millis(500)), Ok(()), "what was refused cost nothing");
        assert_eq!(buckets.take("key:a", 1, NOW.plus_millis(500)), refused(1));
        assert_eq!(buckets.take("key:b", 1, NOW.plus_millis(500)), Ok(()), "another has a bucket of its own");
        for _ in 0..3 {
            assert_eq!(buckets.take("key:a", 1, NOW.plus_seconds(3600)), Ok(()), "no more than it holds");
        }
        assert_eq!(buckets.take("key:a", 1, NOW.plus_seconds(3600)), refused(1));
    }

    #[test]
    fn whoever_may_not_ask_is_told_when_it_may() {
        let mut buckets = buckets(2, 10);
        assert_eq!(buckets.take("key:a", 10, NOW), Ok(()));
        for (cost, seconds) in [(1, 1), (2, 1), (3, 2), (10, 5), (u32::MAX, 5)] {
            assert_eq!(buckets.take("key:a", cost, NOW), refused(seconds), "{cost}");
        }
        assert_eq!(buckets.take("key:a", 10, NOW.plus_millis(4999)), refused(1));
        assert_eq!(
            buckets.take("key:a", u32::MAX, NOW.plus_seconds(5)),
            Ok(()),
            "a full bucket pays for anything"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_and_takes_nothing() {
        let mut buckets = buckets(1, 2);
        assert_eq!(buckets.take("key:a", 2, NOW), Ok(()));
        let earlier = NOW.minus_seconds(100);
        assert_eq!(buckets.take("key:a", 1, earlier), refused(1));
        assert_eq!(buckets.take("key:a", 1, earlier.plus_seconds(1)), Ok(()));
    }

    #[test]
    fn strangers_share_one_bucket_which_is_nobody_elses() {
        let mut buckets = buckets(1, 2);
        assert_eq!((buckets.take_unknown(NOW), buckets.take_unknown(NOW)), (Ok(()), Ok(())));
        assert_eq!(buckets.take_unknown(NOW), refused(1));
        assert_eq!(buckets.take("key:a", 2, NOW), Ok(()));
        assert_eq!(buckets.take_unknown(NOW.plus_seconds(1)), Ok(()));
    }

    #[test]
    fn no_more_actors_are_remembered_than_there_is_room_for() {
        let mut buckets = buckets(1, 2);
        for actor in 0..Buckets::MOST_ACTORS {
            assert_eq!(buckets.take(&actor.to_string(), 2, NOW), Ok(()));
        }
        // All of them have asked a moment ago, so that nobody's bucket may be forgotten.
        assert_eq!(buckets.take("new", 1, NOW), Ok(()));
        assert_eq!(buckets.take("newer", 1, NOW), Ok(()));
        assert_eq!(buckets.take("newest", 1, NOW), refused(1), "they share the strangers'");
        assert_eq!(buckets.take("0", 1, NOW), refused(1));
        assert_eq!(buckets.actors.len(), Buckets::MOST_ACTORS);
        // Two seconds later all are full, and as good as new.
        assert_eq!(buckets.take("newest", 2, NOW.plus_seconds(2)), Ok(()));
        assert_eq!(buckets.actors.len(), 1);
        assert_eq!(buckets.take("newest", 1, NOW.plus_seconds(2)), refused(1));
    }
}
