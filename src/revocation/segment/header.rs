//! The first 32 bytes of a segment, which are the same for both of its structures.

use crate::limits::MAX_SHARD_BITS;

use super::Kind;

const MAGIC: [u8; 4] = *b"RVOC";
const VERSION: u8 = 3;
pub(super) const HEADER_BYTES: usize = 32;
/// Any value takes fewer bits: cutoffs have 48, and minima lie between -2^53 and 2^53.
const MAX_VALUE_BITS: u32 = 54;
/// The slots of a ribbon that belong together.
pub(super) const BLOCK: u32 = 128;

/// How entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    Quotient,
    Ribbon { seed: u8 },
}

/// What the header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) prefix_bits: u8,
    pub(super) shard: u32,
    pub(super) structure: Structure,
    /// The bits of a remainder or of a fingerprint.
    pub(super) width: u32,
    pub(super) entries: u32,
    /// How many buckets or slots.
    pub(super) cells: u32,
    pub(super) value_bits: u32,
    pub(super) base: i64,
}

impl Header {
    /// Reads it; nothing that it says of the bytes behind it is compared with them.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or("it is shorter than its header")?;
        let [m0, m1, m2, m3, version, kind, prefix_bits, width, rest @ ..] = header;
        let [n0, n1, n2, n3, b0, b1, b2, b3, s0, s1, s2, s3, value_bits, structure, seed, zero, base @ ..] =
            rest;
        if [*m0, *m1, *m2, *m3] != MAGIC {
            return Err("it does not begin with `RVOC`");
        }
        if *version != VERSION {
            return Err("its version is not 3");
        }
        let structure = match (*structure, *seed) {
            (0, 0) => Structure::Quotient,
            (1, seed) => Structure::Ribbon { seed },
            (0, _) => return Err("its reserved bytes are not 0"),
            _ => return Err("its structure is unknown"),
        };
        if *zero != 0 {
            return Err("its reserved bytes are not 0");
        }
        let header = Self {
            kind: Kind::from_number(*kind).ok_or("its kind is unknown")?,
            prefix_bits: *prefix_bits,
            shard: u32::from_le_bytes([*s0, *s1, *s2, *s3]),
            structure,
            width: u32::from(*width),
            entries: u32::from_le_bytes([*n0, *n1, *n2, *n3]),
            cells: u32::from_le_bytes([*b0, *b1, *b2, *b3]),
            value_bits: u32::from(*value_bits),
            base: i64::from_le_bytes(*base),
        };
        header.check().map(|()| header)
    }

    fn check(&self) -> Result<(), &'static str> {
        let Self { kind, prefix_bits, shard, structure, width, entries, cells, value_bits, base } = *self;
        if prefix_bits > MAX_SHARD_BITS || shard.checked_shr(u32::from(prefix_bits)) != Some(0) {
            return Err("its key range is malformed");
        }
        if !(1..=64).contains(&width) {
            return Err("its remainders have fewer than 1 or more than 64 bits");
        }
        if value_bits > MAX_VALUE_BITS || (!kind.has_values() && (value_bits != 0 || base != 0)) {
            return Err("its values have more bits than their kind has");
        }
        let least = match structure {
            Structure::Quotient => least_buckets(entries),
            Structure::Ribbon { .. } => entries,
        };
        if entries == 0 || cells < least || u64::from(cells) > most_cells(entries) {
            return Err("its number of entries or of buckets is out of range");
        }
        if !kind.allows(base) {
            return Err("its least value is out of range");
        }
        match structure {
            Structure::Quotient => Ok(()),
            Structure::Ribbon { .. } if kind.has_values() => Err("a ribbon has no values"),
            Structure::Ribbon { .. } if cells % BLOCK != 0 => Err("its slots are not whole blocks"),
            Structure::Ribbon { .. } => Ok(()),
        }
    }

    #[cfg(feature = "publish")]
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let (structure, seed) = match self.structure {
            Structure::Quotient => (0, 0),
            Structure::Ribbon { seed } => (1, seed),
        };
        // Both were read from a byte, or are bounded as such.
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        bytes.extend(MAGIC);
        bytes.extend([VERSION, self.kind.number(), self.prefix_bits, byte(self.width)]);
        bytes.extend(self.entries.to_le_bytes());
        bytes.extend(self.cells.to_le_bytes());
        bytes.extend(self.shard.to_le_bytes());
        bytes.extend([byte(self.value_bits), structure, seed, 0]);
        bytes.extend(self.base.to_le_bytes());
    }
}

/// The fewest buckets that so many entries may have.
pub(super) const fn least_buckets(entries: u32) -> u32 {
    entries.div_ceil(2)
}

/// How sure a hit is, rounded down, among so many entries in so many buckets.
pub(super) fn error_bits(entries: u32, cells: u32, width: u8) -> u8 {
    // There are at least half as many buckets as entries.
    width.saturating_sub(u8::from(cells < entries))
}

/// The most buckets or slots that so many entries may have.
pub(super) const fn most_cells(entries: u32) -> u64 {
    // No narrowing: from 32 to 64 bits.
    #[expect(clippy::as_conversions)]
    let entries = entries as u64;
    entries.saturating_mul(2).saturating_add(2)
}
