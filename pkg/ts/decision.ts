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
  /** What the revocation lists said; `"not-asked"` with `revocations: false`. */
  status: "not-revoked" | "not-asked";
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
