// The options of revocation lists, which `createVerifier` and `createRevocations` share.

import type { Confirm } from "./confirm/confirm.js";
import { EXPECTED_URL, confirmUrl, httpConfirm } from "./confirm/http_confirm.js";
import type { UnknownReason } from "./decision.js";
import { UNKNOWN_REASONS } from "./decision.js";
import { onlyFields, wrong } from "./options.js";
import type { GetObject, Source } from "./source/source.js";
import type { Reads } from "./source/source_of.js";
import { sourceOf } from "./source/source_of.js";

/** Where the revocation lists are, whose are believed, and what to do when they cannot tell. */
export interface RevocationOptions {
  /**
   * A folder's URL, to which object names are appended: `manifest.jwt` and `segments/<64 hexadecimal digits>`. So a
   * gate's `https://gate.example/_revocable/`, a folder on a CDN, or anything that a function can read by name; or what
   * `httpSource`, `kvSource`, `memorySource` or `folderSource` makes.
   */
  source: string | URL | GetObject | Source;
  /** Whose list is believed, and for which issuers: one, as a source holds one manifest. It must speak for every issuer. */
  lists: readonly [ListOptions];
  /**
   * What to do with a token of which the lists cannot tell: one action for every reason, or one for each. By default, and for
   * a reason that is left out, `"unavailable"`: nothing passes unchecked, and nobody is told that his token is bad when our
   * own data is.
   */
  unknown?: UnknownAction | { readonly [reason in UnknownReason]?: UnknownAction };
  /**
   * Who confirms hits in a coarse list before a token is refused for them: a URL, such as a gate's
   * `https://gate.example/_revocable/confirm`, or a function. Where it cannot be asked, and by default, the segments that the
   * list has for that are read from the source, if there are any.
   */
  confirm?: string | URL | Confirm;
  /**
   * How many bytes of segments are held, by default 48 MiB. A larger snapshot is read in parts, as tokens ask for them, and
   * the parts that no token has asked for the longest go. It has to be more than one token asks for: a segment, of 1 MiB as
   * a rule, for each rule and way to revoke.
   */
  residentBytes?: number;
}

/**
 * What to do when the lists cannot tell: refuse the token as its own fault (401), let it pass unchecked, or say that it cannot
 * be told now (503).
 */
export type UnknownAction = "deny" | "allow" | "unavailable";

/** An authority whose lists are believed. */
export interface ListOptions {
  /** The authority's name: `iss` of its manifests. */
  issuer: string;
  /** The authority's public keys: a JWKS, or a single JWK. */
  keys: object;
  /** The token issuers it may speak for. */
  for: readonly string[];
}

/** The names of these options. @internal */
export const REVOCATION_FIELDS: readonly string[] = ["source", "lists", "unknown", "confirm", "residentBytes"];

/**
 * Options that have been checked, but for `lists`.
 * @internal
 */
export interface CheckedRevocations {
  source: Source;
  confirm: Confirm | undefined;
  terms: Terms;
}

/**
 * What the core is told of how lists are to be kept and asked.
 * @internal
 */
export interface Terms {
  /** What to do, for each of [`UNKNOWN_REASONS`]. */
  unknown: string[];
  /** In bytes; the core's own where there is none. */
  residentBytes: number | undefined;
  /**
   * From 0 to 1: how much earlier than others this reader looks for a newer snapshot, so that readers that began together do
   * not all look at once. Drawn once a reader, as the core draws nothing.
   */
  jitter: number;
}

/**
 * Checks the options but for `lists`; `path` goes before their names.
 * @internal
 */
export function checkRevocations(options: Readonly<Record<string, unknown>>, path: string, reads: Reads): CheckedRevocations {
  const { source, unknown, confirm, residentBytes } = options;
  return {
    source: sourceOf(source, `${path}source`, reads),
    confirm: confirmOf(confirm, `${path}confirm`, reads),
    terms: {
      unknown: actionsOf(unknown, `${path}unknown`),
      residentBytes: limitOf(residentBytes, `${path}residentBytes`),
      jitter: Math.random(),
    },
  };
}

/** What is done where nothing else is said. */
const DEFAULT_ACTION: UnknownAction = "unavailable";
const ACTIONS: readonly unknown[] = ["deny", "allow", "unavailable"] satisfies UnknownAction[];
const EXPECTED_ACTION = "expected `deny`, `allow` or `unavailable`";

function actionsOf(unknown: unknown, path: string): string[] {
  const action = (given: unknown, path: string): string => {
    if (given === undefined) return DEFAULT_ACTION;
    if (!ACTIONS.includes(given)) throw wrong(path, EXPECTED_ACTION);
    return given as string;
  };
  if (typeof unknown !== "object" || unknown === null) {
    const expected = `${EXPECTED_ACTION}, or an object with one for each reason`;
    if (unknown !== undefined && !ACTIONS.includes(unknown)) throw wrong(path, expected);
    return UNKNOWN_REASONS.map(() => action(unknown, path));
  }
  onlyFields(unknown, path, UNKNOWN_REASONS);
  const given = unknown as { [reason in UnknownReason]?: unknown };
  return UNKNOWN_REASONS.map((reason) => action(given[reason], `${path}.${reason}`));
}

function confirmOf(confirm: unknown, path: string, { fetch }: Reads): Confirm | undefined {
  if (confirm === undefined || typeof confirm === "function") return confirm as Confirm | undefined;
  const url = confirmUrl(confirm);
  if (url === undefined) throw wrong(path, `expected ${EXPECTED_URL}, or a function`);
  return httpConfirm(url, { fetch });
}

function limitOf(limit: unknown, path: string): number | undefined {
  if (limit === undefined) return undefined;
  const isBytes = Number.isSafeInteger(limit) && (limit as number) >= 0 && (limit as number) <= MOST_RESIDENT;
  if (!isBytes) throw wrong(path, "expected a number of bytes, at most 1 GiB");
  return limit as number;
}

/** A Wasm's whole memory has 4 GiB, and what is read is copied into it. */
const MOST_RESIDENT = 1024 ** 3;
