//! Gathers revocations and makes the snapshot of them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Serialize;

use crate::base64url;
use crate::error::Error;
use crate::key::{Jwks, Secrets};
use crate::limits::{
    EXPIRED_ENTRY_GRACE_SECONDS, MAX_COVERED_ISSUERS, MAX_LIST_VALUES, MAX_MANIFEST_BYTES, MAX_RULES,
    MAX_SEGMENTS, MAX_SEQ,
};
use crate::revocation::{Entry, ID_HASH, Id, Kind, Manifest, Rule, Salt, SegmentName, encode, error_bits};
use crate::time::UnixTime;

use super::{Revocation, SigningKey};

/// No segment is much larger than so many bytes, so that a change moves little and a reader can fetch in parallel.
const SEGMENT_BYTES: usize = 1024 * 1024;
/// No entry has a value longer than this.
const MAX_VALUE_BYTES: usize = 8;
const DEFAULT_TTL_SECONDS: u64 = 60;
const DEFAULT_VALID_FOR_SECONDS: u64 = 7 * 24 * 3600;

/// How seldom a decision about a valid token may be wrong: at most once in 2^`bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epsilon {
    bits: u8,
}

impl Epsilon {
    /// 2^-50, about one in 10^15: what is used unless another is asked for.
    pub const DEFAULT: Self = Self { bits: 50 };
    const COARSEST_BITS: u8 = 8;
    const FINEST_BITS: u8 = 64;

    /// 2^-`bits`; `None` outside 8 to 64.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (Self::COARSEST_BITS..=Self::FINEST_BITS).contains(&bits).then_some(Self { bits })
    }
}

impl FromStr for Epsilon {
    type Err = Error;

    /// Reads `2^-50`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bits = text.strip_prefix("2^-").and_then(|bits| bits.parse().ok()).and_then(Self::from_bits);
        bits.ok_or_else(|| Error::RevocationInvalid("expected an epsilon from `2^-64` to `2^-8`".to_owned()))
    }
}

impl std::fmt::Display for Epsilon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "2^-{}", self.bits)
    }
}

/// Gathers revocations and makes a snapshot of them.
///
/// Defaults: `seq` 1, [`Epsilon::DEFAULT`], `ttl` 60 seconds, valid for 7 days.
#[derive(Debug)]
pub struct Publisher {
    authority: String,
    salt: Salt,
    now: UnixTime,
    seq: u64,
    prev: Option<[u8; 32]>,
    epsilon: Epsilon,
    ttl: u64,
    valid_for: u64,
    covers: BTreeSet<String>,
    rules: BTreeSet<Rule>,
    targets: BTreeMap<(Rule, Kind), BTreeMap<Id, Target>>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    entry: Entry,
    expires: Option<UnixTime>,
}

/// A snapshot, ready to be stored. Store the segments before the manifest that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The manifest: `manifest.jwt`.
    pub manifest: String,
    /// Its segments: `segments/<64 hex>`.
    pub segments: Vec<(SegmentName, Vec<u8>)>,
    /// The manifest's number.
    pub seq: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// How many revocations were left out because no token that they could match can pass any more.
    pub expired: u64,
}

