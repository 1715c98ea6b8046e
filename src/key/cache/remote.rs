//! Keys that are read from a URL: when, how often, and for how long they are trusted.

use crate::engine::Engines;
use crate::error::Error;
use crate::freshness::{RETRY_SECONDS, Urgency};
use crate::key::discovery;
use crate::key::http_cache::MIN_FRESH_SECONDS;
use crate::key::{Algorithm, Jwks, KeyOptions, Secrets};
use crate::time::UnixTime;

use super::fetch::{Fetch, Fetched, What};

/// A key set is relied on for so many seconds after the origin's answer: 1 hour. So a key that the issuer removes stops
/// working within that time of the last answer that held it.
const RELIED_SECONDS: u64 = 3600;
/// Metadata is read again at most once in so many seconds: 1 hour.
const METADATA_SECONDS: u64 = 3600;
/// Tokens that may be signed with an unknown key make the set be read again at most once in so many seconds.
const UNKNOWN_KEY_COOLDOWN_SECONDS: u64 = 30;
/// After so many failures in a row, the pause before the next attempt no longer grows.
const MAX_RETRY_SECONDS: u64 = 60;

#[derive(Debug)]
pub(super) struct Remote {
    source: Source,
    algorithms: Vec<Algorithm>,
    engines: Engines,
    pub(super) read: Option<Read>,
    metadata: Option<Metadata>,
    looks: Looks,
}

/// What the configuration says.
#[derive(Debug)]
pub(super) enum Source {
    Jwks { uri: String },
    Metadata { uri: String, issuer: String },
}

/// A key set.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) jwks: Jwks,
    /// As it was read.
    pub(super) document: Box<str>,
    /// When the origin gave it.
    pub(super) at: UnixTime,
    pub(super) fresh_until: UnixTime,
}

#[derive(Debug)]
struct Metadata {
    jwks_uri: String,
    at: UnixTime,
}

/// When the set was last looked for.
#[derive(Debug, Default)]
struct Looks {
    begun_at: Option<UnixTime>,
    is_under_way: bool,
    /// When the origin was last asked, by us or by whoever filled the cache that answered.
    origin_asked_at: Option<UnixTime>,
    failed_at: Option<UnixTime>,
    /// In a row.
    failures: u32,
}

impl Remote {
    pub(super) fn new(source: Source, algorithms: Vec<Algorithm>, engines: Engines) -> Self {
        Self { source, algorithms, engines, read: None, metadata: None, looks: Looks::default() }
    }

    pub(super) fn uri(&self) -> &str {
        match &self.source {
            Source::Jwks { uri } | Source::Metadata { uri, .. } => uri,
        }
    }

    pub(super) fn current(&self, now: UnixTime) -> Option<&Jwks> {
        self.read.as_ref().filter(|read| read.may_be_relied_on(now)).map(|read| &read.jwks)
    }

    pub(super) fn document(&self, now: UnixTime) -> Option<&str> {
        self.read.as_ref().filter(|read| read.may_be_relied_on(now)).map(|read| &*read.document)
    }

    fn is_fresh(&self, now: UnixTime) -> bool {
        self.read.as_ref().is_some_and(|read| read.may_be_relied_on(now) && now < read.fresh_until)
    }

    pub(super) fn wanted(&self, now: UnixTime) -> Urgency {
        if self.current(now).is_none() {
            Urgency::Now
        } else if self.is_fresh(now) || self.looks.begun_lately(now) || self.looks.failed_lately(now) {
            Urgency::No
        } else {
            Urgency::Background
        }
    }

    pub(super) fn wanted_for_unknown_key(&self, now: UnixTime) -> bool {
        let asked = |at: UnixTime| at.is_within(UNKNOWN_KEY_COOLDOWN_SECONDS, now);
        let is_under_way = self.looks.is_under_way && self.looks.begun_lately(now);
        let rests = self.looks.failed_lately(now) || self.looks.origin_asked_at.is_some_and(asked);
        is_under_way || !rests
    }

