//! The manifest: the small signed JWT that says which segments are in force.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::flow::{Authentic, MANIFEST_TYP, Selected, Unverified, media_type};
use crate::json::Object;
use crate::key::Jwks;
use crate::limits::{
    MAX_CLOCK_TOLERANCE_SECONDS, MAX_COVERED_ISSUERS, MAX_MANIFEST_BYTES, MAX_RULES, MAX_SEGMENT_BYTES,
    MAX_SEGMENTS, MAX_SEQ, MAX_SNAPSHOT_BYTES,
};
use crate::time::UnixTime;

use super::id::hex;
use super::{Id, Kind, List, Rule, Salt};

/// How ids are made, the only way there is.
pub(crate) const ID_HASH: &str = "sha-256-128";

/// An authentic manifest that is understood and has not expired.
///
/// It is read by the same strict verifier as every token. Its header has `typ: revocations+jwt` and the authority's
/// `kid`; its claims are:
///
/// | claim | type | what |
/// |---|---|---|
/// | `iss` | string | the authority who vouches |
/// | `iat` | seconds | made when |
/// | `exp` | seconds | not to be relied on after |
/// | `ttl` | seconds | look again after |
/// | `seq` | integer | grows with every manifest of this authority |
/// | `prev` | 64 hex digits, optional | SHA-256 of the manifest before, as text |
/// | `hash` | `sha-256-128` | how ids are made |
/// | `salt` | base64url, 16 bytes | as it says |
/// | `epsilon` | `2^-n` | how seldom a decision about a valid token is wrong |
/// | `covers` | list of strings | the token issuers this list speaks for |
/// | `rules` | list of lists of strings | which targets exist, so that nothing else is looked up |
/// | `segments` | list of objects | `hash` (64 hex digits), `rule` (index), `kind`, `from`, `to` (32 hex digits, both inclusive), `expires` (seconds; none: never), `entries`, `bytes` |
/// | `crit` | list of strings, optional | what a reader must understand or refuse; this one understands nothing by that way |
#[derive(Clone, Debug)]
pub struct Manifest {
    text: Box<[u8]>,
    authority: String,
    seq: u64,
    hash: [u8; 32],
    issued_at: UnixTime,
    expires_at: UnixTime,
    ttl: u64,
    salt: Salt,
    covers: Vec<String>,
    rules: Vec<Rule>,
    segments: Vec<SegmentRef>,
}

/// A segment's name: the SHA-256 of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName([u8; 32]);

/// What a manifest says of one segment.
#[derive(Clone, Copy, Debug)]
pub struct SegmentRef {
    /// Its name.
    pub name: SegmentName,
    /// Which of the manifest's rules its ids are of, as an index.
    pub rule: usize,
    /// What its entries say.
    pub kind: Kind,
    /// The least id in it.
    pub from: Id,
    /// The greatest id in it.
    pub to: Id,
    /// How many entries it has.
    pub entries: u64,
    /// How long it is.
    pub bytes: u64,
}

impl Manifest {
    /// What a manifest that `list`'s authority signed says. Who may speak for whom is the list's to say: the issuers that
    /// the manifest covers count only as far as it names them.
    pub(super) fn read(
        text: &[u8],
        authentic: &Authentic,
        list: &List,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let mut manifest = Self::understand(authentic, text).map_err(Error::ManifestInvalid)?;
        if now >= manifest.expires_at {
            return Err(Error::ManifestInvalid("it has expired"));
        }
        if manifest.issued_at > now.plus_seconds(MAX_CLOCK_TOLERANCE_SECONDS) {
            return Err(Error::ManifestInvalid("its `iat` lies in the future"));
        }
        manifest.covers.retain(|issuer| list.speaks_for(issuer));
        if manifest.covers.is_empty() {
            return Err(Error::ManifestUntrusted("its authority may not speak for any issuer it covers"));
        }
        Ok(manifest)
    }

