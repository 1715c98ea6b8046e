//! An issuer's keys over time: fixed, or read from a URL and trusted for a bounded time.

use crate::engine::Engines;
use crate::error::Error;
use crate::freshness::{FAILURE_PAUSE_SECONDS, RETRY_SECONDS, Urgency};
use crate::time::UnixTime;

use super::{Algorithm, Jwks, KeyOptions, Secrets};

/// A key set read less than so many seconds ago is not read again: 10 minutes.
const FRESH_SECONDS: u64 = 600;
/// A key set that cannot be read again is relied on for so many seconds after it was last read: 1 hour. So a key that
/// the issuer removes stops working within that time of the last reading that found it.
const STALE_SECONDS: u64 = 3600;
/// Tokens that name an unknown `kid` make the set be read again at most once in so many seconds, so that strangers
/// cannot turn a gate against its issuer.
const UNKNOWN_KID_COOLDOWN_SECONDS: u64 = 30;

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeyCache(Source);

#[derive(Debug)]
enum Source {
    Fixed(Jwks),
    Remote { uri: String, algorithms: Vec<Algorithm>, engines: Engines, read: Option<Read>, looks: Looks },
}

/// When the set was last looked for.
#[derive(Debug)]
struct Looks {
    begun_at: Option<UnixTime>,
    is_under_way: bool,
    failed_at: Option<UnixTime>,
}

#[derive(Debug)]
struct Read {
    jwks: Jwks,
    at: UnixTime,
}

impl KeyCache {
    /// Keys that do not change.
    #[must_use]
    pub const fn fixed(jwks: Jwks) -> Self {
        Self(Source::Fixed(jwks))
    }

    /// Keys to be read from `uri`, for an issuer's algorithms ([`KeyOptions::algorithms`]).
    #[must_use]
    pub const fn remote(uri: String, algorithms: Vec<Algorithm>, engines: Engines) -> Self {
        Self(Source::Remote {
            uri,
            algorithms,
            engines,
            read: None,
            looks: Looks { begun_at: None, is_under_way: false, failed_at: None },
        })
    }