    pub(super) fn begin(&mut self, now: UnixTime) {
        self.looks.begun_at = Some(now);
        self.looks.origin_asked_at = Some(now);
        self.looks.is_under_way = true;
    }

    pub(super) const fn end(&mut self) {
        self.looks.is_under_way = false;
    }

    pub(super) fn fail(&mut self, now: UnixTime) {
        self.end();
        self.looks.failed_at = Some(now);
        self.looks.failures = self.looks.failures.saturating_add(1);
        // The keys may have moved.
        self.metadata = None;
    }

    pub(super) fn failed_lately(&self, now: UnixTime) -> bool {
        self.looks.failed_lately(now)
    }

    pub(super) fn next_fetch(&self, now: UnixTime) -> Fetch {
        let passes_caches_by = self.is_fresh(now);
        let known = self.metadata.as_ref().filter(|metadata| metadata.at.is_within(METADATA_SECONDS, now));
        let (url, what) = match (&self.source, known) {
            (Source::Jwks { uri }, _) => (uri, What::Jwks),
            (Source::Metadata { .. }, Some(metadata)) => (&metadata.jwks_uri, What::Jwks),
            (Source::Metadata { uri, .. }, None) => (uri, What::Metadata),
        };
        Fetch { url: url.clone(), what, passes_caches_by }
    }

    pub(super) fn install(
        &mut self,
        fetch: &Fetch,
        fetched: &Fetched<'_>,
        now: UnixTime,
    ) -> Result<Option<Fetch>, Error> {
        // A clock that has been set back meanwhile must not make anything younger than it is.
        let asked_at = fetched.asked_at.min(now);
        let at = asked_at.minus_seconds(fetched.freshness.age_seconds());
        match (fetch.what, &self.source) {
            (What::Metadata, Source::Metadata { issuer, .. }) => {
                let jwks_uri = discovery::jwks_uri(fetched.document, issuer)?;
                self.metadata = Some(Metadata { jwks_uri: jwks_uri.clone(), at });
                Ok(Some(Fetch { url: jwks_uri, what: What::Jwks, passes_caches_by: fetch.passes_caches_by }))
            }
            (What::Metadata, Source::Jwks { .. }) => Ok(None),
            (What::Jwks, _) => {
                self.end();
                let (jwks, document) = self.parse(fetched.document)?;
                let again_at = asked_at.plus_seconds(MIN_FRESH_SECONDS);
                let fresh_until = at.plus_seconds(fetched.freshness.lifetime_seconds()).max(again_at);
                if !fetch.passes_caches_by {
                    self.looks.origin_asked_at = Some(at);
                }
                self.looks.failed_at = None;
                self.looks.failures = 0;
                match &mut self.read {
                    // A cache on the way gave what is older than what we have.
                    Some(read) if at < read.at && read.may_be_relied_on(now) => {
                        read.fresh_until = read.fresh_until.max(again_at);
                    }
                    read => *read = Some(Read { jwks, document, at, fresh_until }),
                }
                Ok(None)
            }
        }
    }

    pub(super) fn parse(&self, document: &[u8]) -> Result<(Jwks, Box<str>), Error> {
        let options =
            KeyOptions { secrets: Secrets::Ignore, algorithms: &self.algorithms, engines: self.engines };
        let jwks = Jwks::parse_with(document, &options)?;
        let text = std::str::from_utf8(document).map_err(|_| Error::JwksInvalid("not a JSON object"))?;
        Ok((jwks, text.into()))
    }
}

impl Read {
    /// An answer that has not been given yet is not relied on: it says that the clock was set back.
    pub(super) const fn may_be_relied_on(&self, now: UnixTime) -> bool {
        self.at.is_within(RELIED_SECONDS, now)
    }
}

impl Looks {
    /// One that does not say how it ended is taken to have been given up after a while.
    fn begun_lately(&self, now: UnixTime) -> bool {
        self.begun_at.is_some_and(|at| at.is_within(RETRY_SECONDS, now))
    }

