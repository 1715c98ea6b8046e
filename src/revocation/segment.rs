//! Segments: immutable bytes holding part of the list or of the cutoff map.

use std::fmt;

use crate::error::Error;
use crate::limits::MAX_SEGMENT_BYTES;
use crate::time::Cutoff;

use super::Id;

const MAGIC: [u8; 4] = *b"RVOC";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;
const CUTOFF_BYTES: usize = 6;

/// The ways to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Every token of the target is revoked.
    Outright,
    /// Tokens of the target issued before an instant are revoked.
    Cutoff,
}

impl Kind {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "outright" => Some(Self::Outright),
            "cutoff" => Some(Self::Cutoff),
            _ => None,
        }
    }

    /// The kind's name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outright => "outright",
            Self::Cutoff => "cutoff",
        }
    }

    #[cfg(feature = "publish")]
    const fn number(self) -> u8 {
        match self {
            Self::Outright => 0,
            Self::Cutoff => 1,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a segment says of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// The target is revoked outright.
    Outright,
    /// The target's tokens issued before this are revoked.
    Cutoff(Cutoff),
}

/// A set or map of ids over bytes: validated once when it is opened, infallible after that.
pub trait Segment<D: AsRef<[u8]>>: Sized {
    /// Checks everything that can be checked, and copies nothing.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`] with the rule that was broken.
    fn open(bytes: D) -> Result<Self, Error>;

    /// What it says of an id. Never wrong about an id that was put in; about another, at most once in
    /// 2^[`Segment::error_bits_among`] its own entries.
    fn get(&self, id: &Id) -> Option<Entry>;

    /// What its entries say.
    fn kind(&self) -> Kind;

    /// How many entries it has.
    fn entries(&self) -> u64;

    /// How sure a hit is when this segment is one of several that make up a list of `entries`: an id that was not put in
    /// any of them is found at most once in 2^`error_bits_among`.
    fn error_bits_among(&self, entries: u64) -> u8;

    /// The bytes it was opened from.
    fn bytes(&self) -> &[u8];
}

/// Ids in ascending order, looked up by bisection: the segment of version 1.
///
/// Layout, version 1 (integers little-endian):
///
/// | offset | size | what |
/// |---|---|---|
/// | 0 | 4 | `RVOC` |
/// | 4 | 1 | version: 1 |
/// | 5 | 1 | kind: 0 outright, 1 cutoff |
/// | 6 | 1 | `w`, the bytes kept of each id: 1 to 16 |
/// | 7 | 1 | reserved: 0 |
/// | 8 | 8 | `n`, the number of entries |
/// | 16 | `n` × `w` | the first `w` bytes of each id, strictly ascending |
/// | 16 + `n` × `w` | `n` × 6 | kind cutoff only: for each id, in the same order, milliseconds since the epoch |
///
/// The length is exactly that. `w` is what the error asked for needs: an id that is not in the set shares its first `w`
/// bytes with one that is at most `n` times in 256^`w`.
#[derive(Clone, Debug)]
pub struct SortedIds<D> {
    data: D,
    kind: Kind,
    width: usize,
    entries: usize,
}

impl<D: AsRef<[u8]>> Segment<D> for SortedIds<D> {
    fn open(bytes: D) -> Result<Self, Error> {
        let (kind, width, entries) = validate(bytes.as_ref()).map_err(Error::SegmentInvalid)?;
        Ok(Self { data: bytes, kind, width, entries })
    }

    fn get(&self, id: &Id) -> Option<Entry> {
        let wanted = id.as_bytes().get(..self.width)?;
        let (mut low, mut high) = (0_usize, self.entries);
        while low < high {
            let middle = low.midpoint(high);
            match self.prefix(middle)?.cmp(wanted) {
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.entry(middle),
            }
        }
        None
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn entries(&self) -> u64 {
        u64::try_from(self.entries).unwrap_or(u64::MAX)
    }

    fn error_bits_among(&self, entries: u64) -> u8 {
        error_bits(self.width, entries)
    }

    fn bytes(&self) -> &[u8] {
        self.data.as_ref()
    }
}

impl<D: AsRef<[u8]>> SortedIds<D> {
    fn prefix(&self, index: usize) -> Option<&[u8]> {
        prefix(self.data.as_ref(), self.width, index)
    }

    /// Whether its least and greatest ids are these, as far as it keeps them.
    pub(super) fn spans(&self, from: &Id, to: &Id) -> bool {
        let ends = self.prefix(0).zip(self.entries.checked_sub(1).and_then(|last| self.prefix(last)));
        ends.is_some_and(|(first, last)| {
            from.as_bytes().starts_with(first) && to.as_bytes().starts_with(last)
        })
    }

    fn entry(&self, index: usize) -> Option<Entry> {
        match self.kind {
            Kind::Outright => Some(Entry::Outright),
            Kind::Cutoff => cutoff(self.data.as_ref(), self.width, self.entries, index).map(Entry::Cutoff),
        }
    }
}

/// Every rule of the layout. Sizes are compared before anything is read by them.
fn validate(bytes: &[u8]) -> Result<(Kind, usize, usize), &'static str> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or("it is shorter than its header")?;
    let [m0, m1, m2, m3, version, kind, width, reserved, count @ ..] = header;
    if [*m0, *m1, *m2, *m3] != MAGIC {
        return Err("it does not begin with `RVOC`");
    }
    if *version != VERSION {
        return Err("its version is not 1");
    }
    let (kind, value_bytes) = match kind {
        0 => (Kind::Outright, 0),
        1 => (Kind::Cutoff, CUTOFF_BYTES),
        _ => return Err("its kind is unknown"),
    };
    let width = usize::from(*width);
    if !(1..=Id::BYTES).contains(&width) {
        return Err("it keeps fewer than 1 or more than 16 bytes of an id");
    }
    if *reserved != 0 {
        return Err("its reserved byte is not 0");
    }
    let entries = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| LENGTH)?;
    let length =
        entries.checked_mul(width.saturating_add(value_bytes)).and_then(|n| n.checked_add(HEADER_BYTES));
    if length != Some(bytes.len())
        || u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_SEGMENT_BYTES)
    {
        return Err(LENGTH);
    }
    let ids = bytes.get(HEADER_BYTES..).and_then(|rest| rest.get(..entries.saturating_mul(width)));
    let mut previous = None;
    for id in ids.ok_or(LENGTH)?.chunks_exact(width) {
        if previous.is_some_and(|previous| previous >= id) {
            return Err("its ids are not strictly ascending");
        }
        previous = Some(id);
    }
    if kind == Kind::Cutoff && (0..entries).any(|index| cutoff(bytes, width, entries, index).is_none()) {
        return Err("a cutoff is later than the year 9999");
    }
    Ok((kind, width, entries))
}

