//! A reader's state: whose lists it believes, the snapshot it has, and how it comes to a newer one.
//!
//! There is no I/O here. Whoever does the reading asks [`Revocations::wanted`] whether to look, hands the manifest's
//! bytes to [`Revocations::offer`], fetches what [`Incoming::missing`] names, and gives it to
//! [`Revocations::accept`]. Until that succeeds the snapshot before goes on answering.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::flow::{Answer, Authentic, Claims, Question, Verification};
use crate::freshness::{FAILURE_PAUSE_SECONDS, RETRY_SECONDS, Urgency};
use crate::key::Jwks;
use crate::time::UnixTime;

use super::manifest::{self, Manifest, SegmentName};
use super::snapshot::{Held, Snapshot, SnapshotInfo};
use super::{Segment as _, Status, Unknown};

/// An authority whose lists are believed, and for which token issuers. This is the reader's own configuration: no list
/// can widen it, and no token issuer's key set adds to it.
#[derive(Debug)]
pub struct List {
    issuer: String,
    keys: Jwks,
    speaks_for: Vec<String>,
}

impl List {
    /// Believes the lists that `authority` signs with one of `keys`, for tokens of the issuers `speaks_for`.
    #[must_use]
    pub fn new<S: Into<String>>(
        authority: impl Into<String>,
        keys: Jwks,
        speaks_for: impl IntoIterator<Item = S>,
    ) -> Self {
        let speaks_for = speaks_for.into_iter().map(Into::into).collect();
        Self { issuer: authority.into(), keys, speaks_for }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) const fn keys(&self) -> &Jwks {
        &self.keys
    }

    pub(super) fn speaks_for(&self, token_issuer: &str) -> bool {
        self.speaks_for.iter().any(|issuer| issuer == token_issuer)
    }
}

/// The revocations that a reader knows of.
#[derive(Debug)]
pub struct Revocations {
    lists: Vec<Followed>,
    attempted_at: Option<UnixTime>,
    failed_at: Option<UnixTime>,
}

/// A list, and what is known of it. A manifest never takes the place of another authority's.
#[derive(Debug)]
struct Followed {
    list: List,
    /// What is in force.
    current: Option<Current>,
    /// The newest manifest accepted: nothing older is, as long as the process lives.
    newest: Option<Seen>,
}

#[derive(Debug)]
struct Current {
    snapshot: Snapshot,
    checked_at: UnixTime,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    seq: u64,
    hash: [u8; 32],
}

/// How far an offered manifest has come.
#[derive(Debug)]
pub enum Offered {
    /// Its authority signed it; nothing else is known of it.
    Authentic(AuthenticManifest),
    /// The host is to be asked about its signature.
    Asking(AskingManifest),
}

/// A manifest that a configured authority signed.
#[derive(Debug)]
pub struct AuthenticManifest {
    text: Box<[u8]>,
    list: usize,
    authentic: Authentic,
}

/// A manifest about whose signature the host is asked.
#[derive(Debug)]
pub struct AskingManifest {
    text: Box<[u8]>,
    list: usize,
    question: Question,
}

/// What an offered manifest turned out to be.
#[derive(Debug)]
pub enum Offer {
    /// The one that is already in force: there is nothing newer.
    Unchanged,
    /// A newer one.
    Newer(Box<Incoming>),
}

/// A newer manifest whose segments are being gathered.
#[derive(Debug)]
pub struct Incoming {
    manifest: Manifest,
    list: usize,
    /// For each of the manifest's segments, in its order, the one that is at hand.
    segments: Vec<Option<Arc<Held>>>,
}

impl Revocations {
    /// Believes these lists and knows of nothing yet.
    #[must_use]
    pub fn new(lists: Vec<List>) -> Self {
        let lists = lists.into_iter().map(|list| Followed { list, current: None, newest: None }).collect();
        Self { lists, attempted_at: None, failed_at: None }
    }

    /// Whether to look for a newer manifest: at once when there is none that may be relied on; in the background when
    /// the last look is longer ago than the manifest's `ttl`, and no look has begun within the last seconds.
    #[must_use]
    pub fn wanted(&self, now: UnixTime) -> Urgency {
        let urgencies = || self.lists.iter().map(|followed| self.wanted_of(followed, now));
        [Urgency::Now, Urgency::Background]
            .into_iter()
            .find(|most| urgencies().any(|one| one == *most))
            .unwrap_or(Urgency::No)
    }

    fn wanted_of(&self, followed: &Followed, now: UnixTime) -> Urgency {
        let Some(Current { snapshot, checked_at }) = &followed.current else { return Urgency::Now };
        let ttl = snapshot.manifest().ttl();
        let tried = |at: UnixTime| at > *checked_at && at.is_within(ttl.min(RETRY_SECONDS), now);
        if now >= snapshot.manifest().expires_at() {
            Urgency::Now
        } else if checked_at.is_within(ttl, now) || self.attempted_at.is_some_and(tried) {
            Urgency::No
        } else {
            Urgency::Background
        }
    }

