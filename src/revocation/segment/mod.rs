//! Segments: immutable bytes holding part of the list, of the cutoff map or of a minimum map.

mod bits;
#[cfg(feature = "publish")]
mod encode;
mod entries;
mod header;
mod kind;
mod quotient;
mod ribbon;
#[cfg(feature = "publish")]
mod solve;
mod walk;

use std::borrow::Cow;

use crate::error::Error;
use crate::limits::MAX_SEGMENT_BYTES;

use super::Id;
use header::{Header, Structure};
use quotient::Quotient;
use ribbon::Ribbon;

#[cfg(feature = "publish")]
pub(crate) use encode::{Shape, encode};
pub use entries::{Entries, Interval};
pub use kind::{Entry, Kind};
#[cfg(feature = "publish")]
pub(crate) use solve::encode_ribbon;

/// A set or map of ids over bytes: validated once when it is opened, infallible after that, and never copied.
///
/// There are two structures. In the one, ids are cut to fingerprints and kept in buckets: the upper part of a fingerprint is its
/// bucket, the lower part is written down, and each bucket has a count of two bits. That is log2(1/ε) + 2 bits an entry, and 0.13
/// for finding one's place. It has values where the kind has, and its entries can be listed. A look-up adds up to 64 counts,
/// which takes no branch, and then waits for memory at one place.
///
/// The other is a ribbon: slots that solve an equation for each id. That is log2(1/ε) × 1.05 bits, but its entries cannot be
/// listed. Coarse segments of kind outright are ribbons where ε is 2^-16 or more: each of them comes with a segment of the first
/// structure that confirms its hits, and lists what is in both.
///
/// # Quotients
///
/// An id is a number of 128 bits, most significant byte first. Its top `p` bits are the same for the whole segment. Of what
/// follows, the first 96 bits are a fraction of 1; `b` times that fraction is a number whose integer part is the *bucket*,
/// and the first `r` bits of whose fraction are the *remainder*. So fingerprints ascend as ids do, and an id that was not
/// put in has the fingerprint of one that was at most `n` times in `b` × 2^`r`.
///
/// 128 buckets are a *block*. A bucket of up to 3 entries has them at one place, in ascending order of their remainders, and their
/// number for its count. One that has more counts 3 all the same, and has its three least there; the others come behind those of
/// the block's last bucket, bucket by bucket, in ascending order. How many others there are is said by the order of the three,
/// of which `1` is the least:
///
/// | others | 0 | 1 | 2 | 3 | 4 | 5 or more |
/// |---|---|---|---|---|---|---|
/// | order | 1 2 3 | 1 3 2 | 2 1 3 | 2 3 1 | 3 1 2 | 3 2 1 |
///
/// So it takes no bits to say. A bucket with 5 others or more is a *crowd*: about one in 100,000 is where there are as many
/// entries as buckets, and its number of entries is written down.
///
/// # Layout, version 3
///
/// Integers are little-endian; bits are counted from the least significant of the first byte.
///
/// | offset | size | what |
/// |---|---|---|
/// | 0 | 4 | `RVOC` |
/// | 4 | 1 | version: 3 |
/// | 5 | 1 | kind: 0 outright, 1 cutoff, 2 minimum |
/// | 6 | 1 | `p`, how many leading bits all ids share: 0 to 16 |
/// | 7 | 1 | `r`, the bits of a remainder, or of a ribbon's fingerprint: 1 to 64 |
/// | 8 | 4 | `n`, how many entries: at least 1 |
/// | 12 | 4 | `b`, how many buckets: `n` / 2 to 2`n` + 2; or `m`, how many slots, of which there are whole blocks of 128: `n` to 2`n` + 2 |
/// | 16 | 4 | the leading bits that all ids share, as a number below 2^`p` |
/// | 20 | 1 | `v`, the bits of a value: 0 to 54; 0 for kind outright |
/// | 21 | 1 | the structure: 0 quotients, 1 ribbon, of kind outright only |
/// | 22 | 1 | the seed of a ribbon; otherwise 0 |
/// | 23 | 1 | 0 |
/// | 24 | 8 | the least value, two's complement; 0 for kind outright |
///
/// Then quotients:
///
/// | offset | size | what |
/// |---|---|---|
/// | 32 | 34 × ⌈`b` / 128⌉ | for each block: 16 bytes with the counts of its first 64 buckets, two bits each; 2 bytes with how many entries there are before its bucket 64 (those at one place, and all of the blocks before), less how many there would be if they were spread evenly, two's complement; 16 bytes with the other 64 counts. Where the last block has no more buckets, the counts are 0 |
/// | … | ⌈`n` × `r` / 8⌉ | the remainders, block by block, in the order above |
/// | … | ⌈`n` × `v` / 8⌉ | how much more than the least each value is, in the same order |
/// | … | 8 for each crowd | its bucket and how many entries it has, 8 at least, in ascending order of buckets |
/// | … | 8 | 0 |
///
/// Spread evenly, there are ⌊(`k` × 128 + 64) × ⌊2^32 × `n` / `b`⌋ / 2^32⌋ entries before the middle of block `k`.
///
/// Or a ribbon's slots:
///
/// | offset | size | what |
/// |---|---|---|
/// | 32 | `m` / 128 × `r` × 16 | for each block of 128 slots and each bit of a fingerprint, from the lowest, that bit of the slots |
///
/// The length is exactly that. A cutoff is in milliseconds since the epoch, a minimum an integer of magnitude below 2^53.
///
/// # Ribbons
///
/// Of what follows the `p` bits of an id, the first 64 are a fraction of 1; `m` − 127 times that, rounded down, is the slot at
/// which its equation starts. With `h` those 64 bits as a number and `c` = 0x9e3779b97f4a7c15, let `x` = mix(`h` xor seed × `c`),
/// `y` = mix(`x`) and `z` = mix(`y`), all modulo 2^64. Then 2^64 × `x` + `y` with the lowest bit set says which of the 128 slots
/// are picked, the lowest bit the first, and the top `r` bits of `z` are what they come to, added without carry. Here mix(`v`) is
/// a step of SplitMix64:
///
/// ```text
/// v = v + c
/// v = (v xor (v >> 30)) × 0xbf58476d1ce4e5b9
/// v = (v xor (v >> 27)) × 0x94d049bb133111eb
/// v xor (v >> 31)                                  mix(0) = 0xe220a8397b1dcdaf
/// ```
///
/// # Checks
///
/// Opening reads the header, the counts, and the first three remainders of each bucket that may have more: what a look-up relies
/// upon. That remainders ascend and that what should be 0 is so is the writer's care, and [`Segment::check`]'s to find out; no
/// look-up needs it.
#[derive(Clone, Debug)]
pub struct Segment<D> {
    data: D,
    header: Header,
    shape: Shaped,
}

