// What one call of `jwtVerify` expects, compiled once for all calls that expect the same.

import { Check, typed } from "../core.js";
import { InvalidArgument } from "../error.js";
import type { EngineName } from "../host/question.js";
import { checkEngine } from "../options.js";
import { Revocations } from "./revocations.js";
import { secondsOf } from "./time_span.js";

/** What is expected of a token; each option has `jose`'s name and meaning where `jose` has it. */
export interface JWTVerifyOptions {
  /** What `iss` must be, one of these. By default it is not looked at. */
  issuer?: string | readonly string[] | undefined;
  /** What `aud` must be or hold, one of these. By default it is not looked at. */
  audience?: string | readonly string[] | undefined;
  /** What `sub` must be, one of these. By default it is not looked at. */
  subject?: string | readonly string[] | undefined;
  /** The media type that `typ` must be, with or without `application/`. By default it is not looked at. */
  typ?: string | undefined;
  /** The allowed algorithms. By default, those that the key is for. */
  algorithms?: readonly string[] | undefined;
  /** How far clocks may differ: whole seconds or such as `"30 s"`, at most 60. By default 0. */
  clockTolerance?: number | string | undefined;
  /** How long ago a token may have been issued at most: seconds, or such as `"2 hours"`. */
  maxTokenAge?: number | string | undefined;
  /** The time that the claims are held against. By default, now. Keys and lists live by the clock. */
  currentDate?: Date | undefined;
  /** Keeps a Worker alive until work in the background is done: `(work) => context.waitUntil(work)`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Claims that must be there, with whatever value. */
  requiredClaims?: readonly string[] | undefined;
  /** Extensions that `crit` may list, by name. */
  crit?: { readonly [name: string]: boolean } | undefined;
  /** Scopes that the token must have, every one. */
  scopes?: readonly string[] | undefined;
  /** Claims that must have these values, compared as JSON. */
  claims?: { readonly [claim: string]: unknown } | undefined;
  /** A profile that the token must follow: OAuth 2.0 access tokens as RFC 9068 has them. It wants an `audience`. */
  profile?: "rfc9068" | undefined;
  /** What `createRevocations` made: a token that its list has taken back is refused. By default, no list is asked. */
  revocations?: Revocations | undefined;
  /** With `revocations`: members without a value that a revocation can name in which a token is refused. */
  requireClaims?: readonly string[] | undefined;
  /** Who verifies signatures other than HMAC. By default the fastest that this runtime has for each algorithm. */
  engine?: EngineName | undefined;
}

/**
 * Options that have been compiled, and what of them is not the core's.
 * @internal
 */
export interface Expected {
  readonly check: Check;
  readonly revocations: Revocations | undefined;
  readonly engine: EngineName | undefined;
  /** Says that a token waits which this will go on with, so that it is not freed meanwhile. */
  hold(): void;
  /** Says that the token waits no more. */
  release(): void;
}

/** How many different sets of options are kept compiled. */
const MOST_KEPT = 100;

/** As [`Expected`], and with what it was made of, to be recognised by. */
class Kept implements Expected {
  readonly check: Check;
  readonly revocations: Revocations | undefined;
  readonly engine: EngineName | undefined;
  /** Copies: whatever the caller does to his lists later, these stay. */
  values: Map<string, unknown>;
  #waiting = 0;
  #isLetGo = false;

  constructor(check: Check, options: JWTVerifyOptions, values: Map<string, unknown>) {
    this.check = check;
    this.revocations = options.revocations;
    this.engine = options.engine;
    this.values = values;
  }

  hold(): void {
    this.#waiting += 1;
  }

