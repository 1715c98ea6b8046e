// A class for every code, with `jose`'s names where it has the code too, so that `instanceof` and `code` say the same.

import type { Fault } from "./core.js";
import type { ErrorCode } from "./error.js";
import { RevocableError } from "./error.js";

/** What every error of `errors` descends from. */
export class JOSEError extends RevocableError {
  static override readonly code: string = "ERR_JOSE_GENERIC";

  constructor(message?: string, options?: { cause?: unknown }) {
    super(blank(new.target.code as ErrorCode, message ?? ""), options?.cause);
  }
}

/** A class whose name and code are these. */
function named(name: string, code: string): typeof JOSEError {
  const Class = class extends JOSEError {
    static override readonly code: string = code;
  };
  withName(Class, name);
  return Class;
}

function withName(Class: { prototype: object }, name: string): void {
  Object.defineProperty(Class, "name", { value: name });
  Object.defineProperty(Class.prototype, "name", { value: name, configurable: true, writable: true });
}
withName(JOSEError, "JOSEError");

/** What is wrong with which claim, and of which token. */
export interface JWTClaimValidationFailure {
  claim: string;
  reason: string;
  /** The claims of the token: its signature has been verified, its claims have not. Not enumerable, to stay out of logs. */
  payload: { [claim: string]: unknown };
}

/** A claim, or `typ`, is missing, malformed or not the one wanted. */
export class JWTClaimValidationFailed extends JOSEError implements JWTClaimValidationFailure {
  static override readonly code: string = "ERR_JWT_CLAIM_VALIDATION_FAILED";
  declare readonly claim: string;
  declare readonly reason: string;
  declare readonly payload: { [claim: string]: unknown };
  declare cause: JWTClaimValidationFailure;

  constructor(message: string, payload: object, claim = "unspecified", reason = "unspecified") {
    super(message);
    sayWhichClaim(this, payload, claim, reason);
  }
}
withName(JWTClaimValidationFailed, "JWTClaimValidationFailed");

/** The token has expired, or was issued too long ago. */
export class JWTExpired extends JOSEError implements JWTClaimValidationFailure {
  static override readonly code: string = "ERR_JWT_EXPIRED";
  declare readonly claim: string;
  declare readonly reason: string;
  declare readonly payload: { [claim: string]: unknown };
  declare cause: JWTClaimValidationFailure;

  constructor(message: string, payload: object, claim = "unspecified", reason = "unspecified") {
    super(message);
    sayWhichClaim(this, payload, claim, reason);
  }
}
withName(JWTExpired, "JWTExpired");

/**
 * Several keys of a set fit. It is never thrown here, where all of them are tried; it is there for code that catches it.
 */
export class JWKSMultipleMatchingKeys extends JOSEError {
  static override readonly code: string = "ERR_JWKS_MULTIPLE_MATCHING_KEYS";
  async *[Symbol.asyncIterator](): AsyncGenerator<CryptoKey, void, undefined> {}
}
withName(JWKSMultipleMatchingKeys, "JWKSMultipleMatchingKeys");

export const TokenMissing = named("TokenMissing", "ERR_TOKEN_MISSING");
export const RequestInvalid = named("RequestInvalid", "ERR_REQUEST_INVALID");
export const NotFound = named("NotFound", "ERR_NOT_FOUND");
export const JWSInvalid = named("JWSInvalid", "ERR_JWS_INVALID");
export const JWTInvalid = named("JWTInvalid", "ERR_JWT_INVALID");
export const JOSENotSupported = named("JOSENotSupported", "ERR_JOSE_NOT_SUPPORTED");
export const JWTIssuerUnknown = named("JWTIssuerUnknown", "ERR_JWT_ISSUER_UNKNOWN");
export const JOSEAlgNotAllowed = named("JOSEAlgNotAllowed", "ERR_JOSE_ALG_NOT_ALLOWED");
export const JWKSNoMatchingKey = named("JWKSNoMatchingKey", "ERR_JWKS_NO_MATCHING_KEY");
export const JWSSignatureVerificationFailed = named(
  "JWSSignatureVerificationFailed",
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
);
export const JWTInsufficientScope = named("JWTInsufficientScope", "ERR_JWT_INSUFFICIENT_SCOPE");
export const JWTRevoked = named("JWTRevoked", "ERR_JWT_REVOKED");
export const RevocationUnavailable = named("RevocationUnavailable", "ERR_REVOCATION_UNAVAILABLE");
export const RevocationUnknown = named("RevocationUnknown", "ERR_REVOCATION_UNKNOWN");
export const JWKSInvalid = named("JWKSInvalid", "ERR_JWKS_INVALID");
export const JWKInvalid = named("JWKInvalid", "ERR_JWK_INVALID");
export const JWKSUnavailable = named("JWKSUnavailable", "ERR_JWKS_UNAVAILABLE");
export const JWKSTimeout = named("JWKSTimeout", "ERR_JWKS_TIMEOUT");
export const EngineUnavailable = named("EngineUnavailable", "ERR_ENGINE_UNAVAILABLE");
export const ManifestInvalid = named("ManifestInvalid", "ERR_REVOCATION_MANIFEST_INVALID");
export const ManifestUntrusted = named("ManifestUntrusted", "ERR_REVOCATION_MANIFEST_UNTRUSTED");
export const ManifestRollback = named("ManifestRollback", "ERR_REVOCATION_MANIFEST_ROLLBACK");
export const ManifestConflict = named("ManifestConflict", "ERR_REVOCATION_MANIFEST_CONFLICT");
export const SegmentInvalid = named("SegmentInvalid", "ERR_REVOCATION_SEGMENT_INVALID");
export const SegmentHashMismatch = named("SegmentHashMismatch", "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
export const SegmentMissing = named("SegmentMissing", "ERR_REVOCATION_SEGMENT_MISSING");
export const SourceUnavailable = named("SourceUnavailable", "ERR_REVOCATION_SOURCE_UNAVAILABLE");
export const OriginUnavailable = named("OriginUnavailable", "ERR_ORIGIN_UNAVAILABLE");
export const ClientInvalid = named("ClientInvalid", "ERR_CLIENT_INVALID");
export const NotAllowed = named("NotAllowed", "ERR_NOT_ALLOWED");
export const RateLimited = named("RateLimited", "ERR_RATE_LIMITED");
export const LedgerUnavailable = named("LedgerUnavailable", "ERR_LEDGER_UNAVAILABLE");
export const ConfigInvalid = named("ConfigInvalid", "ERR_CONFIG_INVALID");
export const RevocationInvalid = named("RevocationInvalid", "ERR_REVOCATION_INVALID");

function sayWhichClaim(error: object, payload: object, claim: string, reason: string): void {
  // Who prints an error must not print a token's claims with it.
  const hidden = (value: unknown): PropertyDescriptor => ({ value, configurable: true, writable: true });
  const failure = Object.defineProperty({ claim, reason }, "payload", hidden(payload));
  Object.assign(error, { claim, reason });
  Object.defineProperties(error, { payload: hidden(payload), cause: hidden(failure) });
}

function blank(code: ErrorCode, message: string): Fault {
  return { code, message, stage: undefined, claim: undefined, reason: undefined, rule: undefined, kind: undefined };
}
