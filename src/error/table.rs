//! The one table of error codes: what each means, what the gate answers, and what had been verified before.
//!
//! The README's table and the npm package's codes are generated from it; a test fails when they drift.

/// One row for each code.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $oauth:expr, $meaning:literal, $verified:literal;)*) => {
        /// A stable error code. The text form ([`Code::as_str`]) is what logs, hooks and JavaScript's `error.code`
        /// hold; where the `jose` package has a code for the case, it is that one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of the flow.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as text, such as `ERR_JWT_EXPIRED`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status the gate answers with; 0 for a code that never reaches a request.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The OAuth 2.0 `error` of the answer (RFC 6750 §3.1), where there is one.
            #[must_use]
            pub const fn oauth_error(self) -> Option<&'static str> {
                match self { $(Self::$name => $oauth,)* }
            }

            /// What it means, in one line without any value.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What had been verified when it was found.
            #[must_use]
            pub const fn verified_before(self) -> &'static str {
                match self { $(Self::$name => $verified,)* }
            }
        }
    };
}

const INVALID_REQUEST: Option<&str> = Some("invalid_request");
const INVALID_CLIENT: Option<&str> = Some("invalid_client");
const INVALID_TOKEN: Option<&str> = Some("invalid_token");
const INSUFFICIENT_SCOPE: Option<&str> = Some("insufficient_scope");
const UNAVAILABLE: Option<&str> = Some("temporarily_unavailable");

codes! {
    TokenMissing = "ERR_TOKEN_MISSING", 401, None,
        "the request carries no token", "nothing";
    RequestInvalid = "ERR_REQUEST_INVALID", 400, INVALID_REQUEST,
        "the request carries a token source twice, or a malformed one", "nothing";
    NotFound = "ERR_NOT_FOUND", 404, None,
        "there is nothing under this name, or not for whoever asks", "nothing";
    JwsInvalid = "ERR_JWS_INVALID", 401, INVALID_TOKEN,
        "not three parts of canonical base64url with a JSON header", "nothing";
    JwtInvalid = "ERR_JWT_INVALID", 401, INVALID_TOKEN,
        "the payload is not a JWT claims set", "nothing";
    NotSupported = "ERR_JOSE_NOT_SUPPORTED", 401, INVALID_TOKEN,
        "the token asks for something that is not supported, such as a critical extension", "nothing";
    IssuerUnknown = "ERR_JWT_ISSUER_UNKNOWN", 401, INVALID_TOKEN,
        "the token's issuer is not one of the trusted issuers", "nothing";
    AlgNotAllowed = "ERR_JOSE_ALG_NOT_ALLOWED", 401, INVALID_TOKEN,
        "the token's algorithm is not one of those allowed", "nothing";
    NoMatchingKey = "ERR_JWKS_NO_MATCHING_KEY", 401, INVALID_TOKEN,
        "no key of the issuer fits the token's header", "nothing";
    SignatureInvalid = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", 401, INVALID_TOKEN,
        "the signature does not fit", "nothing";
    ClaimInvalid = "ERR_JWT_CLAIM_VALIDATION_FAILED", 401, INVALID_TOKEN,
        "a claim is missing, malformed or not the one wanted", "the signature";
    Expired = "ERR_JWT_EXPIRED", 401, INVALID_TOKEN,
        "the token has expired", "the signature";
    InsufficientScope = "ERR_JWT_INSUFFICIENT_SCOPE", 403, INSUFFICIENT_SCOPE,
        "the token does not have every scope that is required", "the signature";
    Revoked = "ERR_JWT_REVOKED", 401, INVALID_TOKEN,
        "the token has been revoked", "the signature and the claims";
    RevocationUnavailable = "ERR_REVOCATION_UNAVAILABLE", 503, UNAVAILABLE,
        "whether the token has been revoked cannot be told now", "the signature and the claims";
    RevocationUnknown = "ERR_REVOCATION_UNKNOWN", 401, INVALID_TOKEN,
        "whether the token has been revoked cannot be told, and the policy denies it", "the signature and the claims";
    JwksInvalid = "ERR_JWKS_INVALID", 503, UNAVAILABLE,
        "the issuer's key set is not a usable JWKS", "nothing";
    JwkInvalid = "ERR_JWK_INVALID", 503, UNAVAILABLE,
        "a key is malformed or too weak", "nothing";
    JwksUnavailable = "ERR_JWKS_UNAVAILABLE", 503, UNAVAILABLE,
        "the issuer's keys are not at hand", "nothing";
    JwksTimeout = "ERR_JWKS_TIMEOUT", 503, UNAVAILABLE,
        "the issuer's keys were not given in time", "nothing";
    EngineUnavailable = "ERR_ENGINE_UNAVAILABLE", 503, UNAVAILABLE,
        "what verifies the token's algorithm is not to be had now", "nothing";
    ManifestInvalid = "ERR_REVOCATION_MANIFEST_INVALID", 503, UNAVAILABLE,
        "the revocation manifest is malformed, expired or not understood", "nothing";
    ManifestUntrusted = "ERR_REVOCATION_MANIFEST_UNTRUSTED", 503, UNAVAILABLE,
        "the revocation manifest is not signed by an authority configured to speak here", "nothing";
    ManifestRollback = "ERR_REVOCATION_MANIFEST_ROLLBACK", 503, UNAVAILABLE,
        "the revocation manifest is older than one already seen", "the manifest's signature";
    ManifestConflict = "ERR_REVOCATION_MANIFEST_CONFLICT", 503, UNAVAILABLE,
        "two different revocation manifests bear the same sequence number", "the manifest's signature";
    SegmentInvalid = "ERR_REVOCATION_SEGMENT_INVALID", 503, UNAVAILABLE,
        "a segment is malformed or not what the manifest says of it", "the manifest's signature";
    SegmentHashMismatch = "ERR_REVOCATION_SEGMENT_HASH_MISMATCH", 503, UNAVAILABLE,
        "a segment's bytes are not those the manifest names", "the manifest's signature";
    SegmentMissing = "ERR_REVOCATION_SEGMENT_MISSING", 503, UNAVAILABLE,
        "a segment that the manifest names is not at hand", "the manifest's signature";
    SourceUnavailable = "ERR_REVOCATION_SOURCE_UNAVAILABLE", 503, UNAVAILABLE,
        "the revocation data could not be read", "nothing";
    OriginUnavailable = "ERR_ORIGIN_UNAVAILABLE", 502, None,
        "the origin could not be reached", "everything";
    ClientInvalid = "ERR_CLIENT_INVALID", 401, INVALID_CLIENT,
        "who asks is not known here, or did not prove to be who it says", "nothing";
    NotAllowed = "ERR_NOT_ALLOWED", 403, INSUFFICIENT_SCOPE,
        "who asks may not do this", "who asks";
    RateLimited = "ERR_RATE_LIMITED", 429, UNAVAILABLE,
        "who asks does so too often", "nothing";
    LedgerUnavailable = "ERR_LEDGER_UNAVAILABLE", 503, UNAVAILABLE,
        "revocations cannot be recorded now", "who asks";
    ConfigInvalid = "ERR_CONFIG_INVALID", 503, UNAVAILABLE,
        "the configuration has an unknown, missing or wrong field", "nothing";
    RevocationInvalid = "ERR_REVOCATION_INVALID", 422, INVALID_REQUEST,
        "what is to be revoked or published is malformed", "who asks";
}