impl Publisher {
    /// Begins an empty snapshot of `authority`, made at `now`.
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
            rules: BTreeSet::new(),
            targets: BTreeMap::new(),
        }
    }

    /// Begins the snapshot after the one of `previous`, the text of a manifest signed with `key`: one number later,
    /// chained to it by hash, with its salt, covering its issuers and knowing its rules. It may have expired.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`] when it is no such manifest;
    /// [`Error::RevocationInvalid`] when it is another authority's, or bears the last number there is.
    pub fn following(
        previous: &[u8],
        key: &SigningKey,
        authority: impl Into<String>,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let invalid = |reason: &str| Err(Error::RevocationInvalid(reason.to_owned()));
        let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
        let previous = Manifest::read_own(previous, &keys)?;
        let mut this = Self::new(authority, previous.salt(), now);
        if previous.authority() != this.authority {
            return invalid("the previous manifest is another authority's");
        }
        match previous.seq().checked_add(1) {
            Some(seq) if seq <= MAX_SEQ => this.seq = seq,
            _ => return invalid("the previous manifest bears the last number there is"),
        }
        this.prev = Some(*previous.hash());
        this.covers.extend(previous.covered().map(str::to_owned));
        this.rules.extend(previous.rules().iter().cloned());
        Ok(this)
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

    /// Adds a revocation, and covers its issuer. Of two that name the same target in the same way the later one added
    /// stands.
    pub fn add(&mut self, revocation: Revocation) {
        if !self.covers.contains(revocation.issuer()) {
            self.covers.insert(revocation.issuer().to_owned());
        }
        if !self.rules.contains(revocation.rule()) {
            self.rules.insert(revocation.rule().clone());
        }
        let kind = match revocation.entry {
            Entry::Outright => Kind::Outright,
            Entry::Cutoff(_) => Kind::Cutoff,
        };
        let target = Target { entry: revocation.entry, expires: revocation.expires };
        let key = (revocation.rule().clone(), kind);
        self.targets.entry(key).or_default().insert(revocation.id(self.salt), target);
    }

    /// Makes the snapshot.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when nothing is covered, or a limit of the manifest is passed.
    pub fn finish(self, key: &SigningKey) -> Result<Built, Error> {
        let too_many = |what: &str| Err(Error::RevocationInvalid(format!("there are too many {what}")));
        if self.covers.is_empty() {
            return Err(Error::RevocationInvalid("no token issuer is covered".to_owned()));
        }
        if self.now.plus_seconds(self.valid_for).as_seconds() <= self.now.as_seconds() {
            return Err(Error::RevocationInvalid("the snapshot would expire as it is made".to_owned()));
        }
        if self.covers.len() > MAX_COVERED_ISSUERS {
            return too_many("token issuers");
        }
        if self.rules.len() > MAX_RULES {
            return too_many("rules");
        }
        let rules: Vec<&Rule> = self.rules.iter().collect();
        let mut built =
            Built { manifest: String::new(), segments: Vec::new(), seq: self.seq, entries: 0, expired: 0 };
        let mut references = Vec::new();
        let lookups = self.targets.keys().fold(0, |sum: u64, (rule, _)| sum.saturating_add(lookups(rule)));
        for ((rule, kind), targets) in &self.targets {
            let live: Vec<(Id, Entry, Option<UnixTime>)> = targets
                .iter()
                .filter(|(_, target)| self.is_live(target))
                .map(|(id, target)| (*id, target.entry, target.expires))
                .collect();
            built.expired = built.expired.saturating_add(count(targets.len().saturating_sub(live.len())));
            built.entries = built.entries.saturating_add(count(live.len()));
            let width = self.width(count(live.len()), lookups);
            let rule = rules.iter().position(|listed| *listed == rule).unwrap_or(usize::MAX);
            let most = SEGMENT_BYTES.checked_div(width.saturating_add(MAX_VALUE_BYTES)).unwrap_or(1);
            for part in live.chunks(most.max(1)) {
                let (reference, bytes) = segment(rule, *kind, width, part);
                references.push(reference);
                built.segments.push((SegmentName::of(&bytes), bytes));
            }
        }
        if references.len() > MAX_SEGMENTS {
            return too_many("entries");
        }
        built.manifest = self.sign(key, &rules, references)?;
        // What readers would refuse must not be published: they would go on with an old snapshot until it expires.
        let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
        let read = Manifest::read_own(built.manifest.as_bytes(), &keys);
        read.map_err(|error| {
            Error::RevocationInvalid(format!("no reader would take the snapshot: {error}"))
        })?;
        Ok(built)
    }

    /// An entry stays until no token it could match can pass any more.
    fn is_live(&self, target: &Target) -> bool {
        target.expires.is_none_or(|expires| self.now < expires.plus_seconds(EXPIRED_ENTRY_GRACE_SECONDS))
    }

    /// The fewest bytes of an id that make a decision of `lookups` look-ups sure enough.
    fn width(&self, entries: u64, lookups: u64) -> usize {
        let lookup_bits = u64::BITS.saturating_sub(lookups.saturating_sub(1).leading_zeros());
        let wanted = u32::from(self.epsilon.bits).saturating_add(lookup_bits);
        let sure = |width: &usize| u32::from(error_bits(*width, entries)) >= wanted;
        (1..Id::BYTES).find(sure).unwrap_or(Id::BYTES)
    }

    fn sign(&self, key: &SigningKey, rules: &[&Rule], segments: Vec<WireSegment>) -> Result<String, Error> {
        let header =
            serde_json::json!({ "alg": "EdDSA", "kid": key.kid(), "typ": crate::flow::MANIFEST_TYP });
        let claims = WireManifest {
            iss: &self.authority,
            iat: self.now.as_seconds(),
            exp: self.now.plus_seconds(self.valid_for).as_seconds(),
            ttl: self.ttl,
            seq: self.seq,
            prev: self.prev.map(|prev| SegmentName::from_digest(prev).to_string()),
            hash: ID_HASH,
            salt: base64url::encode(self.salt.as_bytes()),
            epsilon: self.epsilon.to_string(),
            covers: &self.covers,
            rules: rules
                .iter()
                .map(|rule| rule.members().iter().map(|member| member.as_str()).collect())
                .collect(),
            segments,
        };
        let payload = serde_json::to_string(&claims)
            .map_err(|_| Error::RevocationInvalid("the manifest cannot be written".to_owned()))?;
        let manifest = key.sign(&header.to_string(), &payload);
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(Error::RevocationInvalid("the manifest would be too large".to_owned()));
        }
        Ok(manifest)
    }
}

