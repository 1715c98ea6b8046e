//! How often anybody may ask: a bucket for each, filled at a steady rate.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::error::Error;
use crate::time::UnixTime;

/// How often each may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often in a second, in the long run; at least 1.
    pub per_second: u32,
    /// How often at once; at least 1.
    pub burst: u32,
}

/// What each has left: an actor that has proved who it is, or a [`network`]. It is of one place, such as an isolate: what is
/// asked of others is not counted.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    buckets: BTreeMap<String, Bucket>,
}

/// What is left, when it was counted. A thousandth of a request comes in a millisecond for each in a second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    thousandths: u64,
    at: UnixTime,
}

impl Rate {
    /// Of whoever revokes, asks by a key or logs out, where nothing is said.
    pub const DEFAULT: Self = Self { per_second: 50, burst: 200 };
    /// Of readers of the list, where nothing is said: many gates may be behind one address.
    pub const READERS: Self = Self { per_second: 500, burst: 2000 };

    fn full(self) -> u64 {
        u64::from(self.burst).saturating_mul(1000)
    }
}

/// Whom a request is counted for that has not proved to be of anybody: its sender's IPv4 address, or the /64 that its IPv6 address
/// is in, because whoever has one address of that has all of them. Those whose address is not known are counted together.
#[must_use]
pub fn network(address: Option<&str>) -> String {
    let address = address.and_then(|address| address.trim().parse::<IpAddr>().ok());
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & SLASH_64))
        }
        None => "unknown".to_owned(),
    }
}

/// The first 64 bits of an IPv6 address: what a network is given, of which its hosts may use any (RFC 4291 §2.5.4).
const SLASH_64: u128 = u128::MAX << 64;

impl Buckets {
    /// The most that are told apart. Where there are more, the one that has the most left is forgotten, and a newcomer has what that
    /// one had left. So nobody is given a full bucket by coming from many addresses: all together they get what so many buckets
    /// hold. Nor does whoever does that take much from others, unless it keeps all of these buckets empty.
    pub const MOST: usize = 1024;

    /// Full ones.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self { rate, buckets: BTreeMap::new() }
    }

    /// Takes what a request costs. What costs more than there is room for takes a full bucket.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when there is not that much left; then nothing is taken.
    pub fn take(&mut self, who: &str, cost: u32, now: UnixTime) -> Result<(), Error> {
        let rate = self.rate;
        if let Some(bucket) = self.buckets.get_mut(who) {
            return bucket.take(rate, cost, now);
        }
        let mut bucket = if self.buckets.len() < Self::MOST { None } else { self.forget_fullest(now) }
            .unwrap_or(Bucket { thousandths: rate.full(), at: now });
        let taken = bucket.take(rate, cost, now);
        self.buckets.insert(who.to_owned(), bucket);
        taken
    }

    /// Gives back what was taken for a request that is not to be counted after all.
    pub fn give_back(&mut self, who: &str, cost: u32) {
        let full = self.rate.full();
        if let Some(bucket) = self.buckets.get_mut(who) {
            let back = u64::from(cost).saturating_mul(1000);
            bucket.thousandths = bucket.thousandths.saturating_add(back).min(full);
        }
    }

    fn forget_fullest(&mut self, now: UnixTime) -> Option<Bucket> {
        let fullest = self.buckets.iter().max_by_key(|(_, bucket)| bucket.filled(self.rate, now));
        let fullest = fullest.map(|(who, _)| who.clone())?;
        self.buckets.remove(&fullest)
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
        Buckets::new(Rate { per_second, burst })
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
    fn what_is_given_back_was_not_taken() {
        let mut buckets = buckets(1, 2);
        for _ in 0..5 {
            assert_eq!(buckets.take("a", 2, NOW), Ok(()));
            buckets.give_back("a", 2);
        }
        buckets.give_back("a", u32::MAX);
        assert_eq!(buckets.take("a", 2, NOW), Ok(()));
        assert_eq!(buckets.take("a", 1, NOW), refused(1), "no more than it holds");
        buckets.give_back("never seen", 2);
        assert_eq!(buckets.buckets.len(), 1);
    }

    #[test]
    fn a_newcomer_past_the_most_has_what_the_fullest_had_left() {
        let mut buckets = buckets(1, 3);
        for who in 0..Buckets::MOST {
            let cost = if who == 7 { 1 } else { 3 };
            assert_eq!(buckets.take(&who.to_string(), cost, NOW), Ok(()));
        }
        // The seventh had two left, and the others nothing.
        assert_eq!((buckets.take("new", 1, NOW), buckets.take("new", 1, NOW)), (Ok(()), Ok(())));
        assert_eq!(buckets.take("new", 1, NOW), refused(1));
        assert_eq!(buckets.take("newest", 1, NOW), refused(1));
        assert_eq!(buckets.buckets.len(), Buckets::MOST);
        // Three seconds later all are full, and a newcomer's is, too.
        assert_eq!(buckets.take("latest", 3, NOW.plus_seconds(3)), Ok(()));
        assert_eq!(buckets.take("latest", 1, NOW.plus_seconds(3)), refused(1));
    }

    #[test]
    fn many_addresses_get_no_more_than_so_many_buckets_hold() {
        let (mut buckets, mut passed) = (buckets(1, 2), 0);
        for _ in 0..4 {
            for who in 0..3 * Buckets::MOST {
                passed += usize::from(buckets.take(&who.to_string(), 1, NOW).is_ok());
            }
        }
        assert_eq!(passed, 2 * Buckets::MOST);
    }

    #[test]
    fn one_with_many_addresses_leaves_others_nearly_all() {
        let mut buckets = buckets(1, 100);
        assert_eq!(buckets.take("flood", 100, NOW), Ok(()));
        for who in 0..10 * Buckets::MOST {
            assert_eq!(buckets.take(&format!("one of many {who}"), 1, NOW), Ok(()));
        }
        assert_eq!(buckets.take("flood", 1, NOW), refused(1), "who floods is not forgotten");
        assert_eq!(buckets.take("reader", 80, NOW), Ok(()), "a reader that comes now");
    }

    #[test]
    fn a_network_is_an_address_or_the_64_that_it_is_in() {
        for (address, expected) in [
            (Some("203.0.113.7"), "203.0.113.7"),
            (Some(" 203.0.113.7 "), "203.0.113.7"),
            (Some("::ffff:203.0.113.7"), "203.0.113.7"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
            (Some("2001:DB8:1:2::"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:3::"), "2001:db8:1:3::/64"),
            (Some(""), "unknown"),
            (Some("203.0.113.7, 198.51.100.1"), "unknown"),
            (Some("203.0.113.7:80"), "unknown"),
            (None, "unknown"),
        ] {
            assert_eq!(network(address), expected, "{address:?}");
        }
    }
}