    /// Says that a look has begun, so that others do not begin one too. Nothing is held: when it comes to nothing, the
    /// next is due a few seconds later.
    pub fn begin(&mut self, now: UnixTime) {
        self.attempted_at = Some(now);
    }

    /// Says that a look came to nothing.
    pub fn fail(&mut self, now: UnixTime) {
        self.failed_at = Some(now);
    }

    /// Whether a look came to nothing within the last seconds, so that nobody should wait for another.
    #[must_use]
    pub fn failed_lately(&self, now: UnixTime) -> bool {
        self.failed_at.is_some_and(|at| at.is_within(FAILURE_PAUSE_SECONDS, now))
    }

    /// Takes a manifest's bytes: authentic, understood, unexpired and not older than any seen, or refused.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`], [`Error::ManifestUntrusted`], [`Error::ManifestRollback`] or
    /// [`Error::ManifestConflict`]. What is in force stays in force.
    pub fn offer(&mut self, manifest: &[u8], now: UnixTime) -> Result<Offer, Error> {
        match self.start(manifest)? {
            Offered::Authentic(manifest) => self.consider(manifest, now),
            Offered::Asking(_) => {
                Err(Error::ManifestUntrusted("its signature is left to the host, which was not asked"))
            }
        }
    }

    /// Takes a manifest's bytes, as far as the host is to be asked about their signature.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`].
    pub fn start(&self, manifest: &[u8]) -> Result<Offered, Error> {
        let (list, selected) = manifest::open(manifest, self.lists.iter().map(|followed| &followed.list))?;
        Offered::of(manifest.into(), list, selected.start())
    }

    /// Takes an authentic manifest further: understood, unexpired and not older than any seen, or refused.
    ///
    /// # Errors
    /// As [`Revocations::offer`].
    pub fn consider(&mut self, manifest: AuthenticManifest, now: UnixTime) -> Result<Offer, Error> {
        let AuthenticManifest { text, list, authentic } = manifest;
        let followed = self.lists.get_mut(list).ok_or(manifest::UNFIT)?;
        let manifest = Manifest::read(&text, &authentic, &followed.list, now)?;
        followed.not_older(&manifest)?;
        if let Some(current) = &mut followed.current
            && current.snapshot.manifest().hash() == manifest.hash()
        {
            current.checked_at = now;
            return Ok(Offer::Unchanged);
        }
        let mut held = BTreeMap::new();
        for (reference, segment) in self.snapshots().flat_map(|current| current.snapshot.held()) {
            held.insert(reference.name, segment);
        }
        let mut segments = Vec::with_capacity(manifest.segments().len());
        for reference in manifest.segments() {
            let segment = held.get(&reference.name).copied();
            if let Some(segment) = segment {
                // The bytes are the same, but this manifest may say something else of them.
                Snapshot::agree(reference, segment)?;
            }
            segments.push(segment.cloned());
        }
        Ok(Offer::Newer(Box::new(Incoming { manifest, list, segments })))
    }

    /// Puts a gathered snapshot in force.
    ///
    /// # Errors
    /// [`Error::SegmentMissing`] while one is missing; [`Error::ManifestInvalid`] when it has expired meanwhile;
    /// [`Error::ManifestRollback`] or [`Error::ManifestConflict`] when another came into force meanwhile. What is in
    /// force stays in force.
    pub fn accept(&mut self, incoming: Incoming, now: UnixTime) -> Result<(), Error> {
        let Incoming { manifest, list, segments } = incoming;
        let followed = self.lists.get_mut(list).ok_or(manifest::UNFIT)?;
        followed.not_older(&manifest)?;
        if now >= manifest.expires_at() {
            return Err(Error::ManifestInvalid("it has expired"));
        }
        let complete: Option<Vec<_>> = segments.into_iter().collect();
        let complete = complete.ok_or(Error::SegmentMissing)?;
        followed.newest = Some(Seen { seq: manifest.seq(), hash: *manifest.hash() });
        followed.current = Some(Current { snapshot: Snapshot::new(manifest, complete), checked_at: now });
        Ok(())
    }