/// Where everything is.
#[derive(Clone, Copy, Debug)]
enum Shaped {
    Quotient(Quotient),
    Ribbon(Ribbon),
}

impl<D: AsRef<[u8]>> Segment<D> {
    /// Checks what look-ups rely upon. Sizes are compared before anything is read by them.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`] with the rule that was broken.
    pub fn open(bytes: D) -> Result<Self, Error> {
        let (header, shape) = read(bytes.as_ref()).map_err(invalid)?;
        Ok(Self { data: bytes, header, shape })
    }

    /// Checks what opening leaves to the writer: that the bytes are the only ones that say what they say.
    ///
    /// # Errors
    /// [`Error::SegmentInvalid`] with the rule that was broken.
    pub fn check(&self) -> Result<(), Error> {
        match &self.shape {
            Shaped::Quotient(quotient) => quotient.check_canonical(self.data.as_ref()).map_err(invalid),
            // Any bits are a ribbon.
            Shaped::Ribbon(_) => Ok(()),
        }
    }

    /// What it says of an id. Never wrong about an id that was put in; about another whose leading bits fit, at most once in
    /// 2^[`Segment::error_bits`].
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<Entry> {
        let bytes = self.data.as_ref();
        match &self.shape {
            Shaped::Quotient(quotient) => quotient.get(bytes, id),
            Shaped::Ribbon(ribbon) => ribbon.contains(bytes, id).then_some(Entry::Outright),
        }
    }

