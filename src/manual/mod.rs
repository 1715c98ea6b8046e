//! The manual.
//!
//! - [`model`]: what is revoked, and when a token counts as issued before
//! - [`claims`]: what can be expected of a token, in which order it is checked, what is stricter than elsewhere
//! - [`lists`]: manifests, segments, how a reader keeps up, how old its knowledge is
//! - [`authority`]: who tells an authority what is revoked and how, what its answers promise, its feed
//! - [`keys`]: where an issuer's keys come from, and for how long they are trusted
//! - [`threats`]: what is defended against, and what is not
//! - [`decisions`]: what was decided by measurement, with the figures
//! - [`measurements`]: what the list weighs and how quick it is, beside others

#[doc = include_str!("model.md")]
pub mod model {}

#[doc = include_str!("claims.md")]
pub mod claims {}

#[doc = include_str!("lists.md")]
pub mod lists {}

#[doc = include_str!("authority.md")]
pub mod authority {}

#[doc = include_str!("keys.md")]
pub mod keys {}

#[doc = include_str!("threats.md")]
pub mod threats {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("measurements.md")]
pub mod measurements {}
