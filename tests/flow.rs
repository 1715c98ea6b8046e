//! The whole verifier, from a token's text to a decision, natively. Tokens are signed by jwt-simple.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;

#[path = "flow/advisories.rs"]
mod advisories;
#[path = "flow/claims.rs"]
mod claims;
#[path = "flow/configuration.rs"]
mod configuration;
#[path = "flow/expectations.rs"]
mod expectations;
#[path = "flow/freshness.rs"]
mod freshness;
#[path = "flow/heads.rs"]
mod heads;
#[path = "flow/keys.rs"]
mod keys;
#[path = "flow/manifests.rs"]
mod manifests;
#[path = "flow/policy.rs"]
mod policy;
#[path = "flow/ribbons.rs"]
mod ribbons;
#[path = "flow/rules.rs"]
mod rules;
#[path = "flow/tokens.rs"]
mod tokens;
#[path = "flow/updates.rs"]
mod updates;