const LENGTH: &str = "its length is not what its header says";

fn prefix(bytes: &[u8], width: usize, index: usize) -> Option<&[u8]> {
    let start = index.checked_mul(width)?.checked_add(HEADER_BYTES)?;
    bytes.get(start..start.checked_add(width)?)
}

fn cutoff(bytes: &[u8], width: usize, entries: usize, index: usize) -> Option<Cutoff> {
    let values = entries.checked_mul(width)?.checked_add(HEADER_BYTES)?;
    let start = index.checked_mul(CUTOFF_BYTES)?.checked_add(values)?;
    let [a, b, c, d, e, f]: [u8; CUTOFF_BYTES] = *bytes.get(start..)?.first_chunk()?;
    Cutoff::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

/// log2 of how seldom a foreign id is found: `n` of the 256^`w` prefixes are taken.
pub(crate) fn error_bits(width: usize, entries: u64) -> u8 {
    let taken = u64::BITS.saturating_sub(entries.saturating_sub(1).leading_zeros());
    let bits = u32::try_from(width).unwrap_or(0).saturating_mul(8).saturating_sub(taken);
    u8::try_from(bits).unwrap_or(u8::MAX)
}

/// Writes a segment of entries in ascending order of id, keeping `width` bytes of each, and says how many it has. Of two entries that are the
/// same in those bytes the later cutoff is kept: the error may refuse a token, never let one pass.
#[cfg(feature = "publish")]
pub(crate) fn encode(kind: Kind, width: usize, entries: &[(Id, Entry)]) -> (Vec<u8>, u64) {
    let mut kept: Vec<(&[u8], u64)> = Vec::with_capacity(entries.len());
    for (id, entry) in entries {
        let prefix = id.as_bytes().get(..width).unwrap_or(id.as_bytes());
        let millis = match entry {
            Entry::Outright => 0,
            Entry::Cutoff(cutoff) => cutoff.as_millis(),
        };
        match kept.last_mut() {
            Some((last, latest)) if *last == prefix => *latest = millis.max(*latest),
            _ => kept.push((prefix, millis)),
        }
    }
    let count = u64::try_from(kept.len()).unwrap_or(u64::MAX);
    let mut bytes = Vec::from(MAGIC);
    bytes.extend([VERSION, kind.number(), u8::try_from(width).unwrap_or(u8::MAX), 0]);
    bytes.extend(count.to_le_bytes());
    for (prefix, _) in &kept {
        bytes.extend_from_slice(prefix);
    }
    if kind == Kind::Cutoff {
        for (_, millis) in &kept {
            bytes.extend(millis.to_le_bytes().into_iter().take(CUTOFF_BYTES));
        }
    }
    (bytes, count)
}