    fn failed_lately(&self, now: UnixTime) -> bool {
        let doublings = self.failures.saturating_sub(1);
        let pause = RETRY_SECONDS.saturating_mul(2_u64.saturating_pow(doublings)).min(MAX_RETRY_SECONDS);
        self.failed_at.is_some_and(|at| at.is_within(pause, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::DEFAULT;
    use crate::key::Freshness;

    const JWKS: &[u8] =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const OTHER: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"other","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const START: UnixTime = UnixTime::from_seconds(1_790_000_000);
    const ISSUER: &str = "https://id.example";

    fn at(seconds: u64) -> UnixTime {
        START.plus_seconds(seconds)
    }

    fn remote() -> Remote {
        Remote::new(Source::Jwks { uri: "https://id.example/jwks".to_owned() }, Vec::new(), DEFAULT)
    }

    fn discovered() -> Remote {
        let uri = "https://id.example/.well-known/openid-configuration".to_owned();
        Remote::new(Source::Metadata { uri, issuer: ISSUER.to_owned() }, Vec::new(), DEFAULT)
    }

    fn give(
        remote: &mut Remote,
        document: &[u8],
        headers: (Option<&str>, Option<&str>),
        now: UnixTime,
    ) -> Result<Option<Fetch>, Error> {
        let fetch = remote.next_fetch(now);
        remote.begin(now);
        let freshness = Freshness::from_headers(headers.0, headers.1);
        remote.install(&fetch, &Fetched { document, asked_at: now, freshness }, now)
    }

    fn read_at_start(headers: (Option<&str>, Option<&str>)) -> Remote {
        let mut remote = remote();
        assert_eq!(remote.wanted(START), Urgency::Now);
        assert!(remote.current(START).is_none());
        assert_eq!(give(&mut remote, JWKS, headers, START), Ok(None));
        remote
    }

    /// The seconds after the start, of these, at which the keys are to be read again in the background.
    fn fresh_for(remote: &Remote) -> u64 {
        (0..3600).find(|second| remote.wanted(at(*second)) == Urgency::Background).unwrap()
    }

    fn relied_on_for(remote: &Remote) -> u64 {
        (0..7200).find(|second| remote.current(at(*second)).is_none()).unwrap()
    }

    #[test]
    fn the_set_in_force_is_told_as_it_was_read_for_as_long_as_it_is_relied_on() {
        let mut remote = remote();
        assert_eq!(remote.document(START), None);
        give(&mut remote, JWKS, (None, None), START).unwrap();
        assert_eq!(remote.document(START).map(str::as_bytes), Some(JWKS));
        assert!(remote.document(at(RELIED_SECONDS - 1)).is_some());
        assert_eq!(remote.document(at(RELIED_SECONDS + 1)), None);
    }

    #[test]
    fn keys_are_fresh_for_as_long_as_their_answer_says_counted_from_when_the_origin_gave_it() {
        assert_eq!(fresh_for(&read_at_start((None, None))), 600);
        assert_eq!(fresh_for(&read_at_start((Some("max-age=300"), None))), 300);
        assert_eq!(fresh_for(&read_at_start((Some("max-age=300"), Some("100")))), 200);
        assert_eq!(
            fresh_for(&read_at_start((Some("max-age=300"), Some("299")))),
            60,
            "never asked all the time"
        );
        assert_eq!(fresh_for(&read_at_start((Some("no-store"), None))), 60);
        assert_eq!(fresh_for(&read_at_start((Some("max-age=86400"), None))), 1800);
    }

    #[test]
    fn keys_that_cannot_be_read_again_are_relied_on_for_an_hour_after_the_origins_answer_and_no_longer() {
        let mut remote = read_at_start((None, None));
        assert!(give(&mut remote, b"<html>", (None, None), at(1000)).is_err());
        assert_eq!(relied_on_for(&remote), 3600);
        assert_eq!(remote.wanted(at(3600)), Urgency::Now);
        assert_eq!(relied_on_for(&read_at_start((None, Some("1200")))), 2400);
        assert_eq!(relied_on_for(&read_at_start((Some("max-age=86400"), None))), 3600);
    }

    #[test]
    fn keys_out_of_a_cache_that_keeps_them_for_hours_are_of_use_for_ten_minutes() {
        let remote = read_at_start((Some("max-age=86400"), Some("20000")));
        assert_eq!(fresh_for(&remote), 60);
        assert_eq!(relied_on_for(&remote), 600);
    }

    #[test]
    fn keys_that_are_older_than_those_at_hand_change_nothing() {
        let mut remote = read_at_start((None, None));
        assert_eq!(give(&mut remote, OTHER, (None, Some("700")), at(600)), Ok(None));
        assert!(remote.read.as_ref().unwrap().jwks.iter().all(|key| key.id().is_none()));
        assert_eq!(relied_on_for(&remote), 3600);
        assert_eq!(fresh_for(&remote), 660, "the next look is not put off for long");
        assert_eq!(give(&mut remote, OTHER, (None, Some("30")), at(660)), Ok(None));
        assert_eq!(remote.read.as_ref().unwrap().jwks.iter().next().unwrap().id(), Some("other"));
    }

    #[test]
    fn keys_given_at_an_instant_that_has_not_come_yet_are_not_relied_on() {
        let remote = read_at_start((None, None));
        let before = UnixTime::from_seconds(1_789_990_000);
        assert_eq!(remote.wanted(before), Urgency::Now);
        assert!(remote.current(before).is_none());
    }

    #[test]
    fn a_clock_that_is_set_back_while_keys_are_read_makes_them_no_younger() {
        let mut remote = remote();
        let fetch = remote.next_fetch(at(500));
        let fetched = Fetched { document: JWKS, asked_at: at(500), freshness: Freshness::default() };
        assert_eq!(remote.install(&fetch, &fetched, START), Ok(None));
        assert_eq!(relied_on_for(&remote), 3600);
    }

    #[test]
    fn a_reading_that_fails_is_tried_again_after_five_seconds_then_ten_and_up_to_sixty() {
        let mut remote = read_at_start((None, None));
        let mut now = at(600);
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(remote.wanted(now), Urgency::Background);
            remote.begin(now);
            remote.fail(now);
            assert!(remote.failed_lately(now.plus_seconds(pause - 1)));
            assert_eq!(remote.wanted(now.plus_seconds(pause - 1)), Urgency::No, "after {pause}");
            assert!(!remote.wanted_for_unknown_key(now.plus_seconds(pause - 1)));
            now = now.plus_seconds(pause);
            assert!(!remote.failed_lately(now));
        }
        assert_eq!(give(&mut remote, JWKS, (None, None), now), Ok(None));
        remote.fail(now.plus_seconds(600));
        assert!(!remote.failed_lately(now.plus_seconds(605)), "a success starts it anew");
        for _ in 0..100 {
            remote.fail(now);
        }
        assert!(remote.failed_lately(now.plus_seconds(59)) && !remote.failed_lately(now.plus_seconds(60)));
    }

    #[test]
    fn a_reading_of_which_nothing_is_heard_is_begun_again_after_five_seconds() {
        let mut remote = read_at_start((None, None));
        remote.begin(at(600));
        assert_eq!(remote.wanted(at(604)), Urgency::No);
        assert_eq!(remote.wanted(at(605)), Urgency::Background);
    }

    #[test]
    fn unknown_keys_make_the_set_be_read_again_once_in_thirty_seconds() {
        let mut remote = read_at_start((None, None));
        assert!(!remote.wanted_for_unknown_key(at(29)));
        assert!(remote.wanted_for_unknown_key(at(30)));
        remote.begin(at(30));
        assert!(remote.wanted_for_unknown_key(at(31)), "others wait for who reads");
        remote.end();
        assert!(!remote.wanted_for_unknown_key(at(31)));
    }

    #[test]
    fn a_set_out_of_a_cache_does_not_put_off_asking_the_origin_for_an_unknown_key() {
        let mut remote = read_at_start((None, Some("25")));
        assert!(!remote.wanted_for_unknown_key(at(4)));
        assert!(remote.wanted_for_unknown_key(at(5)));
        assert_eq!(give(&mut remote, JWKS, (None, Some("25")), at(5)), Ok(None));
        assert!(!remote.wanted_for_unknown_key(at(34)), "it was asked to pass caches by, and that counts");
        assert!(remote.wanted_for_unknown_key(at(35)));
    }

    #[test]
    fn caches_are_passed_by_only_for_keys_that_are_not_due() {
        assert!(!remote().next_fetch(START).passes_caches_by());
        let remote = read_at_start((None, None));
        assert!(remote.next_fetch(at(30)).passes_caches_by());
        assert!(remote.next_fetch(at(599)).passes_caches_by());
        assert!(!remote.next_fetch(at(600)).passes_caches_by());
        assert!(!remote.next_fetch(at(3600)).passes_caches_by());
    }

    const METADATA: &[u8] = br#"{"issuer":"https://id.example","jwks_uri":"https://keys.example/1"}"#;
    const MOVED: &[u8] = br#"{"issuer":"https://id.example","jwks_uri":"https://keys.example/2"}"#;

    #[test]
    fn an_issuers_metadata_is_read_before_its_keys_and_again_after_an_hour() {
        let mut remote = discovered();
        let first = remote.next_fetch(START);
        assert_eq!(first.url(), "https://id.example/.well-known/openid-configuration");
        let next = give(&mut remote, METADATA, (None, None), START).unwrap().unwrap();
        assert_eq!((next.url(), next.what), ("https://keys.example/1", What::Jwks));
        assert!(next.limit_bytes() > first.limit_bytes() && next.accept() != first.accept());
        assert_eq!(remote.next_fetch(START), next);
        assert_eq!(give(&mut remote, JWKS, (None, None), START), Ok(None));
        assert!(remote.current(START).is_some());
        assert_eq!(remote.next_fetch(at(3599)).url(), "https://keys.example/1");
        assert_eq!(remote.next_fetch(at(3600)).what, What::Metadata);
        let next = give(&mut remote, MOVED, (None, None), at(3600)).unwrap().unwrap();
        assert_eq!(next.url(), "https://keys.example/2");
    }

    #[test]
    fn an_issuers_metadata_is_read_again_when_the_keys_are_no_longer_where_it_says() {
        let mut remote = discovered();
        give(&mut remote, METADATA, (None, None), START).unwrap();
        remote.fail(START);
        assert_eq!(remote.next_fetch(at(5)).what, What::Metadata);
    }

    #[test]
    fn metadata_that_is_none_leaves_everything_as_it_was() {
        let mut remote = discovered();
        for wrong in [b"<html>".as_slice(), JWKS, br#"{"issuer":"x","jwks_uri":"https://keys.example/1"}"#] {
            assert!(matches!(give(&mut remote, wrong, (None, None), START), Err(Error::JwksInvalid(_))));
            assert_eq!(remote.next_fetch(START).what, What::Metadata);
        }
    }

    #[test]
    fn a_key_set_is_never_taken_for_metadata_nor_metadata_for_a_key_set() {
        let mut remote = discovered();
        let metadata_fetch = remote.next_fetch(START);
        let next = give(&mut remote, METADATA, (None, None), START).unwrap().unwrap();
        let fetched = |document| Fetched { document, asked_at: START, freshness: Freshness::default() };
        assert!(remote.install(&next, &fetched(METADATA), START).is_err());
        assert!(remote.install(&metadata_fetch, &fetched(JWKS), START).is_err());
        assert!(remote.current(START).is_none());
    }
}