    /// What its entries say.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.header.kind
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        u64::from(self.header.entries)
    }

    /// How many leading bits all of its ids share, and which: its key range.
    #[must_use]
    pub const fn range(&self) -> (u8, u32) {
        (self.header.prefix_bits, self.header.shard)
    }

    /// How sure a hit is, rounded down: an id that was not put in is found at most once in 2^`error_bits`.
    #[must_use]
    pub fn error_bits(&self) -> u8 {
        let width = u8::try_from(self.header.width).unwrap_or(u8::MAX);
        match self.header.structure {
            Structure::Quotient => header::error_bits(self.header.entries, self.header.cells, width),
            Structure::Ribbon { .. } => width,
        }
    }

    /// How sure a hit is, exactly: log2 of the fingerprints that there are for each entry. No structure that is as sure takes
    /// fewer bits an entry.
    #[must_use]
    pub fn bound(&self) -> f64 {
        let (found, among) = self.share();
        f64::from(self.header.width) + (f64::from(among) / f64::from(found)).log2()
    }

    /// How often an id that was not put in is found at most, in units of 2^-92, rounded up.
    #[cfg(feature = "publish")]
    pub(crate) fn error_units(&self) -> u128 {
        let (found, among) = self.share();
        // 32 bits of entries, and 91 of shift.
        let shift = 92_u32.saturating_sub(self.header.width);
        let scaled = u128::from(found).checked_shl(shift).unwrap_or(u128::MAX);
        scaled.div_ceil(u128::from(among))
    }

    /// Of how many buckets how many have an entry with a given remainder at most; every fingerprint of a ribbon is one.
    fn share(&self) -> (u32, u32) {
        match self.header.structure {
            Structure::Quotient => (self.header.entries, self.header.cells.max(1)),
            Structure::Ribbon { .. } => (1, 1),
        }
    }

    /// How many bits the value of an entry takes; 0 where entries have none.
    #[must_use]
    pub const fn value_bits(&self) -> u32 {
        self.header.value_bits
    }

    /// Its entries in ascending order, as far as it knows them; `None` of a ribbon, whose entries cannot be listed.
    pub fn iter(&self) -> Option<Entries<'_>> {
        match self.shape {
            Shaped::Quotient(quotient) => Some(Entries::new(self.data.as_ref(), quotient)),
            Shaped::Ribbon(_) => None,
        }
    }

    /// The bytes it was opened from.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.as_ref()
    }
}

/// Reads the header, and compares what it says with the bytes behind it.
fn read(bytes: &[u8]) -> Result<(Header, Shaped), &'static str> {
    const LENGTH: &str = "its length is not what its header says";
    let header = Header::read(bytes)?;
    let (shape, length) = match header.structure {
        Structure::Quotient => {
            (Shaped::Quotient(Quotient::of(&header, bytes.len()).ok_or(LENGTH)?), bytes.len())
        }
        Structure::Ribbon { seed } => {
            let (ribbon, length) = Ribbon::of(&header, seed).ok_or(LENGTH)?;
            (Shaped::Ribbon(ribbon), length)
        }
    };
    if bytes.len() != length || u64::try_from(length).is_ok_and(|length| length > MAX_SEGMENT_BYTES) {
        return Err(LENGTH);
    }
    if let Shaped::Quotient(quotient) = &shape {
        quotient.check_buckets(bytes)?;
    }
    Ok((header, shape))
}

pub(super) const fn invalid(reason: &'static str) -> Error {
    Error::SegmentInvalid(Cow::Borrowed(reason))
}

