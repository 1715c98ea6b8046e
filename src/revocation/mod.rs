//! What has been revoked: targets and their ids, segments, manifests, and the state of a reader that keeps up with
//! them.
//!
//! ```text
//! rule + issuer + values ─▶ Id ─▶ Segment::get ─▶ Entry        what a snapshot answers
//! bytes of manifest.jwt  ─▶ Manifest ─▶ Incoming + segments ─▶ Revocations        how a reader comes to have one
//! bytes of head.jwt      ─▶ Head ─▶ Heard                                         how it knows whether it is the newest
//! ```

mod head;
mod id;
mod lacking;
mod manifest;
mod name;
mod reader;
mod resident;
mod rule;
mod segment;
mod snapshot;
mod status;
mod targets;

pub use head::{AskingHead, AuthenticHead, Head, Heard, OfferedHead, Wanted};
pub use id::{Id, IdPrefix, Salt, Value};
pub use lacking::{Confirmation, Lack, Target};
pub use manifest::{ExactRef, KeyRange, Manifest, Operations, SegmentRef, Table};
pub use name::SegmentName;
pub use reader::{AskingManifest, AuthenticManifest, Incoming, List, Offer, Offered, Revocations};
pub use rule::{Member, Rule};
pub use segment::{Entries, Entry, Interval, Kind, Segment};
pub(crate) use snapshot::Finding;
pub use snapshot::{Snapshot, SnapshotInfo};
pub use status::{Status, Unknown};
pub(crate) use targets::require;
#[cfg(feature = "authority")]
pub(crate) use targets::{Named, named};

#[cfg(feature = "publish")]
pub(crate) use {
    manifest::{ID_HASH, pack},
    segment::{Shape, encode, encode_ribbon},
};