    /// Whether a token stands, as far as is known. See [`Snapshot`] for `required`.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] when the token lacks a member that the rules require.
    pub fn status(
        &self,
        claims: &Claims,
        required: Option<&[String]>,
        now: UnixTime,
    ) -> Result<Status, Error> {
        let mut known = Status::Unknown(Unknown::NotCovered);
        let speaking = self.lists.iter().filter(|followed| followed.list.speaks_for(claims.issuer()));
        for followed in speaking {
            let status = match &followed.current {
                None => Status::Unknown(Unknown::NoSnapshot),
                Some(current) => current.snapshot.check(claims, required, now)?,
            };
            known = match (known, status) {
                (_, revoked @ Status::Revoked { .. }) => return Ok(revoked),
                // A list that leaves the issuer to others says nothing of it.
                (known, Status::Unknown(Unknown::NotCovered)) => known,
                (Status::Unknown(Unknown::NotCovered) | Status::NotRevoked, status) => status,
                (known, _) => known,
            };
        }
        Ok(known)
    }

    /// The snapshot in force; of the first list that has one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshots().next().map(|current| &current.snapshot)
    }

    /// How current the snapshot in force is; of several lists, the one that was made the longest ago.
    #[must_use]
    pub fn info(&self, now: UnixTime) -> Option<SnapshotInfo> {
        let infos = self.snapshots().map(|Current { snapshot, checked_at }| SnapshotInfo {
            seq: snapshot.manifest().seq(),
            age_millis: now.millis_since(snapshot.manifest().issued_at()),
            checked_millis_ago: now.millis_since(*checked_at),
        });
        infos.max_by_key(|info| (info.age_millis, info.seq))
    }

    fn snapshots(&self) -> impl Iterator<Item = &Current> {
        self.lists.iter().filter_map(|followed| followed.current.as_ref())
    }
}

impl Followed {
    fn not_older(&self, manifest: &Manifest) -> Result<(), Error> {
        match &self.newest {
            Some(seen) if manifest.seq() < seen.seq => {
                Err(Error::ManifestRollback { seen: seen.seq, offered: manifest.seq() })
            }
            Some(seen) if manifest.seq() == seen.seq && *manifest.hash() != seen.hash => {
                Err(Error::ManifestConflict { seq: seen.seq })
            }
            _ => Ok(()),
        }
    }
}

impl Offered {
    fn of(text: Box<[u8]>, list: usize, verified: Result<Verification, Error>) -> Result<Self, Error> {
        let verified = verified.map_err(|error| match error {
            // It may be a good one.
            Error::EngineUnavailable => error,
            _ => manifest::UNFIT,
        });
        match verified? {
            Verification::Authentic(authentic) => {
                Ok(Self::Authentic(AuthenticManifest { text, list, authentic }))
            }
            Verification::Asking(question) => Ok(Self::Asking(AskingManifest { text, list, question })),
        }
    }
}

impl AskingManifest {
    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Goes on with what the host said. Its word is believed, as [`Question::answer`] says.
    ///
    /// # Errors
    /// [`Error::ManifestUntrusted`]; [`Error::EngineUnavailable`] when the host could not be asked.
    pub fn answer(self, answer: Answer) -> Result<Offered, Error> {
        Offered::of(self.text, self.list, self.question.answer(answer))
    }
}

impl Incoming {
    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The segments that are not at hand yet, each once.
    #[must_use]
    pub fn missing(&self) -> Vec<SegmentName> {
        let mut missing: Vec<SegmentName> = Vec::new();
        for (reference, segment) in self.manifest.segments().iter().zip(&self.segments) {
            if segment.is_none() && !missing.contains(&reference.name) {
                missing.push(reference.name);
            }
        }
        missing
    }

    /// Gives a segment's bytes, whose hash is computed here.
    ///
    /// # Errors
    /// [`Error::SegmentHashMismatch`] when they are not the bytes of any segment wanted; [`Error::SegmentInvalid`] when
    /// they are, but are malformed.
    pub fn supply(&mut self, bytes: Arc<[u8]>) -> Result<(), Error> {
        let name = SegmentName::of(&bytes);
        self.supply_hashed(name, bytes)
    }

    /// Gives a segment's bytes together with the name made from a digest the host computed *over these very bytes*;
    /// `crypto.subtle` hashes many times faster than Wasm that has just started.
    ///
    /// # Errors
    /// As [`Incoming::supply`].
    pub fn supply_hashed(&mut self, name: SegmentName, bytes: Arc<[u8]>) -> Result<(), Error> {
        let references = || self.manifest.segments().iter().filter(|reference| reference.name == name);
        if references().next().is_none() {
            return Err(Error::SegmentHashMismatch);
        }
        // Before anything is read: no segment is longer than its manifest said.
        if references().any(|reference| u64::try_from(bytes.len()) != Ok(reference.bytes)) {
            return Err(Error::SegmentInvalid("its length is not the manifest's"));
        }
        let segment = Arc::new(Held::open(bytes)?);
        references().try_for_each(|reference| Snapshot::agree(reference, &segment))?;
        for (reference, place) in self.manifest.segments().iter().zip(&mut self.segments) {
            if reference.name == name {
                *place = Some(Arc::clone(&segment));
            }
        }
        Ok(())
    }
}
