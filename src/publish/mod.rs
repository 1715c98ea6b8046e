//! The write side: revocations into a snapshot. Deterministic: the same revocations and parameters make the same bytes.
//!
//! ```
//! use revocable::publish::{Publisher, Revocation, SigningKey};
//! use revocable::{Salt, UnixTime};
//!
//! let key = SigningKey::from_seed([7; 32]);
//! let now = UnixTime::from_seconds(1_790_000_000);
//! let mut publisher = Publisher::new("https://authority.example", Salt::from_bytes([1; 16]), now);
//! publisher.add(&Revocation::from_json(
//!     r#"{"rule":["jti"],"issuer":"https://issuer.example","values":["t-1"],"expires":1790003600}"#,
//! )?);
//! let snapshot = publisher.finish(&key)?;
//! assert_eq!(snapshot.segments.len(), 1);
//! # Ok::<(), revocable::Error>(())
//! ```

mod assembly;
mod epsilon;
mod head;
mod merge;
mod piece;
mod publisher;
mod revocation;
mod signing_key;
mod table;
mod terms;
mod update;
mod wire;

use crate::error::Error;

pub use assembly::{Assembly, Signed, Stored, Tally};
pub use epsilon::Epsilon;
pub use head::sign_head;
pub use merge::Merge;
pub use publisher::{Built, Publisher};
pub use revocation::{Change, Revocation};
pub use signing_key::SigningKey;
pub use table::{Record, TableKey, settle};
pub use terms::Terms;
pub use update::Update;

fn invalid(reason: &str) -> Error {
    Error::RevocationInvalid(reason.to_owned())
}

/// [`Update::wants_full_build`].
fn full_build() -> Error {
    invalid(FULL_BUILD)
}

const FULL_BUILD: &str = "so much has changed since the last full build that another one is due";
