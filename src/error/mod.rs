//! What can be wrong, with the evidence for whoever handles it, and never with a token's or a claim's value in the text.

mod table;

use std::borrow::Cow;
use std::fmt;

use crate::revocation::{Kind, Rule, Unknown};
use crate::time::UnixTime;

pub use table::Code;

/// Why a token, a key set, a manifest, a segment or a configuration was refused.
///
/// The text of an error names the case and at most the claim, header or field; the evidence in the variants may hold
/// more and is for the caller's own code.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The request carries no token.
    TokenMissing,
    /// The request carries a token source twice, or a malformed one.
    RequestInvalid(&'static str),
    /// There is nothing under this name, or not for whoever asks.
    NotFound,
    /// The origin could not be reached.
    OriginUnavailable,
    /// The token is not a compact JWS (RFC 7515 §7.1), strictly read.
    JwsInvalid(&'static str),
    /// The payload is not a JWT claims set (RFC 7519 §4), strictly read.
    JwtInvalid(&'static str),
    /// The token asks for something that is not supported.
    NotSupported(&'static str),
    /// The token's `iss` is missing or not one of the trusted issuers.
    IssuerUnknown,
    /// The token's `alg` is not one that the issuer's keys and settings allow.
    AlgNotAllowed,
    /// No key of the issuer fits the token's header.
    NoMatchingKey,
    /// The signature does not fit. Deliberately without detail.
    SignatureInvalid,
    /// A claim is missing, malformed, or not the one wanted.
    ClaimInvalid {
        /// The claim's name, as the verifier's settings or the rules know it.
        claim: String,
        /// What is wrong with it.
        reason: ClaimFault,
    },
    /// The token has expired (RFC 7519 §4.1.4).
    Expired {
        /// When it was looked at.
        now: UnixTime,
        /// Its `exp`.
        exp: UnixTime,
    },
    /// The token was issued longer ago than wanted ([`crate::Expectations::max_token_age`]).
    TooOld {
        /// When it was looked at.
        now: UnixTime,
        /// Its `iat`.
        iat: UnixTime,
    },
    /// The token does not have every scope that is required.
    InsufficientScope {
        /// The scopes that are required, whichever of them it has.
        required: Vec<String>,
    },
    /// The token has been revoked.
    Revoked {
        /// The rule that names the revoked target.
        rule: Rule,
        /// How it was revoked.
        kind: Kind,
    },
    /// Whether the token has been revoked cannot be told now.
    RevocationUnavailable(Unknown),
    /// Whether the token has been revoked cannot be told, and the policy is to deny it then.
    RevocationUnknown(Unknown),
    /// A document is not a usable JWKS (RFC 7517 §5).
    JwksInvalid(&'static str),
    /// A key is malformed or too weak (RFC 7517 §4, RFC 7518 §6).
    JwkInvalid(&'static str),
    /// The issuer's keys have not been read yet, or are too old to be relied on.
    JwksUnavailable,
    /// What verifies the token's algorithm could not be had.
    EngineUnavailable,
    /// The manifest is malformed, expired or not understood.
    ManifestInvalid(Cow<'static, str>),
    /// The manifest is not signed by an authority configured to speak here.
    ManifestUntrusted(&'static str),
    /// The manifest is older than one already seen.
    ManifestRollback {
        /// The newest sequence number accepted.
        seen: u64,
        /// The sequence number offered.
        offered: u64,
    },
    /// Two different manifests bear the same sequence number.
    ManifestConflict {
        /// The number they share.
        seq: u64,
    },
    /// A segment is malformed, or not what the manifest says of it.
    SegmentInvalid(Cow<'static, str>),
    /// A segment's bytes are not those that the manifest names.
    SegmentHashMismatch,
    /// A segment that the manifest names is not at hand.
    SegmentMissing,
    /// The revocation data could not be read from its source.
    SourceUnavailable,
    /// Who asks is not known, or did not prove to be who it says. Deliberately without detail.
    ClientInvalid,
    /// Who asks may not do this; what it lacks.
    NotAllowed(&'static str),
    /// Who asks does so too often.
    RateLimited {
        /// After how many seconds it may ask again.
        retry_after: u64,
    },
    /// Revocations cannot be recorded now.
    LedgerUnavailable,
    /// The configuration has an unknown, missing or wrong field.
    ConfigInvalid {
        /// Where, such as `issuers[0].jwksUri`.
        path: String,
        /// What is wrong there.
        reason: String,
    },
    /// What is to be published is malformed.
    RevocationInvalid(String),
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimFault {
    /// It is required and not there.
    Missing,
    /// It is of another type, or outside the range its RFC gives it.
    Malformed,
    /// It is not the value, or one of the values, wanted.
    Mismatch,
    /// It lies in the future: `nbf` (RFC 7519 §4.1.5), or an `iat` later than the clock and its tolerance.
    TooEarly,
    /// It has more values than a revocation rule may look up.
    TooMany,
}

impl Error {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TokenMissing => Code::TokenMissing,
            Self::RequestInvalid(_) => Code::RequestInvalid,
            Self::NotFound => Code::NotFound,
            Self::OriginUnavailable => Code::OriginUnavailable,
            Self::JwsInvalid(_) => Code::JwsInvalid,
            Self::JwtInvalid(_) => Code::JwtInvalid,
            Self::NotSupported(_) => Code::NotSupported,
            Self::IssuerUnknown => Code::IssuerUnknown,
            Self::AlgNotAllowed => Code::AlgNotAllowed,
            Self::NoMatchingKey => Code::NoMatchingKey,
            Self::SignatureInvalid => Code::SignatureInvalid,
            Self::ClaimInvalid { .. } => Code::ClaimInvalid,
            Self::Expired { .. } | Self::TooOld { .. } => Code::Expired,
            Self::InsufficientScope { .. } => Code::InsufficientScope,
            Self::Revoked { .. } => Code::Revoked,
            Self::RevocationUnavailable(_) => Code::RevocationUnavailable,
            Self::RevocationUnknown(_) => Code::RevocationUnknown,
            Self::JwksInvalid(_) => Code::JwksInvalid,
            Self::JwkInvalid(_) => Code::JwkInvalid,
            Self::JwksUnavailable => Code::JwksUnavailable,
            Self::EngineUnavailable => Code::EngineUnavailable,
            Self::ManifestInvalid(_) => Code::ManifestInvalid,
            Self::ManifestUntrusted(_) => Code::ManifestUntrusted,
            Self::ManifestRollback { .. } => Code::ManifestRollback,
            Self::ManifestConflict { .. } => Code::ManifestConflict,
            Self::SegmentInvalid(_) => Code::SegmentInvalid,
            Self::SegmentHashMismatch => Code::SegmentHashMismatch,
            Self::SegmentMissing => Code::SegmentMissing,
            Self::SourceUnavailable => Code::SourceUnavailable,
            Self::ClientInvalid => Code::ClientInvalid,
            Self::NotAllowed(_) => Code::NotAllowed,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::LedgerUnavailable => Code::LedgerUnavailable,
            Self::ConfigInvalid { .. } => Code::ConfigInvalid,
            Self::RevocationInvalid(_) => Code::RevocationInvalid,
        }
    }

    /// The claim that was refused, where one was.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::ClaimInvalid { claim, .. } => Some(claim),
            Self::Expired { .. } => Some("exp"),
            Self::TooOld { .. } => Some("iat"),
            _ => None,
        }
    }

    /// Whether our own data is at fault (503), not the token (401, 403) or the request (400).
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.code().http_status() == 503
    }

    pub(crate) fn claim_invalid(claim: &str, reason: ClaimFault) -> Self {
        Self::ClaimInvalid { claim: claim.to_owned(), reason }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code().meaning())?;
        match self {
            Self::RequestInvalid(detail)
            | Self::NotAllowed(detail)
            | Self::JwsInvalid(detail)
            | Self::JwtInvalid(detail)
            | Self::NotSupported(detail)
            | Self::JwksInvalid(detail)
            | Self::JwkInvalid(detail)
            | Self::ManifestUntrusted(detail) => write!(formatter, ": {detail}"),
            Self::ManifestInvalid(detail) | Self::SegmentInvalid(detail) => write!(formatter, ": {detail}"),
            Self::ClaimInvalid { claim, reason } => write!(formatter, ": `{claim}` {reason}"),
            Self::TooOld { .. } => formatter.write_str(": it was issued too long ago"),
            Self::Revoked { rule, kind } => write!(formatter, ": rule {rule}, {kind}"),
            Self::RevocationUnavailable(why) | Self::RevocationUnknown(why) => write!(formatter, ": {why}"),
            Self::ManifestRollback { seen, offered } => write!(formatter, ": {offered} after {seen}"),
            Self::ManifestConflict { seq } => write!(formatter, ": {seq}"),
            Self::ConfigInvalid { path, reason } if path.is_empty() => write!(formatter, ": {reason}"),
            Self::ConfigInvalid { path, reason } => write!(formatter, ": `{path}`: {reason}"),
            Self::RevocationInvalid(reason) => write!(formatter, ": {reason}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for ClaimFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "is missing",
            Self::Malformed => "is malformed",
            Self::Mismatch => "is not the one wanted",
            Self::TooEarly => "lies in the future",
            Self::TooMany => "has too many values",
        })
    }
}
