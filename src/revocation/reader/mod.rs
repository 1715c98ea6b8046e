//! A reader's state: whose lists it believes, the snapshot it has, and how it comes to a newer one.
//!
//! There is no I/O here. Whoever does the reading asks [`Revocations::wanted`] whether to look, hands the manifest's
//! bytes to [`Revocations::offer`], fetches what [`Incoming::missing`] names, and gives it to
//! [`Revocations::accept`]. Until that succeeds the snapshot before goes on answering.
//!
//! Whoever may ask the authority itself for its newest manifest's number and hash hands the head to
//! [`Revocations::start_head`] and [`Revocations::heard`], which say whether that one is in force. By when they last did, a
//! decision can be told to go ([`crate::Policy::heard_since`]).

mod incoming;
mod room;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::error::Error;
use crate::flow::{Check, Claims, Selected};
use crate::freshness::{FAILURE_PAUSE_SECONDS, RETRY_SECONDS, Urgency};
use crate::key::Jwks;
use crate::limits::DEFAULT_RESIDENT_BYTES;
use crate::time::UnixTime;

use super::head::{Head, Heard, OfferedHead, Wanted};
use super::lacking::Confirmation;
use super::manifest::{self, Document, Manifest};
use super::snapshot::{Finding, Snapshot, SnapshotInfo};
use super::{Entry, SegmentName, Status, Unknown};

use room::{by_name, length};

pub use incoming::{AskingManifest, AuthenticManifest, Incoming, Offer, Offered};

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
    resident_limit: u64,
    /// How much earlier than the soft limit this reader looks again, in thousandths of it.
    early: u64,
}

/// A list, and what is known of it. A manifest never takes the place of another authority's.
#[derive(Debug)]
struct Followed {
    list: List,
    /// What is in force.
    current: Option<Current>,
    /// The newest manifest accepted: nothing older is, as long as the process lives.
    newest: Option<Seen>,
    /// When the authority was last asked, by a head that names what is in force.
    heard_at: Option<UnixTime>,
    /// The segments of a newer snapshot that somebody is gathering, as long as he is, and how long each is.
    gathering: Weak<BTreeMap<SegmentName, u64>>,
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

impl Revocations {
    /// Believes these lists and knows of nothing yet.
    #[must_use]
    pub fn new(lists: Vec<List>) -> Self {
        let lists = lists
            .into_iter()
            .map(|list| Followed {
                list,
                current: None,
                newest: None,
                heard_at: None,
                gathering: Weak::new(),
            })
            .collect();
        Self { lists, attempted_at: None, failed_at: None, resident_limit: DEFAULT_RESIDENT_BYTES, early: 0 }
    }

    /// Sets how many bytes of segments may be held, 48 MiB if left alone. A larger snapshot is read in parts, as tokens ask for
    /// them, and the parts that no token has asked for the longest go. While a newer snapshot is gathered there may be a quarter
    /// more.
    #[must_use]
    pub const fn resident_limit(mut self, bytes: u64) -> Self {
        self.resident_limit = bytes;
        self
    }

    /// Has this reader look for a newer manifest a little before its soft limit, so that many readers that began together do
    /// not all look at once: by a tenth of the limit where `fraction` is 1, and not at all where it is 0. Draw it at random,
    /// once for each reader.
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        // Whole thousandths of a tenth; `as` takes what is no number for 0, and saturates.
        #[expect(clippy::as_conversions)]
        let thousandths = (fraction.clamp(0.0, 1.0) * 100.0) as u64;
        self.early = thousandths;
        self
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
        // A clock that was set back makes nothing recent.
        let soft = checked_at.plus_millis(ttl.saturating_mul(1000_u64.saturating_sub(self.early)));
        if now >= snapshot.manifest().expires_at() {
            Urgency::Now
        } else if (*checked_at <= now && now < soft) || self.attempted_at.is_some_and(tried) {
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
        let (list, selected) = self.open(Document::Manifest, manifest)?;
        Offered::of(manifest.into(), list, selected.start())
    }

    fn open<'b>(&self, document: Document, bytes: &'b [u8]) -> Result<(usize, Selected<'b, '_>), Error> {
        manifest::open(document, bytes, self.lists.iter().map(|followed| &followed.list))
    }

    /// Takes a head's bytes, as far as the host is to be asked about their signature.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`].
    pub fn start_head(&self, head: &[u8]) -> Result<OfferedHead, Error> {
        let (list, selected) = self.open(Document::Head, head)?;
        OfferedHead::of(list, selected.start())
    }

