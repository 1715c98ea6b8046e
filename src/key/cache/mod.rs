//! An issuer's keys over time: fixed, or read from a URL and trusted for a bounded time.
//!
//! ```text
//! 0 ────────────── fresh ── lifetime ────────── due ───────────── 1 h ──▶ unavailable (503)
//! the origin's answer       1 to 30 min         answered with, read again in the background
//! ```
//!
//! Nothing is read here. Whoever reads asks for [`KeyCache::next_fetch`], reads what it names, and hands it to
//! [`KeyCache::install`], which says what to read next, if anything.

mod fetch;
mod remote;
mod saved;

use crate::engine::Engines;
use crate::error::Error;
use crate::freshness::Urgency;
use crate::time::UnixTime;

use super::discovery::Discovery;
use super::{Algorithm, Jwks};
use remote::{Remote, Source};

pub use fetch::{Fetch, Fetched};

/// The keys of one issuer.
///
/// Keys from a URL are trusted for at most 1 hour after the issuer's origin gave them, and are read again sooner: once they
/// are no longer fresh ([`crate::Freshness::lifetime_seconds`]: 10 minutes unless the answer says otherwise, and between 1
/// and 30). A key that the issuer removes thus stops working
///
/// - where there are requests, after its set's lifetime, plus the time that one reading takes: the first request after the
///   lifetime begins it, and is itself still answered with what there was;
/// - where there are none, or where reading fails, 1 hour after the origin last gave a set with it.
///
/// Both count from the origin's answer as far as caches on the way tell its age; see [`crate::Freshness::age_seconds`]
/// for those that keep it for longer than 50 minutes.
#[derive(Debug)]
pub struct KeyCache(Keys);

#[derive(Debug)]
enum Keys {
    Fixed(Jwks),
    Remote(Box<Remote>),
}

impl KeyCache {
    /// Keys that do not change.
    #[must_use]
    pub const fn fixed(jwks: Jwks) -> Self {
        Self(Keys::Fixed(jwks))
    }

    /// Keys to be read from `uri`, for an issuer's algorithms ([`crate::KeyOptions::algorithms`]).
    #[must_use]
    pub fn remote(uri: String, algorithms: Vec<Algorithm>, engines: Engines) -> Self {
        Self(Keys::Remote(Box::new(Remote::new(Source::Jwks { uri }, algorithms, engines))))
    }

    /// Keys to be read from where the issuer's metadata says, for its algorithms ([`crate::KeyOptions::algorithms`]).
    ///
    /// The metadata is read again at most once an hour, or when the keys could not be read: so an issuer that moves its keys
    /// to another URL is followed within an hour, and what the URL before still gives is trusted for one more at most.
    ///
    /// `None` when the issuer's name is no URL that may be asked ([`Discovery::metadata_uri`]).
    #[must_use]
    pub fn discovered(
        issuer: &str,
        how: Discovery,
        algorithms: Vec<Algorithm>,
        engines: Engines,
    ) -> Option<Self> {
        let source = Source::Metadata { uri: how.metadata_uri(issuer)?, issuer: issuer.to_owned() };
        Some(Self(Keys::Remote(Box::new(Remote::new(source, algorithms, engines)))))
    }