#[cfg(test)]
#[cfg(feature = "publish")]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn id(number: u64) -> Id {
        let hash: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
        Id::from_bytes(*hash.first_chunk().unwrap())
    }

    /// Sorted ids in the key range, of which the `nth` has the value `nth`.
    fn ids(count: u64, (bits, shard): (u8, u32)) -> Vec<(Id, i64)> {
        let mut ids: Vec<Id> = (0..)
            .map(id)
            .filter(|id| id.leading(bits) == shard)
            .take(usize::try_from(count).unwrap())
            .collect();
        ids.sort_unstable();
        ids.into_iter().zip(0..).collect()
    }

    #[test]
    fn every_entry_is_found_with_its_value_whatever_the_shape_and_the_key_range() {
        for (count, range, bits) in [(1, (0, 0), 8), (300, (0, 0), 50), (2000, (3, 5), 20), (777, (1, 0), 61)]
        {
            let entries = ids(count, range);
            let number = u32::try_from(count).unwrap();
            for wanted in [u128::from(number) << bits, (u128::from(number) * 3) << bits, u128::MAX] {
                let (bytes, kept) =
                    encode(Kind::Minimum, range, Shape::of(number, wanted), &entries).unwrap();
                let segment = Segment::open(bytes.as_slice()).unwrap();
                segment.check().unwrap();
                assert_eq!((segment.entries(), segment.range()), (u64::from(kept), range));
                for (id, value) in &entries {
                    assert!(segment.get(id).is_some_and(|entry| entry.value() >= *value), "{id}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_kept_of_an_id_makes_no_difference_to_any_segment() {
        let entries = ids(200, (0, 0));
        for prefix_bits in 0..=crate::limits::MAX_SHARD_BITS {
            for (id, _) in &entries {
                let other = Id::from_number(id.as_number() ^ 0xffff);
                assert_eq!((id.kept(), id.leading(16)), (other.kept(), other.leading(16)));
                let shard = id.leading(prefix_bits);
                let print = |id: Id| quotient::fingerprint(&id, prefix_bits, shard, u32::MAX, 64).unwrap();
                assert_eq!([print(id.kept()), print(other)], [print(*id), print(*id)]);
            }
        }
    }

    #[test]
    fn a_bucket_has_all_its_entries_however_many_they_are() {
        for crowd in 1..40_u128 {
            // All in the first bucket, but for the last two.
            let numbers = (1..=crowd).map(|n| n << 80).chain([u128::MAX - (1 << 90), u128::MAX]);
            let entries: Vec<(Id, i64)> = numbers.map(Id::from_number).zip(0..).collect();
            let shape = Shape::exact(u32::try_from(entries.len()).unwrap());
            let (bytes, kept) = encode(Kind::Minimum, (0, 0), shape, &entries).unwrap();
            assert_eq!(usize::try_from(kept).unwrap(), entries.len());
            let segment = Segment::open(bytes.as_slice()).unwrap();
            segment.check().unwrap();
            assert!(
                entries.iter().all(|(id, value)| segment.get(id).is_some_and(|one| one.value() == *value))
            );
            assert!((0..=crowd).all(|n| segment.get(&Id::from_number(n << 80 | 1 << 79)).is_none()));
            let listed: Vec<i64> = segment.iter().unwrap().map(|(_, entry)| entry.value()).collect();
            assert_eq!(listed, (0..i64::from(kept)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_entry_takes_no_more_than_was_promised_however_sure_a_hit_is_to_be() {
        let entries = ids(20_000, (0, 0));
        for wanted in (16..64_u128).map(|sixteenths| (20_000 * sixteenths) << 26) {
            let (bytes, kept) = encode(Kind::Outright, (0, 0), Shape::of(20_000, wanted), &entries).unwrap();
            let segment = Segment::open(bytes.as_slice()).unwrap();
            let asked = (f64::from(u32::try_from(wanted >> 26).unwrap()) / 20_000.0).log2() + 26.0;
            let bits = f64::from(u32::try_from(bytes.len()).unwrap()) * 8.0 / f64::from(kept);
            assert!(bits <= asked + 2.21, "{bits} for 2^-{asked}");
            assert!(segment.bound() >= asked, "{} for 2^-{asked}", segment.bound());
        }
    }

    #[test]
    fn an_entry_read_back_lies_in_the_interval_that_has_its_fingerprint_and_no_further() {
        for range in [(0, 0), (3, 7), (16, 0x0123)] {
            let entries = ids(if range.0 == 16 { 3 } else { 500 }, range);
            let number = u32::try_from(entries.len()).unwrap();
            let shape = Shape::of(number, (u128::from(number) * 5) << 30);
            let (bytes, _) = encode(Kind::Cutoff, range, shape, &entries).unwrap();
            let segment = Segment::open(bytes.as_slice()).unwrap();
            let again: Vec<(Id, i64)> = segment
                .iter()
                .unwrap()
                .zip(&entries)
                .map(|((Interval { from, to }, entry), (id, value))| {
                    assert!(from <= *id && *id <= to && entry.value() == *value);
                    let Shaped::Quotient(quotient) = &segment.shape else { panic!("quotients") };
                    let print = |id| quotient.fingerprint(&id);
                    assert_eq!((print(from), print(to)), (print(*id), print(*id)));
                    let outside =
                        |number: Option<u128>| number.and_then(|number| print(Id::from_number(number)));
                    assert_ne!(outside(from.as_number().checked_sub(1)), print(*id));
                    assert_ne!(outside(to.as_number().checked_add(1)), print(*id));
                    (from, entry.value())
                })
                .collect();
            assert_eq!(again.len(), entries.len());
            let rebuilt = encode(Kind::Cutoff, range, shape, &again).unwrap().0;
            assert_eq!(rebuilt, bytes, "what is read back makes the same bytes");
        }
    }

    #[test]
    fn a_ribbon_has_every_id_that_was_put_in_whatever_its_width_and_key_range() {
        for (count, range, width) in [(4096, (0, 0), 8), (9000, (2, 1), 13), (5000, (0, 0), 39)] {
            let entries = ids(count, range);
            let (bytes, kept) = encode_ribbon(range, width, &entries).unwrap();
            let segment = Segment::open(bytes.as_slice()).unwrap();
            assert_eq!(bytes, encode_ribbon(range, width, &entries).unwrap().0);
            assert_eq!((segment.entries(), u64::from(kept), segment.range()), (count, count, range));
            assert_eq!(
                (segment.error_bits(), segment.kind(), segment.iter().is_none()),
                (width, Kind::Outright, true)
            );
            assert!(entries.iter().all(|(id, _)| segment.get(id) == Some(Entry::Outright)));
        }
    }

    #[test]
    fn a_ribbon_takes_another_id_for_one_of_its_own_as_often_as_its_width_says() {
        let entries = ids(8192, (0, 0));
        let (bytes, _) = encode_ribbon((0, 0), 8, &entries).unwrap();
        let segment = Segment::open(bytes.as_slice()).unwrap();
        let asked = 400_000_u32;
        let found = (0..asked).filter(|n| segment.get(&id(u64::from(*n) + (1 << 40))).is_some()).count();
        let (wanted, found) = (f64::from(asked) / 256.0, f64::from(u32::try_from(found).unwrap()));
        assert!((found - wanted).abs() < 3.0 * wanted.sqrt(), "{found} instead of {wanted}");
    }

    #[test]
    fn the_mixing_is_the_one_that_is_written_down() {
        assert_eq!(ribbon::mix(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn ids_whose_equations_contradict_each_other_are_no_ribbon() {
        let crowd: Vec<(Id, i64)> = (0..5000_u128).map(|n| (Id::from_number(n << 64), 0)).collect();
        assert_eq!(encode_ribbon((0, 0), 8, &crowd), None, "all of them start at one slot");
        assert_eq!(encode_ribbon((0, 0), 8, &ids(100, (0, 0))), None, "too few to be worth it");
        assert_eq!(encode_ribbon((1, 1), 8, &ids(5000, (0, 0))), None, "outside of the key range");
    }
}