    /// Says what a head makes of the manifest in force. `asked_at` is the instant, by this reader's clock, at which the authority
    /// was asked for it, or before; of one that was kept somewhere on the way, when it was asked for by whoever kept it. Where it
    /// names the manifest in force, the list is known to be as current as that.
    ///
    /// A head that is older than the manifest in force was kept somewhere, and changes nothing: everything it knew of is in
    /// force, but its `asked_at` is in doubt. After a newer one, the manifest it wants is to be put in force, and then the same
    /// head is to be handed in again.
    ///
    /// # Errors
    /// [`Error::ManifestConflict`] when it names another manifest of the number in force.
    pub fn heard(&mut self, head: &Head, asked_at: UnixTime, now: UnixTime) -> Result<Heard, Error> {
        let followed = self.lists.get_mut(head.list).ok_or(manifest::UNFIT)?;
        let newer = Ok(Heard::Newer(Wanted { seq: head.seq, hash: head.manifest }));
        let (Some(seen), Some(_)) = (&followed.newest, &followed.current) else { return newer };
        match head.seq.cmp(&seen.seq) {
            Ordering::Less => Ok(Heard::Older),
            Ordering::Greater => newer,
            Ordering::Equal if head.manifest != seen.hash => Err(Error::ManifestConflict { seq: seen.seq }),
            Ordering::Equal => {
                followed.is_newest(asked_at, now);
                Ok(Heard::Current)
            }
        }
    }

    /// Says that the authority itself gave the manifest with this hash for its newest, asked at an instant: as after a head that
    /// names it, the list is known to be as current as that. Where it is not in force (any more), nothing happens.
    pub fn is_newest(&mut self, manifest: &[u8; 32], asked_at: UnixTime, now: UnixTime) {
        for followed in &mut self.lists {
            let hash = followed.current.as_ref().map(|current| current.snapshot.manifest().hash());
            if hash == Some(manifest) {
                followed.is_newest(asked_at, now);
            }
        }
    }

    /// Whether every list has been compared with its authority's newest since an instant.
    #[must_use]
    pub fn has_heard(&self, since: UnixTime, now: UnixTime) -> bool {
        self.lists.iter().all(|followed| followed.has_heard(since, now))
    }

    /// When the authority was last asked whether the manifest in force is its newest, and said so; of several lists, the one for
    /// which that is the longest ago. `None` as long as it never was.
    #[must_use]
    pub fn heard_at(&self) -> Option<UnixTime> {
        self.lists.iter().map(|followed| followed.heard_at).min().flatten()
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
        let (snapshot, wanted) = self.gather(manifest)?;
        let shared = snapshot.held().map(|(name, segment)| (name, length(segment)));
        let all = shared.chain(wanted.iter().map(|(name, bytes)| (*name, *bytes)));
        let gathering = Arc::new(by_name(all));
        if let Some(followed) = self.lists.get_mut(list) {
            // What was being gathered of this list before is given up.
            followed.gathering = Arc::downgrade(&gathering);
        }
        self.make_room(None);
        Ok(Offer::Newer(Box::new(Incoming { list, snapshot, wanted, _gathering: gathering })))
    }

    /// Puts a gathered snapshot in force.
    ///
    /// # Errors
    /// [`Error::SegmentMissing`] while one is missing; [`Error::ManifestInvalid`] when it has expired meanwhile;
    /// [`Error::ManifestRollback`] or [`Error::ManifestConflict`] when another came into force meanwhile. What is in
    /// force stays in force.
    pub fn accept(&mut self, incoming: Incoming, now: UnixTime) -> Result<(), Error> {
        let Incoming { list, snapshot, wanted, .. } = incoming;
        let followed = self.lists.get_mut(list).ok_or(manifest::UNFIT)?;
        let manifest = snapshot.manifest();
        followed.not_older(manifest)?;
        if now >= manifest.expires_at() {
            return Err(manifest::invalid("it has expired"));
        }
        if !wanted.is_empty() {
            return Err(Error::SegmentMissing);
        }
        followed.newest = Some(Seen { seq: manifest.seq(), hash: *manifest.hash() });
        followed.current = Some(Current { snapshot, checked_at: now });
        followed.gathering = Weak::new();
        self.make_room(None);
        Ok(())
    }