    /// Where they are read from; `None` for fixed ones.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match &self.0 {
            Source::Fixed(_) => None,
            Source::Remote { uri, .. } => Some(uri),
        }
    }

    /// The keys, while they may be relied on.
    ///
    /// # Errors
    /// [`Error::JwksUnavailable`].
    pub fn current(&self, now: UnixTime) -> Result<&Jwks, Error> {
        match &self.0 {
            Source::Fixed(jwks) => Ok(jwks),
            Source::Remote { read: Some(read), .. } if read.at.is_within(STALE_SECONDS, now) => {
                Ok(&read.jwks)
            }
            Source::Remote { .. } => Err(Error::JwksUnavailable),
        }
    }

    /// Whether to read them again.
    #[must_use]
    pub fn wanted(&self, now: UnixTime) -> Urgency {
        match &self.0 {
            Source::Remote { read: Some(read), looks, .. } => {
                let tried = |at: UnixTime| at > read.at && at.is_within(RETRY_SECONDS, now);
                if !read.at.is_within(STALE_SECONDS, now) {
                    Urgency::Now
                } else if read.at.is_within(FRESH_SECONDS, now) || looks.begun_at.is_some_and(tried) {
                    Urgency::No
                } else {
                    Urgency::Background
                }
            }
            Source::Remote { read: None, .. } => Urgency::Now,
            Source::Fixed(_) => Urgency::No,
        }
    }

    /// Whether to read them again, or to wait for who does, because a token names a key that is not among them.
    #[must_use]
    pub fn wanted_for_unknown_key(&self, now: UnixTime) -> bool {
        match &self.0 {
            Source::Remote { looks: Looks { begun_at: Some(at), is_under_way, .. }, .. } => {
                let is_under_way = *is_under_way && at.is_within(RETRY_SECONDS, now);
                is_under_way || !at.is_within(UNKNOWN_KID_COOLDOWN_SECONDS, now)
            }
            Source::Remote { .. } => true,
            Source::Fixed(_) => false,
        }
    }

    /// Says that reading has begun, so that others do not begin too.
    pub fn begin(&mut self, now: UnixTime) {
        if let Source::Remote { looks, .. } = &mut self.0 {
            looks.begun_at = Some(now);
            looks.is_under_way = true;
        }
    }

    /// Says that reading has ended, whatever came of it.
    pub fn end(&mut self) {
        if let Source::Remote { looks, .. } = &mut self.0 {
            looks.is_under_way = false;
        }
    }

    /// Says that reading came to nothing.
    pub fn fail(&mut self, now: UnixTime) {
        self.end();
        if let Source::Remote { looks, .. } = &mut self.0 {
            looks.failed_at = Some(now);
        }
    }

    /// Whether reading came to nothing within the last seconds.
    #[must_use]
    pub fn failed_lately(&self, now: UnixTime) -> bool {
        match &self.0 {
            Source::Remote { looks, .. } => {
                looks.failed_at.is_some_and(|at| at.is_within(FAILURE_PAUSE_SECONDS, now))
            }
            Source::Fixed(_) => false,
        }
    }

    /// Takes the document that was read. Secrets in it are ignored: what is published is none.
    ///
    /// # Errors
    /// [`Error::JwksInvalid`] or [`Error::JwkInvalid`]; the keys before stay.
    pub fn install(&mut self, document: &[u8], now: UnixTime) -> Result<(), Error> {
        self.end();
        if let Source::Remote { read, algorithms, engines, .. } = &mut self.0 {
            let options = KeyOptions { secrets: Secrets::Ignore, algorithms, engines };
            *read = Some(Read { jwks: Jwks::parse_with(document, &options)?, at: now });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWKS: &[u8] =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const START: UnixTime = UnixTime::from_seconds(1_790_000_000);

    fn read_at_start() -> KeyCache {
        let mut cache =
            KeyCache::remote("https://issuer.example/jwks.json".into(), Vec::new(), crate::engine::DEFAULT);
        assert_eq!(cache.wanted(START), Urgency::Now);
        assert_eq!(cache.current(START).unwrap_err(), Error::JwksUnavailable);
        cache.begin(START);
        cache.install(JWKS, START).unwrap();
        cache
    }

    #[test]
    fn keys_are_fresh_for_ten_minutes_then_read_again_in_the_background() {
        let mut cache = read_at_start();
        assert_eq!(cache.wanted(START.plus_seconds(599)), Urgency::No);
        assert_eq!(cache.wanted(START.plus_seconds(600)), Urgency::Background);
        cache.begin(START.plus_seconds(600));
        assert_eq!(cache.wanted(START.plus_seconds(604)), Urgency::No);
        assert_eq!(cache.wanted(START.plus_seconds(605)), Urgency::Background);
    }

    #[test]
    fn keys_that_cannot_be_read_again_are_relied_on_for_an_hour_and_no_longer() {
        let mut cache = read_at_start();
        assert!(cache.install(b"<html>", START.plus_seconds(1000)).is_err());
        assert!(cache.current(START.plus_seconds(3599)).is_ok());
        assert_eq!(cache.current(START.plus_seconds(3600)).unwrap_err(), Error::JwksUnavailable);
        assert_eq!(cache.wanted(START.plus_seconds(3600)), Urgency::Now);
    }

    #[test]
    fn keys_read_at_an_instant_that_has_not_come_yet_are_read_again() {
        let cache = read_at_start();
        let before = UnixTime::from_seconds(1_789_990_000);
        assert_eq!(cache.wanted(before), Urgency::Now);
        assert!(cache.current(before).is_err());
    }

    #[test]
    fn unknown_keys_make_the_set_be_read_again_once_in_thirty_seconds() {
        let mut cache = read_at_start();
        assert!(!cache.wanted_for_unknown_key(START.plus_seconds(29)));
        assert!(cache.wanted_for_unknown_key(START.plus_seconds(30)));
        cache.begin(START.plus_seconds(30));
        assert!(cache.wanted_for_unknown_key(START.plus_seconds(31)), "others wait for who reads");
        cache.end();
        assert!(!cache.wanted_for_unknown_key(START.plus_seconds(31)));
    }
}