impl Code {
    /// The stage of the flow at which a token is stopped with this code; none for what is not about a token.
    #[must_use]
    pub const fn stage(self) -> Option<&'static str> {
        match self {
            Self::JwsInvalid | Self::JwtInvalid | Self::NotSupported => Some("parse"),
            Self::IssuerUnknown | Self::JwksUnavailable | Self::AlgNotAllowed | Self::NoMatchingKey => {
                Some("key")
            }
            Self::SignatureInvalid | Self::EngineUnavailable => Some("signature"),
            Self::ClaimInvalid | Self::Expired | Self::InsufficientScope => Some("claims"),
            Self::Revoked | Self::RevocationUnavailable | Self::RevocationUnknown => Some("revocation"),
            Self::TokenMissing
            | Self::RequestInvalid
            | Self::JwksInvalid
            | Self::JwkInvalid
            | Self::JwksTimeout
            | Self::ManifestInvalid
            | Self::ManifestUntrusted
            | Self::ManifestRollback
            | Self::ManifestConflict
            | Self::SegmentInvalid
            | Self::SegmentHashMismatch
            | Self::SegmentMissing
            | Self::SourceUnavailable
            | Self::NotFound
            | Self::OriginUnavailable
            | Self::ClientInvalid
            | Self::NotAllowed
            | Self::RateLimited
            | Self::LedgerUnavailable
            | Self::ConfigInvalid
            | Self::RevocationInvalid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_named_once_and_says_what_rfc_6750_wants() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().starts_with("ERR_"));
            match code.http_status() {
                400 | 422 => assert_eq!(code.oauth_error(), Some("invalid_request")),
                401 if *code == Code::ClientInvalid => assert_eq!(code.oauth_error(), Some("invalid_client")),
                401 if *code == Code::TokenMissing => assert_eq!(code.oauth_error(), None),
                401 => assert_eq!(code.oauth_error(), Some("invalid_token")),
                403 => assert_eq!(code.oauth_error(), Some("insufficient_scope")),
                429 | 503 => assert_eq!(code.oauth_error(), Some("temporarily_unavailable")),
                404 | 502 => assert_eq!(code.oauth_error(), None),
                other => panic!("{code:?} answers {other}"),
            }
        }
    }
}
