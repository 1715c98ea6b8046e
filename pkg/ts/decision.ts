// What a verifier answers.

import type { RevocableError } from "./error.js";

/** What to do with a token: let it pass, refuse it, or say that it cannot be told now. */
export type Decision = Allow | Deny | Unavailable;

/** The token stands. */
export interface Allow {
  decision: "allow";
  /** Its claims, authentic and checked. */
  claims: Claims;
  /** Its JOSE header, authentic. */
  header: Header;
  /**
   * What the revocation lists said; `"not-asked"` with `revocations: false`, and `"unknown"` where they could not tell and
   * the option `unknown` lets such tokens pass.
   */
  status: Status;
  /** Why the lists could not tell; with `"unknown"` only. */
  reason: UnknownReason | undefined;
  /** How current the lists were; `undefined` where none was asked. */
  snapshot: SnapshotInfo | undefined;
}

/** The token is at fault. Over HTTP: 401. */
export interface Deny {
  decision: "deny";
  error: RevocableError;
  snapshot: SnapshotInfo | undefined;
}

/**
 * Our own data is at fault: keys or revocation lists could not be had. Over HTTP: 503 with `Retry-After`, never 401, so
 * that nobody is logged out by an outage. `error.cause` says what went wrong when they were last read.
 */
export interface Unavailable {
  decision: "unavailable";
  error: RevocableError;
  snapshot: SnapshotInfo | undefined;
}

/** What the revocation lists said of a token that stands. */
export type Status = "not-asked" | "not-revoked" | "unknown";

/** In the order that the core counts them. @internal */
export const STATUSES: readonly Status[] = ["not-asked", "not-revoked", "unknown"];

/**
 * Why revocation lists cannot tell: there is no snapshot; it is past its hard limit; no list covers the token's issuer; a
 * segment that would tell is not at hand; a hit is too coarse to be believed, and nobody confirmed it.
 */
export type UnknownReason = "noSnapshot" | "tooOld" | "notCovered" | "segmentMissing" | "needsConfirmation";

/** In the order that the core counts them. @internal */
export const UNKNOWN_REASONS: readonly UnknownReason[] = [
  "noSnapshot",
  "tooOld",
  "notCovered",
  "segmentMissing",
  "needsConfirmation",
];

/** How current an answer is. */
export interface SnapshotInfo {
  /** The snapshot's number; each newer one has a greater one. */
  seq: number;
  /** Seconds, with fractions, since the snapshot was made. */
  age: number;
  /** Seconds, with fractions, since the source last confirmed that there is nothing newer. */
  checkedAgo: number;
}

/** A token's claims (RFC 7519 §4). Dates are in seconds since 1970. */
export interface Claims {
  iss: string;
  sub?: unknown;
  aud?: string | string[];
  exp?: number;
  nbf?: number;
  iat?: number;
  jti?: unknown;
  [claim: string]: unknown;
}

/** A token's JOSE header (RFC 7515 §4). */
export interface Header {
  alg: string;
  kid?: string;
  typ?: string;
  [member: string]: unknown;
}
