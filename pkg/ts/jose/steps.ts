// The steps of a token through the core, which those who wait and those who cannot take alike.

import type { Lack } from "../core.js";
import { typed } from "../core.js";
import type { Claims, Header } from "../decision.js";
import {
  claimsOnDesk,
  faultOnDesk,
  isDueOnDesk,
  payloadOf,
  putToken,
  putTokenBytes,
  snapshotOnDesk,
  statusOnDesk,
} from "../desk.js";
import type { RevocableError } from "../error.js";
import { InvalidArgument } from "../error.js";
import { isBytes } from "../given.js";
import { errorOf } from "../error_of.js";
import type { Expected, JWTVerifyOptions } from "./expected.js";
import type { KeySource } from "./key_source.js";
import type { RevocationStatus } from "./types.js";

/** What one call is about. */
export interface Call {
  readonly token: string | Uint8Array;
  readonly source: KeySource;
  readonly expected: Expected;
  readonly options: JWTVerifyOptions | undefined;
}

/** A token that stands. */
export interface Stands {
  payload: Partial<Claims>;
  protectedHeader: Header;
  key?: unknown;
  revocation?: RevocationStatus;
}

/** What could be read so that a token might fare otherwise, as `Check.remedy` of pkg/src/jose.rs says it. */
export const KEYS = 1;
export const SNAPSHOT = 2;
export const LACKING = 4;

/** Takes the token as far as it comes: an outcome of desk.ts. */
export function start({ token, source, expected: { check, revocations }, options }: Call): number {
  const now = Date.now();
  const date = dateOf(options, now);
  return typed(() =>
    revocations === undefined
      ? check.start(source.set, put(token), date, now)
      : check.startListed(source.set, revocations.lists, put(token), date, now),
  );
}

/** Takes it further with an answer about its signature. */
export function resume({ source, expected: { check, revocations }, options }: Call, ticket: number, answer: number): number {
  const now = Date.now();
  const date = dateOf(options, now);
  return typed(() =>
    revocations === undefined
      ? check.resume(source.set, ticket, answer, date, now)
      : check.resumeListed(source.set, revocations.lists, ticket, answer, date, now),
  );
}

/** Picks up a token that stands, and has read what is due. */
export function stands({ source, expected, options }: Call): Stands {
  const isDue = isDueOnDesk();
  const asked = expected.revocations === undefined ? {} : { revocation: { ...statusOnDesk(), snapshot: snapshotOnDesk() } };
  const [protectedHeader, payload] = claimsOnDesk();
  if (isDue) {
    for (const work of [source.readWhatIsDue?.(), expected.revocations?.readWhatIsDue()]) {
      if (work !== undefined) options?.waitUntil?.(work);
    }
  }
  const stands = { payload, protectedHeader, ...asked };
  return source.chosen === undefined ? stands : { ...stands, key: source.chosen(protectedHeader) };
}

/** Whether the token on the desk stands although the lists could not tell. */
export function isUnknown({ expected }: Call): boolean {
  return expected.revocations !== undefined && statusOnDesk().status === "unknown";
}

/** What could be read for the token that has just been decided about. */
export function remedyOf({ token, source, expected }: Call): { remedy: number; lacking: readonly Lack[] } {
  const remedy = typed(() => expected.check.remedy(source.set, put(token), Date.now()));
  return { remedy, lacking: remedy === LACKING ? ((expected.revocations?.lists.lacking() ?? []) as Lack[]) : [] };
}

/** Why the token has just been refused. */
export function refusalOf(token: string | Uint8Array, cause?: unknown): RevocableError {
  const fault = faultOnDesk();
  const snapshot = snapshotOnDesk();
  const error = errorOf(fault, cause, fault.stage === "claims" ? payloadOf(token) : undefined);
  return snapshot === undefined ? error : Object.assign(error, { snapshot });
}

/** Puts a token down, whatever it is. */
export function put(token: string | Uint8Array): number {
  return isBytes(token) ? putTokenBytes(token) : putToken(token);
}

function dateOf(options: JWTVerifyOptions | undefined, now: number): number {
  const date = options?.currentDate;
  if (date === undefined) return now;
  const millis = millisOf(date);
  // The core knows no time before 1970.
  if (millis >= 0) return millis;
  throw new InvalidArgument("ERR_CONFIG_INVALID", "`currentDate`: expected a date, and none before 1970");
}

/** Not a number for whatever has not got a date's time, its prototype alone included. */
function millisOf(date: unknown): number {
  try {
    return Date.prototype.getTime.call(date);
  } catch {
    return Number.NaN;
  }
}