    /// Reads a manifest that one of `keys` signed, as its authority does to follow it: whatever it covers, and also
    /// when it has expired. Not to be relied on for decisions.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`].
    #[cfg(feature = "publish")]
    pub(crate) fn read_own(bytes: &[u8], keys: &Jwks) -> Result<Self, Error> {
        let authentic = select(parse(bytes)?, keys)?.verify().map_err(|_| UNFIT)?;
        Self::understand(&authentic, bytes).map_err(Error::ManifestInvalid)
    }

    fn understand(authentic: &Authentic, text: &[u8]) -> Result<Self, &'static str> {
        let claims = authentic.payload();
        if claims.contains_key("crit") && !list(claims, "crit")?.is_empty() {
            return Err("it has a critical member that is not understood");
        }
        // Operations newer than the segments: to leave them out would let revoked tokens pass.
        if claims.contains_key("recent") {
            return Err("it has `recent` operations, which are not understood");
        }
        let seq = integer(claims, "seq")?;
        if seq > MAX_SEQ {
            return Err("its `seq` is no integer that every reader can hold");
        }
        if string(claims, "hash")? != ID_HASH {
            return Err("its ids are made in a way that is not understood");
        }
        let salt = base64url::decode_array(string(claims, "salt")?).ok_or("its salt is not 16 bytes")?;
        let (rules, covers, segments) =
            (list(claims, "rules")?, list(claims, "covers")?, list(claims, "segments")?);
        if rules.len() > MAX_RULES || covers.len() > MAX_COVERED_ISSUERS || segments.len() > MAX_SEGMENTS {
            return Err("it has too many rules, issuers or segments");
        }
        if claims.contains_key("prev") && hex::<32>(string(claims, "prev")?).is_none() {
            return Err("its `prev` is not a SHA-256 hash");
        }
        let rules = understand_rules(rules)?;
        let mut understood = Vec::with_capacity(segments.len());
        let mut bytes = 0_u64;
        for segment in segments {
            let segment = SegmentRef::understand(segment.as_object().ok_or(WRONG_TYPE)?, &rules)?;
            bytes = bytes.saturating_add(segment.bytes);
            understood.push(segment);
        }
        if bytes > MAX_SNAPSHOT_BYTES {
            return Err("its segments are too large together");
        }
        Ok(Self {
            text: text.into(),
            authority: string(claims, "iss")?.to_owned(),
            seq,
            hash: Sha256::digest(text).into(),
            issued_at: UnixTime::from_seconds(integer(claims, "iat")?),
            expires_at: UnixTime::from_seconds(integer(claims, "exp")?),
            // With 0, every request would begin a look.
            ttl: integer(claims, "ttl")?.max(1),
            salt: Salt::from_bytes(salt),
            covers: strings(covers)?,
            rules,
            segments: understood,
        })
    }

    /// Its text, a compact JWS, as it was read.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The authority who vouches for it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Its number; a later manifest of the same authority has a greater one.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// SHA-256 of its text.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// When it was made.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// After this it is not to be relied on.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// After how many seconds to look for a newer one.
    #[must_use]
    pub const fn ttl(&self) -> u64 {
        self.ttl
    }

    /// The salt its ids are made with.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// Whether it speaks for tokens of this issuer, and may.
    #[must_use]
    pub fn covers(&self, issuer: &str) -> bool {
        self.covers.iter().any(|covered| covered == issuer)
    }

    /// The token issuers it speaks for, and may.
    pub fn covered(&self) -> impl Iterator<Item = &str> {
        self.covers.iter().map(String::as_str)
    }

    /// The rules, in the order that [`SegmentRef::rule`] counts them.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The segments in force.
    #[must_use]
    pub fn segments(&self) -> &[SegmentRef] {
        &self.segments
    }
}

