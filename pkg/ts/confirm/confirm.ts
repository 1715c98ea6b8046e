// Confirmation: a hit in a coarse list is no proof, and whoever has the ledger is asked before a token is refused for it.

import { failure } from "../core.js";
import type { Lack } from "../core.js";
import { messageOf } from "../given.js";
import { READ_TIMEOUT_MILLIS, inTime } from "../read.js";

/**
 * Answers exactly what a coarse list only suspects, for the targets of a request in their order. The answers are as of the
 * list number `seq` of the request, or of a later one, which they say. Whatever it throws leaves the status unknown.
 */
export type Confirm = (request: ConfirmRequest, options: ConfirmOptions) => ConfirmResponse | Promise<ConfirmResponse>;

/** The most targets of one request: as many as a token may have values where a rule names a list. */
export const MOST_TARGETS = 16;

/** What is asked. It names ids, and no token's values. */
export interface ConfirmRequest {
  /** The authority whose list has the hits. */
  iss: string;
  /**
   * What that list's ids are made with, in base64url. To a list that makes them otherwise, or is another authority's, no id is
   * revoked: whoever has such a one must not answer.
   */
  salt: string;
  /** The list's number. */
  seq: number;
  /** At most 16. */
  targets: ConfirmTarget[];
}

/** A target about which an exact answer is wanted. */
export interface ConfirmTarget {
  /** The members that name it, such as `["jti"]`. */
  rule: string[];
  kind: Kind;
  /** With `"minimum"`: the numeric claim. */
  claim?: string;
  /** Its id: 32 hexadecimal digits. */
  id: string;
}

/** The ways to revoke. */
export type Kind = "outright" | "cutoff" | "minimum";

/** How a request is made. */
export interface ConfirmOptions {
  /** Aborted once nobody waits any more. */
  signal: AbortSignal;
}

/** Exact answers. */
export interface ConfirmResponse {
  /** The number of the list that they are as of: not less than the request's. */
  seq: number;
  answers: ConfirmAnswer[];
}

/**
 * About one target: not revoked, or revoked. `value` belongs to a cutoff, in milliseconds since 1970, and to a minimum, as it
 * is.
 */
export type ConfirmAnswer = { revoked: false } | { revoked: true; value?: number };

/** A hit that is to be confirmed, and its number within the core. @internal */
export type Unconfirmed = Extract<Lack, { id: string }>;

/** An answer as the core takes it. @internal */
export interface Confirmed {
  of: Unconfirmed;
  revoked: boolean;
  value: number | undefined;
}

/**
 * Asks about several hits of one list at once. It throws a [`RevocableError`] for what is no answer to all of them.
 * @internal
 */
export async function confirmed(confirm: Confirm, hits: readonly Unconfirmed[]): Promise<Confirmed[]> {
  const { iss = "", salt = "", seq = 0 } = hits[0] ?? {};
  const targets = hits.map(({ rule, kind, claim, id }) => ({ rule, kind, ...(claim === undefined ? {} : { claim }), id }));
  try {
    const response: unknown = await inTime(READ_TIMEOUT_MILLIS, async (signal) => confirm({ iss, salt, seq, targets }, { signal }));
    return answersOf(response, seq, hits);
  } catch (error) {
    const detail = messageOf(error) ?? "it could not be asked";
    throw failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `\`confirm\`: ${detail}`, error);
  }
}

function answersOf(response: unknown, seq: number, hits: readonly Unconfirmed[]): Confirmed[] {
  const { seq: asOf, answers } = (response ?? {}) as { seq?: unknown; answers?: unknown };
  if (!Number.isSafeInteger(asOf) || (asOf as number) < seq) throw new Error("it answers as of an older list, or of none");
  if (!Array.isArray(answers) || answers.length !== hits.length) throw new Error("it does not answer what was asked");
  return hits.map((of, index) => {
    const { revoked, value } = (answers[index] ?? {}) as { revoked?: unknown; value?: unknown };
    // An answer that does not say so clearly lets no token pass.
    if (typeof revoked !== "boolean") throw new Error("it does not say whether a target is revoked");
    const wantsValue = revoked && of.kind !== "outright";
    if (wantsValue && !Number.isSafeInteger(value)) throw new Error("it names no value for a cutoff or a minimum");
    return { of, revoked, value: wantsValue ? (value as number) : undefined };
  });
}
