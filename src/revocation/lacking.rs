//! What a decision lacks to be another one, or sure.

use super::manifest::ExactRef;
use super::{Id, Kind, Rule, SegmentName};

/// Something that a snapshot would have to be given to answer better. See [`crate::Decision::lacking`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A segment that is not at hand: [`crate::Revocations::supply`].
    Segment {
        /// Its name.
        name: SegmentName,
        /// How long it is.
        bytes: u64,
    },
    /// An exact answer about an id: that of [`Confirmation::exact`], once it is supplied, or that of whoever has the ledger:
    /// [`crate::Revocations::confirm`].
    Confirmation(Confirmation),
}

/// A hit that is too coarse to be believed, about which somebody who knows exactly is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// SHA-256 of the manifest that has the hit: the answer is kept as long as that one is in force.
    pub manifest: [u8; 32],
    /// Its number.
    pub seq: u64,
    /// Which of its tables, as an index.
    pub table: usize,
    /// The id.
    pub id: Id,
    /// The segment that keeps more of each id, where there is one.
    pub exact: Option<ExactRef>,
}

/// The target of a [`Confirmation`] in words that mean the same to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'m> {
    /// The rule.
    pub rule: &'m Rule,
    /// The kind.
    pub kind: Kind,
    /// The claim of a minimum.
    pub claim: Option<&'m str>,
    /// The id.
    pub id: Id,
}
