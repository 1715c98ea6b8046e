// What one call of `jwtVerify` expects, compiled once for all calls that expect the same.

import { Check, typed } from "../core.js";
import { InvalidArgument } from "../error.js";
import type { EngineName } from "../host/question.js";
import { checkEngine, claimsOf, isUnsayable } from "../options.js";
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
  values: Values;
  #waiting = 0;
  #isLetGo = false;

  constructor(check: Check, values: Values) {
    this.check = check;
    this.revocations = values[REVOCATIONS];
    this.engine = values[ENGINE];
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
  if (options !== undefined && (typeof options !== "object" || options === null || Array.isArray(options))) {
    throw wrong("options", "expected an object");
  }
  // Only what has been read here counts: a caller's object may say something else when it is asked again.
  const given = valuesOf(options ?? NONE);
  if (options !== undefined) checkNames(options);
  if (last !== undefined && isSame(given, last.values)) return last;
  const { text, values } = readOptions(given);
  // An engine is a word that no text begins with; lists have a number.
  const name = `${values[ENGINE] ?? ""} ${values[REVOCATIONS]?.number ?? ""} ${text}`;
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
    values,
  );
  kept.set(name, last);
  return last;
}

const NONE: JWTVerifyOptions = {};

/** The options that make one call's expectations differ from another's, in the order of [`Values`]. */
const NAMES = [
  "issuer",
  "audience",
  "subject",
  "typ",
  "algorithms",
  "clockTolerance",
  "maxTokenAge",
  "requiredClaims",
  "crit",
  "scopes",
  "claims",
  "profile",
  "revocations",
  "requireClaims",
  "engine",
] as const;
const REVOCATIONS = 12;
const ENGINE = 14;

/** What a caller gave for each of [`NAMES`]. */
type Values = Named<typeof NAMES>;
type Named<Names extends readonly (keyof JWTVerifyOptions)[]> = {
  -readonly [index in keyof Names]: JWTVerifyOptions[Names[index]];
};

/**
 * Reads every option by its name, as `jose` does: whether it is the object's own, inherited or a getter. Written out, since
 * a loop over the names takes several times as long, with every token.
 */
function valuesOf(options: JWTVerifyOptions): Values {
  return [
    options.issuer,
    options.audience,
    options.subject,
    options.typ,
    options.algorithms,
    options.clockTolerance,
    options.maxTokenAge,
    options.requiredClaims,
    options.crit,
    options.scopes,
    options.claims,
    options.profile,
    options.revocations,
    options.requireClaims,
    options.engine,
  ];
}

/** The options of which the core is told nothing, or with each call. */
const OF_ONE_CALL = ["currentDate", "waitUntil"] as const;
const KNOWN: ReadonlySet<string> = new Set([...NAMES, ...OF_ONE_CALL]);

/** Refuses what no option is called, and what is no function where one is called. */
function checkNames(options: JWTVerifyOptions): void {
  for (const name in options) if (!KNOWN.has(name)) throw wrong(name, "there is no such option");
  for (const name of Object.getOwnPropertyNames(options)) if (!KNOWN.has(name)) throw wrong(name, "there is no such option");
  const { waitUntil } = options;
  if (waitUntil !== undefined && typeof waitUntil !== "function") throw wrong("waitUntil", "expected a function");
}

/** Whether these are the options of the call before, without making any text of them. */
function isSame(given: Values, before: Values): boolean {
  for (let index = 0; index < NAMES.length; index += 1) {
    const value: unknown = given[index];
    const known: unknown = before[index];
    if (known === value && (typeof value !== "object" || value instanceof Revocations)) continue;
    if (!Array.isArray(known) || !Array.isArray(value) || known.length !== value.length) return false;
    for (let nth = 0; nth < known.length; nth += 1) if (known[nth] !== value[nth]) return false;
  }
  return true;
}

/** What reads an option: what the core is told of it, for whatever a caller may have written. */
type Read = (value: unknown, name: string) => unknown;

const READERS: { readonly [name in (typeof NAMES)[number]]: Read } = {
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
  claims: (value, name) => claimsOf(object(value, name)),
  profile(value, name) {
    if (value !== "rfc9068") throw wrong(name, 'expected "rfc9068"');
    return value;
  },
  // Of these the core is told nothing.
  revocations(value, name) {
    if (!(value instanceof Revocations)) throw wrong(name, "expected what `createRevocations` made");
  },
  engine(value) {
    checkEngine(value);
  },
};

function readOptions(given: Values): { text: string; values: Values } {
  const values = given.map((value: unknown) => (Array.isArray(value) ? [...(value as unknown[])] : value)) as Values;
  const said: [string, unknown][] = [];
  for (const [index, name] of NAMES.entries()) {
    const value: unknown = values[index];
    if (value === undefined) continue;
    const told = READERS[name](value, name);
    if (told !== undefined) said.push([name, told]);
  }
  try {
    return { text: JSON.stringify(Object.fromEntries(said), sayable), values };
  } catch (error) {
    throw error instanceof InvalidArgument ? error : wrong("claims", "expected what JSON can say", error);
  }
}

/** What JSON would leave out or turn into `null` would be expected of nobody, or of somebody else. */
function sayable(_: string, value: unknown): unknown {
  if (isUnsayable(value)) throw wrong("claims", "expected what JSON can say");
  return value;
}

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
