//! One way through: each stage consumes the one before, so none can be skipped.
//!
//! ```text
//! &str ─ parse ─▶ Unverified ─ select ─▶ Selected ─ verify ─▶ Authentic ─ check_claims ─▶ Claims
//!                                                                ─ check_revocation ─▶ Checked ─ apply ─▶ Decision
//!                                                                ─ recognise ─▶ Recognised, for whoever takes it back
//! ```

mod claims;
pub mod danger;
mod decide;
mod expectations;
mod parse;
mod recognise;
mod verify;

pub use claims::Claims;
pub use decide::{Action, Allowed, Check, Checked, Decision, Policy, Refused};
pub(crate) use expectations::is_scope;
pub use expectations::{Expectations, MissingIssuer, Profile};
pub(crate) use parse::{HEAD_TYP, MANIFEST_TYP, is_registered, media_type};
pub use parse::{Header, Unverified};
pub use recognise::Recognised;
pub use verify::{Answer, Authentic, Question, Selected, Verification};
