// Errors: a stable code for programs, a sentence for people, and never a token or a claim's value in either.

import type { CODES } from "./codes.js";
import type { Kind } from "./confirm/confirm.js";
import type { Fault } from "./core.js";
import type { SnapshotInfo } from "./decision.js";

/** A stable error code. Where the `jose` package has a code for the case, it is that one. */
export type ErrorCode = (typeof CODES)[number];

/**
 * The stage of the flow at which a token was stopped. Those before it had passed: an error of stage `"claims"` is about
 * a token whose signature has been verified, one of `"revocation"` about a token whose claims have been checked too.
 */
export type Stage = "parse" | "key" | "signature" | "claims" | "revocation";

/** What is wrong with a claim, in `jose`'s words: it is not there, is of a wrong type, or is not the one wanted. */
export type Reason = "missing" | "invalid" | "check_failed";

/** What is known of an error beside its code and its message. */
interface Details {
  /** Where the token was stopped; `undefined` for an error that is not about a token. */
  readonly stage: Stage | undefined;
  /** The claim that was refused, where one was. */
  readonly claim: string | undefined;
  /**
   * What is wrong with that claim. Of `ERR_REVOCATION_UNAVAILABLE` and `ERR_REVOCATION_UNKNOWN`, why the lists could not tell:
   * an `UnknownReason`.
   */
  readonly reason: string | undefined;
  /** `ERR_JWT_REVOKED`: the members that name the revoked target, such as `["jti"]` or `["azp", "sub"]`. */
  readonly rule: readonly string[] | undefined;
  /** `ERR_JWT_REVOKED`: how it was revoked. */
  readonly kind: Kind | undefined;
}

/** Why a token, a key set, a snapshot or an option was refused. Each code has a class of its own in `errors`. */
export class RevocableError extends Error implements Details {
  /** The code of this class; `undefined` for the two that stand for all of them. */
  static readonly code: string | undefined;

  readonly code: ErrorCode;
  readonly stage: Stage | undefined;
  readonly claim: string | undefined;
  readonly reason: string | undefined;
  readonly rule: readonly string[] | undefined;
  readonly kind: Kind | undefined;

  /** How current the revocation lists were that `jwtVerify` asked; decisions of a verifier have it beside the error. */
  declare readonly snapshot?: SnapshotInfo;

  /** @internal */
  constructor(fault: Fault, cause?: unknown) {
    super(fault.message, cause === undefined ? undefined : { cause });
    this.code = fault.code;
    this.stage = fault.stage;
    this.claim = fault.claim;
    this.reason = fault.reason;
    this.rule = fault.rule;
    this.kind = fault.kind;
  }

  /** An argument that is refused is a `TypeError` too, as programs expect it; JavaScript has no second base class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return value instanceof InvalidArgument && [undefined, GENERIC, value.code].includes(this.code);
  }
}

/** What `JOSEError` says, which stands for every error too. */
const GENERIC = "ERR_JOSE_GENERIC";

// On the prototypes, so that no bundler's renaming changes what people read.
Object.defineProperty(RevocableError.prototype, "name", { value: "RevocableError", configurable: true, writable: true });

/** An argument that is not what it should be, whatever the token: a `TypeError` and, by `instanceof`, a [`RevocableError`]. */
export class InvalidArgument extends TypeError implements Details {
  override readonly name: string = "InvalidArgument";
  readonly code: ErrorCode;
  readonly stage = undefined;
  readonly claim = undefined;
  readonly reason = undefined;
  readonly rule = undefined;
  readonly kind = undefined;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
