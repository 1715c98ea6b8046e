//! What a snapshot says of itself, whatever is revoked in it.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::key::Jwks;
use crate::limits::{
    EXPIRED_ENTRY_GRACE_SECONDS, MAX_COVERED_ISSUERS, MAX_LAYERS, MAX_SEGMENT_BYTES, MAX_SEQ,
};
use crate::revocation::{ID_HASH, Manifest, Salt};
use crate::time::UnixTime;

use super::table::Record;
use super::wire::{WireManifest, hex};
use super::{Epsilon, invalid};

/// What a snapshot says of itself.
///
/// Defaults: `seq` 1, [`Epsilon::DEFAULT`], `ttl` 60 seconds, valid for 7 days, segments of at most 1 MiB, all entries of a
/// table in one layer whenever they expire.
#[derive(Clone, Debug)]
pub struct Terms {
    pub(super) authority: String,
    pub(super) salt: Salt,
    pub(super) now: UnixTime,
    pub(super) seq: u64,
    pub(super) prev: Option<[u8; 32]>,
    pub(super) epsilon: Epsilon,
    ttl: u64,
    valid_for: u64,
    pub(super) covers: BTreeSet<String>,
    pub(super) max_segment: u64,
    pub(super) expiry_windows: u8,
    prune_before: Option<UnixTime>,
}

impl Terms {
    /// A snapshot of `authority`, made at `now`.
    #[must_use]
    pub fn new(authority: impl Into<String>, salt: Salt, now: UnixTime) -> Self {
        Self {
            authority: authority.into(),
            salt,
            now,
            seq: 1,
            prev: None,
            epsilon: Epsilon::DEFAULT,
            ttl: DEFAULT_TTL_SECONDS,
            valid_for: DEFAULT_VALID_FOR_SECONDS,
            covers: BTreeSet::new(),
            max_segment: DEFAULT_SEGMENT_BYTES,
            expiry_windows: 1,
            prune_before: None,
        }
    }

    /// The snapshot after the one of `previous`, a manifest that one of `keys` signed: one number later, chained to it by
    /// hash, with its salt and error, covering its issuers. It may have expired.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`] when it is no such manifest;
    /// [`Error::RevocationInvalid`] when it is another authority's, or bears the last number there is.
    pub fn following(
        previous: &[u8],
        keys: &Jwks,
        authority: impl Into<String>,
        now: UnixTime,
    ) -> Result<(Self, Manifest), Error> {
        let previous = Manifest::inspect(previous, keys)?;
        let mut this = Self::new(authority, previous.salt(), now);
        if previous.authority() != this.authority {
            return Err(invalid("the previous manifest is another authority's"));
        }
        match previous.seq().checked_add(1) {
            Some(seq) if seq <= MAX_SEQ => this.seq = seq,
            _ => return Err(invalid("the previous manifest bears the last number there is")),
        }
        this.prev = Some(*previous.hash());
        this.epsilon = Epsilon::from_bits(previous.epsilon_bits()).unwrap_or(Epsilon::DEFAULT);
        this.covers.extend(previous.covered().map(str::to_owned));
        Ok((this, previous))
    }

    /// Sets the number.
    #[must_use]
    pub const fn seq(mut self, seq: u64) -> Self {
        self.seq = seq;
        self
    }

    /// Sets how seldom a decision may be wrong.
    #[must_use]
    pub const fn epsilon(mut self, epsilon: Epsilon) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets after how many seconds readers look for a newer manifest.
    #[must_use]
    pub const fn ttl(mut self, seconds: u64) -> Self {
        self.ttl = seconds;
        self
    }

    /// Sets for how many seconds the manifest may be relied on.
    #[must_use]
    pub const fn valid_for(mut self, seconds: u64) -> Self {
        self.valid_for = seconds;
        self
    }

    /// Covers a token issuer, also when nothing of it is revoked.
    #[must_use]
    pub fn cover(mut self, issuer: impl Into<String>) -> Self {
        self.covers.insert(issuer.into());
        self
    }

    /// Sets how large a segment may be, in bytes: 4 KiB to 25 MiB.
    #[must_use]
    pub fn max_segment(mut self, bytes: u64) -> Self {
        self.max_segment = bytes.clamp(LEAST_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        self
    }

    /// Puts entries that expire at about the same time into segments of their own, so that whole segments fall away: in so
    /// many windows of equal length, at most 15, and another one for entries that never expire. Each window costs a look-up,
    /// and with it log2 of their number in bits an entry; 1 makes none.
    #[must_use]
    pub fn expiry_windows(mut self, windows: u8) -> Self {
        self.expiry_windows = windows.clamp(1, MAX_LAYERS.saturating_sub(1));
        self
    }

    /// Leaves out entries that expire before this, although their tokens might still pass somewhere.
    #[must_use]
    pub const fn prune_before(mut self, instant: UnixTime) -> Self {
        self.prune_before = Some(instant);
        self
    }

    /// When it is made.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.now
    }

    /// The salt that its ids are made with.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// Whether an entry is published: not when it is taken back, nor when no token that it could match can pass any more.
    #[must_use]
    pub fn keeps(&self, record: &Record) -> bool {
        record.value().is_some() && self.is_live(record.expires())
    }

    /// An entry stays until no token that it could match can pass any more.
    pub(super) fn is_live(&self, expires: Option<UnixTime>) -> bool {
        expires.is_none_or(|expires| {
            self.now < expires.plus_seconds(EXPIRED_ENTRY_GRACE_SECONDS)
                && self.prune_before.is_none_or(|instant| expires >= instant)
        })
    }

    /// The manifest with everything but rules, segments and operations.
    pub(super) fn manifest(&self) -> Result<WireManifest<'_>, Error> {
        if self.covers.is_empty() {
            return Err(invalid("no token issuer is covered"));
        }
        if self.covers.len() > MAX_COVERED_ISSUERS {
            return Err(invalid("there are too many token issuers"));
        }
        if self.now.plus_seconds(self.valid_for).as_seconds() <= self.now.as_seconds() {
            return Err(invalid("the snapshot would expire as it is made"));
        }
        Ok(WireManifest {
            iss: &self.authority,
            iat: self.now.as_seconds(),
            exp: self.now.plus_seconds(self.valid_for).as_seconds(),
            ttl: self.ttl,
            seq: self.seq,
            prev: self.prev.map(hex),
            hash: ID_HASH,
            salt: self.salt.to_base64url(),
            epsilon: self.epsilon.to_string(),
            covers: self.covers.iter().map(String::as_str).collect(),
            rules: Vec::new(),
            segments: Vec::new(),
            recent: Vec::new(),
        })
    }
}

/// So that a change moves little and a reader can fetch in parallel.
const DEFAULT_SEGMENT_BYTES: u64 = 1024 * 1024;
/// Smaller ones would mostly be header and manifest.
const LEAST_SEGMENT_BYTES: u64 = 4096;
const DEFAULT_TTL_SECONDS: u64 = 60;
const DEFAULT_VALID_FOR_SECONDS: u64 = 7 * 24 * 3600;
