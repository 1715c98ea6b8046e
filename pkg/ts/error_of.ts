// Faults into errors, each of its code's own class.

import type { CODES } from "./codes.js";
import type { Fault } from "./core.js";
import type { RevocableError } from "./error.js";
import * as errors from "./errors.js";

/** By code, so that a code without a class does not compile. */
const CLASSES: { readonly [code in (typeof CODES)[number]]: typeof errors.JOSEError | undefined } = {
  ERR_TOKEN_MISSING: errors.TokenMissing,
  ERR_REQUEST_INVALID: errors.RequestInvalid,
  ERR_NOT_FOUND: errors.NotFound,
  ERR_JWS_INVALID: errors.JWSInvalid,
  ERR_JWT_INVALID: errors.JWTInvalid,
  ERR_JOSE_NOT_SUPPORTED: errors.JOSENotSupported,
  ERR_JWT_ISSUER_UNKNOWN: errors.JWTIssuerUnknown,
  ERR_JOSE_ALG_NOT_ALLOWED: errors.JOSEAlgNotAllowed,
  ERR_JWKS_NO_MATCHING_KEY: errors.JWKSNoMatchingKey,
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: errors.JWSSignatureVerificationFailed,
  // These two are about a claim: see below.
  ERR_JWT_CLAIM_VALIDATION_FAILED: undefined,
  ERR_JWT_EXPIRED: undefined,
  ERR_JWT_INSUFFICIENT_SCOPE: errors.JWTInsufficientScope,
  ERR_JWT_REVOKED: errors.JWTRevoked,
  ERR_REVOCATION_UNAVAILABLE: errors.RevocationUnavailable,
  ERR_REVOCATION_UNKNOWN: errors.RevocationUnknown,
  ERR_JWKS_INVALID: errors.JWKSInvalid,
  ERR_JWK_INVALID: errors.JWKInvalid,
  ERR_JWKS_UNAVAILABLE: errors.JWKSUnavailable,
  ERR_JWKS_TIMEOUT: errors.JWKSTimeout,
  ERR_ENGINE_UNAVAILABLE: errors.EngineUnavailable,
  ERR_REVOCATION_MANIFEST_INVALID: errors.ManifestInvalid,
  ERR_REVOCATION_MANIFEST_UNTRUSTED: errors.ManifestUntrusted,
  ERR_REVOCATION_MANIFEST_ROLLBACK: errors.ManifestRollback,
  ERR_REVOCATION_MANIFEST_CONFLICT: errors.ManifestConflict,
  ERR_REVOCATION_SEGMENT_INVALID: errors.SegmentInvalid,
  ERR_REVOCATION_SEGMENT_HASH_MISMATCH: errors.SegmentHashMismatch,
  ERR_REVOCATION_SEGMENT_MISSING: errors.SegmentMissing,
  ERR_REVOCATION_SOURCE_UNAVAILABLE: errors.SourceUnavailable,
  ERR_ORIGIN_UNAVAILABLE: errors.OriginUnavailable,
  ERR_CLIENT_INVALID: errors.ClientInvalid,
  ERR_NOT_ALLOWED: errors.NotAllowed,
  ERR_RATE_LIMITED: errors.RateLimited,
  ERR_LEDGER_UNAVAILABLE: errors.LedgerUnavailable,
  ERR_CONFIG_INVALID: errors.ConfigInvalid,
  ERR_REVOCATION_INVALID: errors.RevocationInvalid,
};

/**
 * The error of this fault, of its code's own class.
 */
export function errorOf(fault: Fault, cause?: unknown, payload?: object): RevocableError {
  const { code, message, stage, claim, reason, rule, kind } = fault;
  if (code === "ERR_JWT_EXPIRED" || code === "ERR_JWT_CLAIM_VALIDATION_FAILED") {
    const Class = code === "ERR_JWT_EXPIRED" ? errors.JWTExpired : errors.JWTClaimValidationFailed;
    return Object.assign(new Class(message, payload ?? {}, claim, reason), { stage });
  }
  const error = new (CLASSES[code] ?? errors.JOSEError)(message, { cause });
  return Object.assign(error, { code, stage, claim, reason, rule, kind });
}