    /// The configured URL: of the key set, or of the metadata that says where it is; `None` for fixed keys.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.as_remote().map(Remote::uri)
    }

    /// What to read, and how, to have the keys anew; `None` for fixed keys.
    ///
    /// Keys that are still fresh are only read again for one that is not among them: then every cache on the way is to be
    /// passed by.
    #[must_use]
    pub fn next_fetch(&self, now: UnixTime) -> Option<Fetch> {
        self.as_remote().map(|remote| remote.next_fetch(now))
    }

    /// The keys, while they may be relied on.
    ///
    /// # Errors
    /// [`Error::JwksUnavailable`].
    pub fn current(&self, now: UnixTime) -> Result<&Jwks, Error> {
        match &self.0 {
            Keys::Fixed(jwks) => Ok(jwks),
            Keys::Remote(remote) => remote.current(now).ok_or(Error::JwksUnavailable),
        }
    }

    /// How long ago the issuer gave them, in milliseconds; `None` for fixed keys, and where there are none yet.
    #[must_use]
    pub fn age_millis(&self, now: UnixTime) -> Option<u64> {
        self.as_remote()?.read.as_ref().map(|read| now.millis_since(read.at))
    }

    /// Whether to read them again.
    #[must_use]
    pub fn wanted(&self, now: UnixTime) -> Urgency {
        self.as_remote().map_or(Urgency::No, |remote| remote.wanted(now))
    }

    /// Whether to read them again, or to wait for who does, because a token may be signed with a key that is not among
    /// them: at most once in 30 seconds after the origin was last asked, whatever tokens come, so that strangers cannot turn
    /// a gate against its issuer.
    #[must_use]
    pub fn wanted_for_unknown_key(&self, now: UnixTime) -> bool {
        self.as_remote().is_some_and(|remote| remote.wanted_for_unknown_key(now))
    }

    /// Says that reading has begun, so that others do not begin too.
    pub fn begin(&mut self, now: UnixTime) {
        if let Some(remote) = self.as_remote_mut() {
            remote.begin(now);
        }
    }

    /// Says that reading has ended, whatever came of it.
    pub fn end(&mut self) {
        if let Some(remote) = self.as_remote_mut() {
            remote.end();
        }
    }

    /// Says that reading came to nothing: it is tried again after 5 seconds, after the next failure 10, and so on up to
    /// 60, until it succeeds.
    pub fn fail(&mut self, now: UnixTime) {
        if let Some(remote) = self.as_remote_mut() {
            remote.fail(now);
        }
    }

    /// Whether reading came to nothing so lately that nobody should try again yet; see [`KeyCache::fail`].
    #[must_use]
    pub fn failed_lately(&self, now: UnixTime) -> bool {
        self.as_remote().is_some_and(|remote| remote.failed_lately(now))
    }

    /// Takes what was read, and says what to read next; `None` when the keys are there. Secrets and private keys among them
    /// are ignored: what is published is none.
    ///
    /// A key set that is older than the one at hand changes nothing.
    ///
    /// # Errors
    /// [`Error::JwksInvalid`] or [`Error::JwkInvalid`]; the keys before stay.
    pub fn install(
        &mut self,
        fetch: &Fetch,
        fetched: &Fetched<'_>,
        now: UnixTime,
    ) -> Result<Option<Fetch>, Error> {
        self.as_remote_mut().map_or(Ok(None), |remote| remote.install(fetch, fetched, now))
    }

    /// The key set in force as it was read, a JSON text; `None` for fixed keys, before the first reading, and once it may
    /// no longer be relied on.
    #[must_use]
    pub fn document(&self, now: UnixTime) -> Option<&str> {
        self.as_remote().and_then(|remote| remote.document(now))
    }

    /// The keys as they were read, to be kept where the next process finds them ([`KeyCache::seed`]): one JSON text. `None`
    /// for fixed keys and before the first reading.
    #[must_use]
    pub fn export(&self) -> Option<String> {
        self.as_remote().and_then(Remote::export)
    }

    /// Takes keys that another process exported, unless there are newer ones, so that a process that has just started can
    /// answer before it has read anything. They are trusted for as long as they were there: at most 1 hour after the
    /// issuer's origin gave them, and read again after 30 minutes at the latest.
    ///
    /// Whoever can write what is given here chooses the issuer's keys, and can sign any token: keep it where only the
    /// verifier's own can write.
    ///
    /// # Errors
    /// [`Error::JwksInvalid`] or [`Error::JwkInvalid`] when it is no export for this issuer's configured URL, when its time
    /// is over, or has not come yet; the keys before stay.
    pub fn seed(&mut self, saved: &[u8], now: UnixTime) -> Result<(), Error> {
        self.as_remote_mut().map_or(Ok(()), |remote| remote.seed(saved, now))
    }

    fn as_remote(&self) -> Option<&Remote> {
        match &self.0 {
            Keys::Fixed(_) => None,
            Keys::Remote(remote) => Some(remote),
        }
    }

    fn as_remote_mut(&mut self) -> Option<&mut Remote> {
        match &mut self.0 {
            Keys::Fixed(_) => None,
            Keys::Remote(remote) => Some(remote),
        }
    }
}
