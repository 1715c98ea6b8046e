// Errors: a stable code for programs, a sentence for people, and never a token or a claim's value in either.

import type { CODES } from "./codes.js";
import type { Fault } from "./core.js";

/** A stable error code. Where the `jose` package has a code for the case, it is that one. */
export type ErrorCode = (typeof CODES)[number];

/**
 * The stage of the flow at which a token was stopped. Those before it had passed: an error of stage `"claims"` is about
 * a token whose signature has been verified, one of `"revocation"` about a token whose claims have been checked too.
 */
export type Stage = "parse" | "key" | "signature" | "claims" | "revocation";

/** Why a token, a key set, a snapshot or an option was refused. */
export class RevocableError extends Error {
  override readonly name = "RevocableError";
  readonly code: ErrorCode;
  /** Where the token was stopped; `undefined` for an error that is not about a token. */
  readonly stage: Stage | undefined;
  /** The claim that was refused, where one was. */
  readonly claim: string | undefined;
  /** `ERR_JWT_REVOKED`: the members that name the revoked target, such as `["jti"]` or `["azp", "sub"]`. */
  readonly rule: readonly string[] | undefined;
  /** `ERR_JWT_REVOKED`: how it was revoked. */
  readonly kind: "outright" | "cutoff" | undefined;

  /** @internal */
  constructor(fault: Fault, cause?: unknown) {
    super(fault.message, cause === undefined ? undefined : { cause });
    this.code = fault.code;
    this.stage = fault.stage;
    this.claim = fault.claim;
    this.rule = fault.rule;
    this.kind = fault.kind;
  }
}
