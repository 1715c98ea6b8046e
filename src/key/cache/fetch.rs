//! What is to be read for an issuer's keys, and what was.

use crate::key::Freshness;
use crate::limits::{MAX_JWKS_BYTES, MAX_METADATA_BYTES};
use crate::time::UnixTime;

/// Something to be read, with `GET`. A redirect, any status but 200 and a body past the limit are failures.
///
/// A redirect is refused even within its origin: keys come from where the configuration or the issuer's metadata says, and
/// whoever moves them can say so there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub(super) url: String,
    pub(super) what: What,
    pub(super) passes_caches_by: bool,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Metadata,
    Jwks,
}

/// What was read.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// The body.
    pub document: &'a [u8],
    /// When it was asked for.
    pub asked_at: UnixTime,
    /// What its headers say.
    pub freshness: Freshness,
}

impl Fetch {
    /// Where.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The request's `Accept` (RFC 7517 §8.5).
    #[must_use]
    pub const fn accept(&self) -> &'static str {
        match self.what {
            What::Metadata => "application/json",
            What::Jwks => "application/jwk-set+json, application/json",
        }
    }

    /// How many bytes to read at most.
    #[must_use]
    pub const fn limit_bytes(&self) -> usize {
        match self.what {
            What::Metadata => MAX_METADATA_BYTES,
            What::Jwks => MAX_JWKS_BYTES,
        }
    }

    /// Whether the answer must come from the origin itself, because what a cache on the way holds may be the very set that
    /// lacks a key. Otherwise the reader may use caches.
    #[must_use]
    pub const fn passes_caches_by(&self) -> bool {
        self.passes_caches_by
    }
}
