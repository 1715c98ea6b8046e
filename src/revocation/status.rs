//! What a snapshot knows of a token.

use std::fmt;

use super::{Kind, Rule};

/// What a snapshot knows of a token. There are three answers, and none of them is a boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// None of the token's targets is revoked, as far as the snapshot reaches.
    NotRevoked,
    /// A target of the token is revoked.
    Revoked {
        /// The rule that names the target.
        rule: Rule,
        /// How it was revoked.
        kind: Kind,
    },
    /// The snapshot cannot tell.
    Unknown(Unknown),
}

/// Why a snapshot cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unknown {
    /// There is no snapshot yet.
    NoSnapshot,
    /// The snapshot is past the instant after which its authority says not to rely on it.
    TooOld,
    /// No list that may speak for the token's issuer covers it.
    NotCovered,
    /// The segment that would tell is not at hand.
    SegmentMissing,
    /// The segment that would tell is too coarse to be believed without confirmation.
    NeedsConfirmation,
}

impl Unknown {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::NoSnapshot, Self::TooOld, Self::NotCovered, Self::SegmentMissing, Self::NeedsConfirmation];

    /// Its name in configurations and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSnapshot => "noSnapshot",
            Self::TooOld => "tooOld",
            Self::NotCovered => "notCovered",
            Self::SegmentMissing => "segmentMissing",
            Self::NeedsConfirmation => "needsConfirmation",
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSnapshot => "there is no snapshot",
            Self::TooOld => "the snapshot is too old",
            Self::NotCovered => "no list covers the token's issuer",
            Self::SegmentMissing => "a segment that would tell is not at hand",
            Self::NeedsConfirmation => "the segment is too coarse to be believed unconfirmed",
        })
    }
}
