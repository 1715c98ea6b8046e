//! The manifest: the small signed JWT that says which segments and which recent operations are in force.

mod read;
mod recent;

use std::borrow::Cow;

use crate::error::Error;
use crate::flow::{Authentic, HEAD_TYP, MANIFEST_TYP, Selected, Unverified, media_type};
use crate::key::Jwks;
use crate::limits::{MAX_CLOCK_TOLERANCE_SECONDS, MAX_HEAD_BYTES, MAX_MANIFEST_BYTES};
use crate::time::UnixTime;

use super::{Confirmation, Id, Kind, List, Rule, Salt, SegmentName, Target};

pub(super) use read::{in_order, integer, string};
pub use recent::Operations;
#[cfg(feature = "publish")]
pub(crate) use recent::pack;

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
/// | `segments` | list of objects | see below |
/// | `recent` | list of objects, optional | operations newer than the segments; see below |
/// | `crit` | list of strings, optional | what a reader must understand or refuse; this one understands nothing by that way |
///
/// A segment:
///
/// | member | type | what |
/// |---|---|---|
/// | `hash` | 64 hex digits | its name |
/// | `rule` | integer | which of `rules` its ids are of |
/// | `kind` | string | `outright`, `cutoff` or `minimum` |
/// | `claim` | string, with `minimum` only | the numeric claim that must not be lower |
/// | `layer` | 0 to 15, optional | default 0; of segments of one rule, kind and claim, no two in one layer may have the same ids in their key range, and a look-up asks every layer |
/// | `bits`, `shard` | integers, optional | its key range: ids whose first `bits` bits (16 at most) are the number `shard`; without them, every id |
/// | `expires` | seconds, optional | when the last token that it could match expires; for pruning only |
/// | `entries`, `bytes` | integers | how many entries it has, and how long it is |
/// | `exact` | `{ hash, bytes }`, optional | the segment of the same ids and key range that keeps more of each: it confirms a hit in this one |
///
/// A group of `recent`, operations of one rule, kind and claim; each replaces what the segments say of that id:
///
/// | member | type | what |
/// |---|---|---|
/// | `rule`, `kind`, `claim` | | as of a segment |
/// | `op` | `add` or `remove` | what they do |
/// | `base`, `width` | integers, where values are added | the least value, and the bytes of each value beyond it, 0 to 7 |
/// | `expires` | seconds, optional | when the last token expires that an entry added here could match; for pruning only |
/// | `data` | base64url | the first 14 bytes of each id, ascending strictly, each followed by its value less `base` in `width` bytes, little-endian |
#[derive(Clone, Debug)]
pub struct Manifest {
    text: Box<[u8]>,
    authority: String,
    seq: u64,
    prev: Option<[u8; 32]>,
    hash: [u8; 32],
    issued_at: UnixTime,
    expires_at: UnixTime,
    ttl: u64,
    salt: Salt,
    epsilon_bits: u8,
    covers: Vec<String>,
    rules: Vec<Rule>,
    tables: Vec<Table>,
    segments: Vec<SegmentRef>,
    recent: Vec<Operations>,
}

/// What entries are of: a rule and a kind, and for minima the claim that must not be lower.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    /// Which of the manifest's rules, as an index.
    pub rule: usize,
    /// How its targets are revoked.
    pub kind: Kind,
    /// The numeric claim; with [`Kind::Minimum`] only.
    pub claim: Option<String>,
}

/// What a manifest says of one segment.
#[derive(Clone, Copy, Debug)]
pub struct SegmentRef {
    /// Its name.
    pub name: SegmentName,
    /// Which of the manifest's tables its entries are of, as an index.
    pub table: usize,
    /// Its layer.
    pub layer: u8,
    /// Its key range.
    pub range: KeyRange,
    /// When the last token that it could match expires; `None` where that is not known.
    pub expires: Option<UnixTime>,
    /// How many entries it has.
    pub entries: u64,
    /// How long it is.
    pub bytes: u64,
    /// The segment that confirms its hits.
    pub exact: Option<ExactRef>,
}

/// A segment of the same ids that keeps more of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactRef {
    /// Its name.
    pub name: SegmentName,
    /// How long it is.
    pub bytes: u64,
}

/// Ids that begin with the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// How many bits, at most [`crate::limits::MAX_SHARD_BITS`].
    pub bits: u8,
    /// Those bits, as a number.
    pub shard: u32,
}

impl KeyRange {
    /// Whether an id is in it.
    #[must_use]
    pub fn contains(&self, id: &Id) -> bool {
        id.leading(self.bits) == self.shard
    }