fn segment(
    rule: usize,
    kind: Kind,
    width: usize,
    entries: &[(Id, Entry, Option<UnixTime>)],
) -> (WireSegment, Vec<u8>) {
    let pairs: Vec<(Id, Entry)> = entries.iter().map(|(id, entry, _)| (*id, *entry)).collect();
    let (bytes, kept) = encode(kind, width, &pairs);
    let name = SegmentName::of(&bytes);
    // The latest expiry of all, and none where one entry has none. Rounded up, as every bound on pruning is.
    let expires: Option<Vec<UnixTime>> = entries.iter().map(|(_, _, expires)| *expires).collect();
    let expires =
        expires.and_then(|all| all.into_iter().max()).map(|latest| latest.plus_millis(999).as_seconds());
    let ends = entries.first().zip(entries.last());
    let (from, to) =
        ends.map(|((from, ..), (to, ..))| (from.to_string(), to.to_string())).unwrap_or_default();
    let reference = WireSegment {
        hash: name.to_string(),
        rule,
        kind: kind.name(),
        from,
        to,
        expires,
        entries: kept,
        bytes: count(bytes.len()),
    };
    (reference, bytes)
}

/// How often one decision asks a list of this rule: once, or once for each audience. A list in a claim that usually has one
/// value is not allowed for; [`crate::manual::lists`] says so.
fn lookups(rule: &Rule) -> u64 {
    if rule.members().iter().any(|member| member.as_str() == "aud") { count(MAX_LIST_VALUES) } else { 1 }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The claims in the order in which they are written; the reader's table says what they mean.
#[derive(Serialize)]
struct WireManifest<'a> {
    iss: &'a str,
    iat: u64,
    exp: u64,
    ttl: u64,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    hash: &'static str,
    salt: String,
    epsilon: String,
    covers: &'a BTreeSet<String>,
    rules: Vec<Vec<&'a str>>,
    segments: Vec<WireSegment>,
}

#[derive(Serialize)]
struct WireSegment {
    hash: String,
    rule: usize,
    kind: &'static str,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    entries: u64,
    bytes: u64,
}