impl SegmentName {
    /// The name of a segment with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The name that a SHA-256 digest, such as one from `crypto.subtle`, makes.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The name that 64 hexadecimal digits spell.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What an object store calls it: `segments/` and 64 hexadecimal digits.
    #[must_use]
    pub fn object_name(&self) -> String {
        format!("segments/{self}")
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// A manifest with the keys that may have signed it, and which of `lists` they are of.
pub(super) fn open<'b, 'l>(
    bytes: &'b [u8],
    lists: impl Iterator<Item = &'l List>,
) -> Result<(usize, Selected<'b, 'l>), Error> {
    let unverified = parse(bytes)?;
    let authority = unverified.claimed_issuer();
    let list = lists.enumerate().find(|(_, list)| Some(list.issuer()) == authority);
    let (index, list) = list.ok_or(Error::ManifestUntrusted("its authority is not configured"))?;
    Ok((index, select(unverified, list.keys())?))
}

/// What is said of a manifest whose signature fits none of its authority's keys.
pub(super) const UNFIT: Error = Error::ManifestUntrusted("its signature does not fit");

fn parse(bytes: &[u8]) -> Result<Unverified<'_>, Error> {
    const NOT_JWS: Error = Error::ManifestInvalid("not a compact JWS, strictly read");
    let text = std::str::from_utf8(bytes).map_err(|_| NOT_JWS)?;
    let unverified = Unverified::parse_within(text, MAX_MANIFEST_BYTES, |_| false).map_err(|_| NOT_JWS)?;
    if unverified.header().typ().map(media_type).as_deref() != Some(MANIFEST_TYP) {
        return Err(Error::ManifestInvalid("its `typ` is not `revocations+jwt`"));
    }
    Ok(unverified)
}

fn select<'b, 'k>(manifest: Unverified<'b>, keys: &'k Jwks) -> Result<Selected<'b, 'k>, Error> {
    manifest.select(keys, &[]).map_err(|_| Error::ManifestUntrusted("no key of its authority fits"))
}

fn understand_rules(lists: &[Value]) -> Result<Vec<Rule>, &'static str> {
    let mut rules = Vec::with_capacity(lists.len());
    for members in lists {
        let members = strings(members.as_array().ok_or(WRONG_TYPE)?)?;
        let rule = Rule::new(members).map_err(|_| "a rule is malformed")?;
        if rules.contains(&rule) {
            return Err("a rule is named twice");
        }
        rules.push(rule);
    }
    Ok(rules)
}

impl SegmentRef {
    fn understand(members: &Object, rules: &[Rule]) -> Result<Self, &'static str> {
        let name = SegmentName::from_hex(string(members, "hash")?);
        let name = name.ok_or("a segment's hash is malformed")?;
        let index = usize::try_from(integer(members, "rule")?).unwrap_or(usize::MAX);
        let rule = rules.get(index).ok_or("a segment is of a rule that is not listed")?;
        let kind = Kind::from_name(string(members, "kind")?);
        let kind = kind.ok_or("a segment's kind is not understood")?;
        if rule.names_key() && kind != Kind::Outright {
            return Err("a rule over `@key` has a segment that is not outright");
        }
        let range = Id::from_hex(string(members, "from")?).zip(Id::from_hex(string(members, "to")?));
        let (from, to) = range.filter(|(from, to)| from <= to).ok_or("a segment's range is malformed")?;
        let (entries, bytes) = (integer(members, "entries")?, integer(members, "bytes")?);
        if entries == 0 || bytes > MAX_SEGMENT_BYTES {
            return Err("a segment is empty or too large");
        }
        Ok(Self { name, rule: index, kind, from, to, entries, bytes })
    }
}

const WRONG_TYPE: &str = "a claim is missing or of the wrong type";

fn string<'a>(members: &'a Object, name: &str) -> Result<&'a str, &'static str> {
    members.get(name).and_then(Value::as_str).ok_or(WRONG_TYPE)
}

fn integer(members: &Object, name: &str) -> Result<u64, &'static str> {
    members.get(name).and_then(Value::as_u64).ok_or(WRONG_TYPE)
}

fn list<'a>(members: &'a Object, name: &str) -> Result<&'a [Value], &'static str> {
    members.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or(WRONG_TYPE)
}

fn strings(list: &[Value]) -> Result<Vec<String>, &'static str> {
    list.iter().map(|element| element.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or(WRONG_TYPE)
}