    /// Gives a segment that a decision lacked ([`crate::Lack::Segment`]), with the name made from a digest of these very bytes. What
    /// was not asked for the longest makes room for it. Where no snapshot in force names it any more, nothing happens.
    ///
    /// # Errors
    /// [`Error::SegmentHashMismatch`] when the bytes are not those of `wanted`; [`Error::SegmentInvalid`] when they are, and
    /// are malformed or not what the manifest says.
    pub fn supply(&mut self, wanted: SegmentName, digest: SegmentName, bytes: Vec<u8>) -> Result<(), Error> {
        if wanted != digest {
            return Err(Error::SegmentHashMismatch);
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let segment = incoming::open(&wanted, length, bytes)?;
        let mut taken = false;
        for current in self.lists.iter_mut().filter_map(|followed| followed.current.as_mut()) {
            let supplied = current.snapshot.supply(wanted, &segment);
            taken |= supplied.map_err(|error| incoming::named(error, &wanted))?;
        }
        if taken {
            self.make_room(Some(wanted));
        }
        Ok(())
    }

    /// Gives the exact answer about an id that a decision lacked ([`crate::Lack::Confirmation`]): its entry, or `None` when it is
    /// not revoked. It is kept as long as the snapshot that it was asked about.
    pub fn confirm(&mut self, confirmation: &Confirmation, answer: Option<Entry>) {
        for current in self.lists.iter_mut().filter_map(|followed| followed.current.as_mut()) {
            current.snapshot.confirm(confirmation, answer);
        }
    }

    /// Whether a decision would lack this confirmation still: its snapshot is in force, and neither an answer nor the segment of
    /// [`Confirmation::exact`] is at hand. For a host in which several requests may lack the same.
    #[must_use]
    pub fn awaits(&self, confirmation: &Confirmation) -> bool {
        let mut currents = self.lists.iter().filter_map(|followed| followed.current.as_ref());
        currents.any(|current| current.snapshot.awaits(confirmation))
    }

    /// Whether a token stands, as far as is known. See [`Snapshot`] for `required`. A list that has not been compared with its
    /// authority's newest since `heard_since` cannot tell that it does; what it knows to be revoked it says all the same.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] when the token lacks a member that the rules require.
    pub(crate) fn find(
        &self,
        claims: &Claims,
        required: Option<&[String]>,
        heard_since: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Finding, Error> {
        let mut known = Finding::from(Status::Unknown(Unknown::NotCovered));
        let speaking = self.lists.iter().filter(|followed| followed.list.speaks_for(claims.issuer()));
        for followed in speaking {
            let mut finding = match &followed.current {
                None => Status::Unknown(Unknown::NoSnapshot).into(),
                Some(current) => current.snapshot.check(claims, required, now)?,
            };
            if heard_since.is_some_and(|since| !followed.has_heard(since, now)) {
                finding.doubt(Unknown::TooOld);
            }
            match (&known.status, &finding.status) {
                (_, Status::Revoked { .. }) => return Ok(finding),
                // A list that leaves the issuer to others says nothing of it.
                (_, Status::Unknown(Unknown::NotCovered)) => {}
                (Status::Unknown(Unknown::NotCovered) | Status::NotRevoked, _) => known = finding,
                _ => {
                    known.reasons.append(&mut finding.reasons);
                    known.lacking.append(&mut finding.lacking);
                }
            }
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
            source: Check::List,
        });
        infos.max_by_key(|info| (info.age_millis, info.seq))
    }

    fn snapshots(&self) -> impl Iterator<Item = &Current> {
        self.lists.iter().filter_map(|followed| followed.current.as_ref())
    }
}

impl Followed {
    /// A clock that was set back makes nothing recent.
    fn has_heard(&self, since: UnixTime, now: UnixTime) -> bool {
        self.heard_at.is_some_and(|at| at >= since && at <= now)
    }

    /// What is in force is what the authority, asked at an instant, had newest.
    fn is_newest(&mut self, asked_at: UnixTime, now: UnixTime) {
        let asked_at = asked_at.min(now);
        // Of two answers the one asked for later counts; a clock that was set back makes nothing late.
        let later = |before: UnixTime| if before <= now { before.max(asked_at) } else { asked_at };
        self.heard_at = Some(self.heard_at.map_or(asked_at, later));
        if let Some(current) = &mut self.current {
            // The authority is the source's own source.
            current.checked_at = later(current.checked_at);
        }
    }

    fn not_older(&self, manifest: &Manifest) -> Result<(), Error> {
        match &self.newest {
            Some(seen) if manifest.seq() < seen.seq => {
                Err(Error::ManifestRollback { seen: seen.seq, offered: manifest.seq() })
            }
            Some(seen) if manifest.seq() == seen.seq && *manifest.hash() != seen.hash => {
                Err(Error::ManifestConflict { seq: seen.seq })
            }
            // The next one, and it follows another than the one that was seen: there are two of that number.
            Some(seen)
                if Some(manifest.seq()) == seen.seq.checked_add(1)
                    && manifest.prev().is_some_and(|prev| *prev != seen.hash) =>
            {
                Err(Error::ManifestConflict { seq: seen.seq })
            }
            _ => Ok(()),
        }
    }
}
