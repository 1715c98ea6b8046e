//! JWTs that can be taken back.
//!
//! A token's signature and claims are verified, and then a compact, signed list of revocations is asked whether it still
//! stands: by token, user, app, session, key or issuer, without a database call.
//!
//! ```text
//! &str
//!  └ parse          -> Unverified      size caps, three parts, canonical base64url, strict JSON
//!     └ select      -> Selected        the key fixes the algorithm; the header only confirms it
//!        └ verify   -> Authentic       the signature
//!           └ check_claims     -> Claims     typ, iss, sub, aud, exp, nbf, iat, scopes; `now` is a parameter
//!              └ check_revocation -> Checked    one question for all rules
//!                 └ apply      -> Decision   Allow, Deny or Unavailable
//! ```
//!
//! Each stage consumes the one before, so that none can be skipped. [`Verifier`] takes a token the whole way; [`Gate`]
//! adds what a request filter needs. The library calls no clock, makes no I/O, draws no randomness and does not panic on
//! any input.
//!
//! For `wasm32-unknown-unknown` with the feature `engines`, the crate that is linked at last must tell `getrandom` where
//! randomness would come from (feature `js` of 0.2, `wasm_js` of 0.4): jwt-simple links it, though verifying never draws any.
//!
//! The [`manual`] explains the data, the promises and the reasons.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "authority")]
pub mod authority;
mod base64url;
pub mod config;
pub mod engine;
mod error;
mod flow;
mod freshness;
pub mod gate;
mod json;
mod key;
pub mod limits;
pub mod manual;
#[cfg(feature = "publish")]
pub mod publish;
mod revocation;
pub mod source;
mod time;
mod verifier;

pub use error::{ClaimFault, Code, Error};
pub use flow::danger;
pub use flow::{
    Action, Allowed, Answer, Authentic, Check, Checked, Claims, Decision, Expectations, Header,
    MissingIssuer, Policy, Profile, Question, Recognised, Refused, Selected, Unverified, Verification,
};
pub use freshness::Urgency;
pub use gate::Gate;
pub use json::{Object, object as read_object};
pub use key::{
    Algorithm, Curve, Discovery, Fetch, Fetched, Freshness, Jwks, Key, KeyCache, KeyOptions, Material,
    Secrets,
};
pub use revocation::{
    AskingHead, AskingManifest, AuthenticHead, AuthenticManifest, Confirmation, Entries, Entry, ExactRef,
    Head, Heard, Id, IdPrefix, Incoming, Interval, KeyRange, Kind, Lack, List, Manifest, Member, Offer,
    Offered, OfferedHead, Operations, Revocations, Rule, Salt, Segment, SegmentName, SegmentRef, Snapshot,
    SnapshotInfo, Status, Table, Target, Unknown, Value, Wanted,
};
pub use time::{Cutoff, UnixTime};
pub use verifier::{Asking, Issuer, Progress, Remedy, Verifier};

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Examples that must not compile.
#[cfg(doctest)]
#[doc = include_str!("../tests/stages.md")]
mod stages {}
