//! The ways to revoke, and what is said of one target.

use std::fmt;

use crate::limits::MAX_SAFE_INTEGER;
use crate::time::Cutoff;

/// The ways to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Every token of the target is revoked.
    Outright,
    /// Tokens of the target issued before an instant are revoked.
    Cutoff,
    /// Tokens of the target are revoked in which a numeric claim is lower than a minimum, missing or no integer.
    Minimum,
}

impl Kind {
    /// The kind of this name: `outright`, `cutoff` or `minimum`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "outright" => Some(Self::Outright),
            "cutoff" => Some(Self::Cutoff),
            "minimum" => Some(Self::Minimum),
            _ => None,
        }
    }

    /// The kind's name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outright => "outright",
            Self::Cutoff => "cutoff",
            Self::Minimum => "minimum",
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Outright),
            1 => Some(Self::Cutoff),
            2 => Some(Self::Minimum),
            _ => None,
        }
    }

    #[cfg(feature = "publish")]
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Outright => 0,
            Self::Cutoff => 1,
            Self::Minimum => 2,
        }
    }

    /// Whether its entries have values.
    #[must_use]
    pub const fn has_values(self) -> bool {
        !matches!(self, Self::Outright)
    }

    /// Whether an entry of this kind may have this value.
    pub(crate) fn allows(self, value: i64) -> bool {
        match self {
            Self::Outright => value == 0,
            Self::Cutoff => u64::try_from(value).ok().and_then(Cutoff::from_millis).is_some(),
            Self::Minimum => (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&value),
        }
    }

    /// What an entry of this kind with this value says. Values that no entry may have become the nearest that one may.
    pub(crate) fn entry(self, value: i64) -> Entry {
        match self {
            Self::Outright => Entry::Outright,
            Self::Cutoff => Entry::Cutoff(Cutoff::saturating_from_millis(u64::try_from(value).unwrap_or(0))),
            Self::Minimum => Entry::Minimum(value),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What is said of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// The target is revoked outright.
    Outright,
    /// The target's tokens issued before this are revoked.
    Cutoff(Cutoff),
    /// The target's tokens are revoked in which the table's claim is not an integer of at least this.
    Minimum(i64),
}

impl Entry {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Outright => Kind::Outright,
            Self::Cutoff(_) => Kind::Cutoff,
            Self::Minimum(_) => Kind::Minimum,
        }
    }

    /// Its value as segments keep it: milliseconds since the epoch, the minimum itself, or 0.
    #[must_use]
    pub fn value(&self) -> i64 {
        match self {
            Self::Outright => 0,
            Self::Cutoff(cutoff) => i64::try_from(cutoff.as_millis()).unwrap_or(i64::MAX),
            Self::Minimum(minimum) => *minimum,
        }
    }
}
