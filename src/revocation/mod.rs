//! What has been revoked: targets and their ids, segments, manifests, and the state of a reader that keeps up with
//! them.
//!
//! ```text
//! rule + issuer + values ─▶ Id ─▶ Segment::get ─▶ Entry        what a snapshot answers
//! bytes of manifest.jwt  ─▶ Manifest ─▶ Incoming + segments ─▶ Revocations        how a reader comes to have one
//! ```

mod id;
mod manifest;
mod reader;
mod rule;
mod segment;
mod snapshot;
mod status;

pub use id::{Id, Salt, Value};
pub use manifest::{Manifest, SegmentName, SegmentRef};
pub use reader::{AskingManifest, AuthenticManifest, Incoming, List, Offer, Offered, Revocations};
pub use rule::{Member, Rule};
pub use segment::{Entry, Kind, Segment, SortedIds};
pub(crate) use snapshot::require;
pub use snapshot::{Snapshot, SnapshotInfo};
pub use status::{Status, Unknown};

#[cfg(feature = "publish")]
pub(crate) use {
    manifest::ID_HASH,
    segment::{encode, error_bits},
};