  release(): void {
    this.#waiting -= 1;
    if (this.#isLetGo && this.#waiting === 0) this.check.free();
  }

  /** Not every runtime says when an object is collected, so the core's memory is given back by hand. */
  letGo(): void {
    this.#isLetGo = true;
    if (this.#waiting === 0) this.check.free();
  }
}

/** By a text that says the same of options that mean the same. */
const kept = new Map<string, Kept>();
let last: Kept | undefined;

/**
 * Compiles options, or finds them compiled. The Wasm must be there. Throws a `TypeError` that names the option.
 * @internal
 */
export function expectedOf(options: JWTVerifyOptions | undefined): Expected {
  if (last !== undefined && isSame(options, last)) return last;
  if (options !== undefined && (typeof options !== "object" || options === null || Array.isArray(options))) {
    throw wrong("options", "expected an object");
  }
  const given = options ?? {};
  const { text, values } = readOptions(given);
  // An engine is a word that no text begins with; lists have a number.
  const name = `${given.engine ?? ""} ${given.revocations?.number ?? ""} ${text}`;
  last = kept.get(name);
  if (last !== undefined) {
    last.values = values;
    return last;
  }
  for (const [oldest, expected] of kept) {
    if (kept.size < MOST_KEPT) break;
    kept.delete(oldest);
    expected.letGo();
  }
  last = new Kept(
    typed(() => new Check(text)),
    given,
    values,
  );
  kept.set(name, last);
  return last;
}

/** Whether these are the options of the call before, without making any text of them. */
function isSame(options: JWTVerifyOptions | undefined, before: Kept): boolean {
  let count = 0;
  for (const name in options) {
    // An option that there is not is refused without being looked at.
    if (!before.values.has(name) && !Object.hasOwn(READERS, name)) return false;
    const value: unknown = options[name as keyof JWTVerifyOptions];
    if (value === undefined || name === "currentDate" || name === "waitUntil") continue;
    count += 1;
    const known = before.values.get(name);
    if (known === value && (typeof value !== "object" || value instanceof Revocations)) continue;
    if (!Array.isArray(known) || !Array.isArray(value) || known.length !== value.length) return false;
    for (let index = 0; index < known.length; index += 1) if (known[index] !== value[index]) return false;
  }
  return count === before.values.size;
}

/** What reads an option: what the core is told of it, for whatever a caller may have written. */
type Read = (value: unknown, name: string) => unknown;

const READERS: { readonly [name in keyof JWTVerifyOptions]-?: Read } = {
  issuer: oneOrMany,
  audience: oneOrMany,
  subject: oneOrMany,
  typ: text,
  algorithms: texts,
  clockTolerance: tolerance,
  maxTokenAge: age,
  requiredClaims: texts,
  requireClaims: texts,
  scopes: texts,
  crit: (value, name) => Object.keys(object(value, name)),
  claims: (value, name) => object(value, name),
  profile(value, name) {
    if (value !== "rfc9068") throw wrong(name, 'expected "rfc9068"');
    return value;
  },
  // Of these the core is told nothing, or with each call.
  currentDate: nothing,
  waitUntil(value, name) {
    if (typeof value !== "function") throw wrong(name, "expected a function");
  },
  revocations(value, name) {
    if (!(value instanceof Revocations)) throw wrong(name, "expected what `createRevocations` made");
  },
  engine(value) {
    checkEngine(value);
  },
};

function readOptions(options: object): { text: string; values: Map<string, unknown> } {
  const values = new Map<string, unknown>();
  const said: [string, unknown][] = [];
  for (const name in options) {
    const read = Object.hasOwn(READERS, name) ? READERS[name as keyof JWTVerifyOptions] : undefined;
    if (read === undefined) throw wrong(name, "there is no such option");
    const value: unknown = options[name as keyof object];
    if (value === undefined) continue;
    const told = read(value, name);
    if (name !== "currentDate" && name !== "waitUntil") values.set(name, Array.isArray(value) ? [...(value as unknown[])] : value);
    if (told !== undefined) said.push([name, told]);
  }
  said.sort(([left], [right]) => (left < right ? -1 : 1));
  try {
    return { text: JSON.stringify(Object.fromEntries(said), sayable), values };
  } catch (error) {
    throw error instanceof InvalidArgument ? error : wrong("claims", "expected what JSON can say", error);
  }
}

/** What JSON would leave out or turn into `null` would be expected of nobody, or of somebody else. */
function sayable(_: string, value: unknown): unknown {
  const isLost = ["undefined", "function", "symbol", "bigint"].includes(typeof value);
  if (isLost || (typeof value === "number" && !Number.isFinite(value))) throw wrong("claims", "expected what JSON can say");
  return value;
}

function nothing(): void {}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, "expected a string");
  return value;
}

function texts(value: unknown, name: string): string[] {
  if (!Array.isArray(value) || !value.every((text) => typeof text === "string")) {
    throw wrong(name, "expected a list of strings");
  }
  return value as string[];
}

function oneOrMany(value: unknown, name: string): string[] {
  return typeof value === "string" ? [value] : texts(value, name);
}

function object(value: unknown, name: string): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, "expected an object");
  return value;
}

/** The most that clocks may differ; more would let tokens outlive their `exp` for longer than lists keep them. */
const MOST_TOLERANCE = 60;

function tolerance(value: unknown, name: string): number {
  const seconds = span(value, name);
  if (seconds > MOST_TOLERANCE) throw wrong(name, `expected at most ${MOST_TOLERANCE} seconds`);
  return seconds;
}

function age(value: unknown, name: string): number {
  return Math.min(span(value, name), Number.MAX_SAFE_INTEGER);
}

/** Whole seconds: less than was said, where it was said more precisely. */
function span(value: unknown, name: string): number {
  const seconds = typeof value === "string" ? secondsOf(value) : value;
  if (typeof seconds !== "number" || !(seconds >= 0) || seconds === Number.POSITIVE_INFINITY) {
    throw wrong(name, 'expected seconds, or a span of time such as "30 s", and not less than none');
  }
  return Math.floor(seconds);
}

function wrong(name: string, reason: string, cause?: unknown): InvalidArgument {
  return new InvalidArgument("ERR_CONFIG_INVALID", `\`${name}\`: ${reason}`, cause);
}