    /// Whether an id may be in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (wide, narrow) = if self.bits <= other.bits { (self, other) } else { (other, self) };
        let further = u32::from(narrow.bits.saturating_sub(wide.bits));
        narrow.shard.checked_shr(further).unwrap_or(0) == wide.shard
    }

    /// Where it begins and ends among the numbers of 16 bits that ids begin with, both included.
    pub(crate) fn ends(&self) -> (u32, u32) {
        let unused = u32::from(crate::limits::MAX_SHARD_BITS.saturating_sub(self.bits));
        let begin = self.shard.checked_shl(unused).unwrap_or(0);
        (begin, begin | 1_u32.checked_shl(unused).unwrap_or(0).wrapping_sub(1))
    }
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
        let mut manifest = Self::understand(authentic, text)?;
        if now >= manifest.expires_at {
            return Err(invalid("it has expired"));
        }
        if manifest.issued_at > now.plus_seconds(MAX_CLOCK_TOLERANCE_SECONDS) {
            return Err(invalid("its `iat` lies in the future"));
        }
        manifest.covers.retain(|issuer| list.speaks_for(issuer));
        if manifest.covers.is_empty() {
            return Err(Error::ManifestUntrusted("its authority may not speak for any issuer it covers"));
        }
        Ok(manifest)
    }

    /// Reads a manifest that one of `keys` signed, as its authority and tools do: whatever it covers, and also when it has
    /// expired. Not to be relied on for decisions.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] or [`Error::ManifestUntrusted`].
    pub fn inspect(bytes: &[u8], keys: &Jwks) -> Result<Self, Error> {
        let authentic = select(Document::Manifest.parse(bytes)?, keys)?.verify().map_err(|_| UNFIT)?;
        Self::understand(&authentic, bytes)
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

    /// SHA-256 of the manifest before it, where it names one.
    #[must_use]
    pub const fn prev(&self) -> Option<&[u8; 32]> {
        self.prev.as_ref()
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

    /// How seldom its authority says that a decision is wrong: at most once in 2^`epsilon_bits`. What readers go by is what
    /// the segments themselves keep of each id.
    #[must_use]
    pub const fn epsilon_bits(&self) -> u8 {
        self.epsilon_bits
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

    /// The rules, in the order that [`Table::rule`] counts them.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What its entries are of, in the order that [`SegmentRef::table`] counts them.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The segments in force.
    #[must_use]
    pub fn segments(&self) -> &[SegmentRef] {
        &self.segments
    }

    /// How long a segment is that it names, those that confirm among them; `None` where it names no such one.
    #[must_use]
    pub fn length_of(&self, name: &SegmentName) -> Option<u64> {
        let all = self.segments.iter().flat_map(|segment| {
            let exact = segment.exact.map(|exact| (exact.name, exact.bytes));
            [Some((segment.name, segment.bytes)), exact].into_iter().flatten()
        });
        all.into_iter().find(|(named, _)| named == name).map(|(_, bytes)| bytes)
    }

    /// The target that a confirmation is about, in words that mean the same to everybody; `None` where it is another
    /// manifest's.
    #[must_use]
    pub fn target(&self, confirmation: &Confirmation) -> Option<Target<'_>> {
        let table = self.tables.get(confirmation.table).filter(|_| confirmation.manifest == self.hash)?;
        let rule = self.rules.get(table.rule)?;
        Some(Target { rule, kind: table.kind, claim: table.claim.as_deref(), id: confirmation.id })
    }

    /// The operations newer than the segments; those of one table together.
    #[must_use]
    pub fn recent(&self) -> &[Operations] {
        &self.recent
    }
}

/// What an authority signs with the keys of its list. None of them is ever taken for another.
#[derive(Clone, Copy)]
pub(super) enum Document {
    /// A manifest.
    Manifest,
    /// A head.
    Head,
}

/// A document with the keys that may have signed it, and which of `lists` they are of.
pub(super) fn open<'b, 'l>(
    document: Document,
    bytes: &'b [u8],
    lists: impl Iterator<Item = &'l List>,
) -> Result<(usize, Selected<'b, 'l>), Error> {
    let unverified = document.parse(bytes)?;
    let authority = unverified.claimed_issuer();
    let list = lists.enumerate().find(|(_, list)| Some(list.issuer()) == authority);
    let (index, list) = list.ok_or(Error::ManifestUntrusted("its authority is not configured"))?;
    Ok((index, select(unverified, list.keys())?))
}

/// What is said of a manifest whose signature fits none of its authority's keys.
pub(super) const UNFIT: Error = Error::ManifestUntrusted("its signature does not fit");

pub(super) const fn invalid(reason: &'static str) -> Error {
    Error::ManifestInvalid(Cow::Borrowed(reason))
}

impl Document {
    fn parse(self, bytes: &[u8]) -> Result<Unverified<'_>, Error> {
        const NOT_JWS: Error = invalid("not a compact JWS, strictly read");
        let (typ, limit, other) = match self {
            Self::Manifest => (MANIFEST_TYP, MAX_MANIFEST_BYTES, "its `typ` is not `revocations+jwt`"),
            Self::Head => (HEAD_TYP, MAX_HEAD_BYTES, "its `typ` is not `revocations-head+jwt`"),
        };
        let text = std::str::from_utf8(bytes).map_err(|_| NOT_JWS)?;
        let unverified = Unverified::parse_within(text, limit, |_| false).map_err(|_| NOT_JWS)?;
        if unverified.header().typ().map(media_type).as_deref() != Some(typ) {
            return Err(invalid(other));
        }
        Ok(unverified)
    }
}

fn select<'b, 'k>(manifest: Unverified<'b>, keys: &'k Jwks) -> Result<Selected<'b, 'k>, Error> {
    manifest.select(keys, &[]).map_err(|_| Error::ManifestUntrusted("no key of its authority fits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ranges_overlap_where_one_begins_with_the_other() {
        let range = |bits, shard| KeyRange { bits, shard };
        assert!(range(0, 0).overlaps(&range(16, 77)));
        assert!(range(3, 0b101).overlaps(&range(5, 0b10110)));
        assert!(!range(3, 0b101).overlaps(&range(5, 0b10010)));
        assert!(!range(16, 1).overlaps(&range(16, 2)));
    }

    #[test]
    fn a_key_range_contains_the_ids_that_begin_with_it_and_no_other() {
        let id = Id::from_number(0b1011 << 124);
        assert!(KeyRange::default().contains(&id));
        assert!(KeyRange { bits: 4, shard: 0b1011 }.contains(&id));
        assert!(!KeyRange { bits: 4, shard: 0b1010 }.contains(&id));
        assert_eq!(KeyRange { bits: 4, shard: 0b1011 }.ends(), (0xb000, 0xbfff));
        assert_eq!(KeyRange::default().ends(), (0, 0xffff));
        assert_eq!(KeyRange { bits: 16, shard: 7 }.ends(), (7, 7));
    }
}
