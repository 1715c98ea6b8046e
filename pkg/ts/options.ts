// The options of `createVerifier`. A field that is unknown or wrong is refused and named; none is ignored.

import type { Core, Platform } from "./core.js";
import { coreOf, failure } from "./core.js";
import { RevocableError } from "./error.js";
import type { EngineName } from "./host/question.js";
import { runtimeFetch } from "./read.js";
import type { Confirm } from "./confirm/confirm.js";
import type { ListOptions, RevocationOptions } from "./revocation_options.js";
import { REVOCATION_FIELDS, checkRevocations } from "./revocation_options.js";
import type { FollowOptions } from "./source/follower.js";
import { Follower } from "./source/follower.js";
import type { Source } from "./source/source.js";
import type { Reads } from "./source/source_of.js";
import { EXPECTED_API, apiUrl, isVisible } from "./url.js";

/** Whose tokens pass, and whose revocation lists are believed. */
export interface VerifierOptions {
  /** The trusted issuers; at least one. */
  issuers: readonly IssuerOptions[];
  /** Where the revocation lists are; `false` asks none, so that a revoked token passes until it expires. */
  revocations: (RevocationOptions & { follow?: FollowOptions }) | false;
  /**
   * Who verifies signatures other than HMAC: the host's WebCrypto, Node's own `crypto`, or Rust in Wasm. By default the
   * fastest that this runtime has for each algorithm, as it was measured.
   */
  engine?: EngineName;
  /** The clock, in milliseconds since 1970. By default, `Date.now`. */
  now?: () => number;
  /** What reads URLs. By default, the runtime's own `fetch`. */
  fetch?: typeof fetch;
  /**
   * Hears of every reading of keys or of a snapshot that failed, also of those in the background, after which what was
   * good before goes on answering.
   */
  onReadError?: (error: RevocableError) => void;
}

/** A trusted issuer. Its keys are given in exactly one way. */
export type IssuerOptions = IssuerSettings & IssuerKeys;

/** How an issuer's keys are given. */
export type IssuerKeys =
  | (Without<"jwksUri" | "discovery" | "pem"> & {
      /** Its keys: a JWKS, or a single JWK. */
      jwks: object;
    })
  | (Without<"jwks" | "discovery" | "pem"> & {
      /** Where its JWKS is read from, and read again: `https`, or `http` on a loopback host. */
      jwksUri: string | URL;
    })
  | (Without<"jwks" | "jwksUri" | "pem"> & {
      /**
       * Which metadata of its own says where its keys are: `true` or `"openid"` for OpenID Connect Discovery, `"oauth"` for
       * RFC 8414. Its name must be a URL.
       */
      discovery: true | "openid" | "oauth";
    })
  | (Without<"jwks" | "jwksUri" | "discovery"> & {
      /** Its one public key as PEM: the text, or with the `kid` by which tokens name it and the algorithm it stands for. */
      pem: string | { key: string; kid?: string; alg?: string };
    });

type Without<Names extends string> = { [name in Names]?: undefined };

/** What is expected of an issuer's tokens. */
export interface IssuerSettings {
  /** Its name: `iss`, compared byte for byte. */
  issuer: string;
  /** The allowed algorithms. By default, each key's own. */
  algorithms?: readonly string[];
  /** What to do with a token without `iss`: refuse it, which is the default, or take it for this one issuer's. */
  missingIss?: "deny" | "accept";
  /** What `aud` must be or hold, one of these. By default it is not looked at. */
  audience?: string | readonly string[];
  /** What `sub` must be, one of these. By default it is not looked at. */
  subject?: string | readonly string[];
  /** The media type that `typ` must be, with or without `application/`. By default it is not looked at. */
  typ?: string;
  /** A profile that tokens must follow: OAuth 2.0 access tokens as RFC 9068 has them. It wants an `audience`. */
  profile?: "rfc9068";
  /** How long ago a token may have been issued at most, in seconds. By default, it may be of any age. */
  maxTokenAge?: number;
  /** How far clocks may differ, in seconds, at most 60. By default 5. */
  clockTolerance?: number;
  /** Whether a token without `exp` is refused. By default `true`. */
  requireExp?: boolean;
  /**
   * Claims, or `header:` and a header field, without a value *that a revocation can name* in which a token is refused. By
   * default `["jti"]`, as soon as the lists have a rule that names it.
   */
  requireClaims?: readonly string[];
  /** Claims that must be there, with whatever value. */
  requiredClaims?: readonly string[];
  /** Scopes that a token must have, every one: of `scope`, or of `scp` where there is none. */
  scopes?: readonly string[];
  /** Claims that must have these values, compared as JSON. */
  claims?: { readonly [claim: string]: unknown };
  /** Extensions that `crit` may list, because whoever reads the header acts on them. By default none. */
  crit?: readonly string[];
  /** Keys that another process exported with `verifier.exportKeys()`; those that cannot be used any more are read anew. */
  seed?: string | undefined;
}

/**
 * Options that have been checked.
 * @internal
 */
export interface CheckedOptions {
  core: Core;
  engine: EngineName | undefined;
  source: Source | undefined;
  /** Who says when there is something newer. */
  follower: Follower | undefined;
  confirm: Confirm | undefined;
  /** Saved keys, by the index of their issuer. */
  seeds: readonly (readonly [number, string])[];
  now: () => number;
  fetch: typeof fetch;
  onReadError: (error: RevocableError) => void;
}

/**
 * Checks the options. What the core understands better is checked there.
 * @internal
 */
export function checkOptions(options: VerifierOptions, { hasHttpCache }: Pick<Platform, "hasHttpCache">): CheckedOptions {
  onlyFields(options, "", ["issuers", "revocations", "now", "fetch", "onReadError", "engine"]);
  const { revocations, now = Date.now, fetch = runtimeFetch, onReadError = ignore, engine } = options;
  checkEngine(engine);
  const { issuers, seeds } = withoutSeeds(options.issuers);
  const functions = { now: clockOf(now), fetch, onReadError };
  for (const [name, value] of Object.entries({ now, fetch, onReadError })) {
    if (typeof value !== "function") throw wrong(name, "expected a function");
  }
  if (revocations === false) {
    const core = coreOf(configText({ issuers, lists: [] }));
    return { core, source: undefined, follower: undefined, confirm: undefined, engine, seeds, ...functions };
  }
  onlyFields(revocations, "revocations", [...REVOCATION_FIELDS, "follow"]);
  const given: unknown = revocations.lists;
  const lists = Array.isArray(given) ? given.map((list: unknown) => recordOf(list, LIST_FIELDS)) : given;
  if (Array.isArray(lists) && lists.length === 0) {
    throw wrong("revocations.lists", "there must be at least one; `revocations: false` asks none");
  }
  if (Array.isArray(lists) && lists.length > 1) {
    throw wrong("revocations.lists", "expected at most one: a source holds one manifest");
  }
  const checked = checkRevocations(revocations as unknown as Record<string, unknown>, "revocations.", { fetch, hasHttpCache });
  const core = coreOf(configText({ issuers, lists }), checked.terms);
  const follower = followerOf(revocations.follow, { fetch, hasHttpCache });
  return { core, source: checked.source, follower, confirm: checked.confirm, engine, seeds, ...functions };
}

function followerOf(follow: unknown, reads: Reads): Follower | undefined {
  if (follow === undefined) return undefined;
  onlyFields(follow, "revocations.follow", ["url", "key", "jitter", "signal"]);
  const { url, key, jitter = false, signal } = follow as { [name in keyof FollowOptions]?: unknown };
  const base = apiUrl(url);
  if (base === undefined) throw wrong("revocations.follow.url", `expected ${EXPECTED_API}`);
  if (key !== undefined && !isVisible(key, 4096)) throw wrong("revocations.follow.key", "expected visible ASCII");
  if (typeof jitter !== "boolean") throw wrong("revocations.follow.jitter", "expected `true` or `false`");
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong("revocations.follow.signal", "expected an AbortSignal");
  return new Follower({ base, key, jitter, signal, ...reads });
}

/** Whatever is no number is no time either: the core says so. */
function clockOf(now: () => unknown): () => number {
  return () => {
    const time = now();
    return typeof time === "number" ? time : Number.NaN;
  };
}

/** Refuses what names no engine. */
export function checkEngine(engine: unknown): void {
  if (engine !== undefined && !(ENGINES as readonly unknown[]).includes(engine)) {
    throw wrong("engine", `expected one of ${ENGINES.map((name) => `\`${name}\``).join(", ")}`);
  }
}

/** The issuers as the core takes them, and what it is told later. */
function withoutSeeds(issuers: readonly IssuerOptions[]): { issuers: unknown; seeds: [number, string][] } {
  if (!Array.isArray(issuers)) return { issuers, seeds: [] };
  const seeds: [number, string][] = [];
  const rest = (issuers as readonly unknown[]).map((issuer, index) => {
    const record = recordOf(issuer, ISSUER_FIELDS);
    if (!isRecord(record)) return record;
    const { seed, pem, claims, ...others } = record;
    if (seed !== undefined && typeof seed !== "string") throw wrong(`issuers[${index}].seed`, "expected a string");
    if (seed !== undefined) seeds.push([index, seed]);
    return { ...others, pem: recordOf(pem, PEM_FIELDS), claims: claimsOf(claims) };
  });
  return { issuers: rest, seeds };
}

type FieldsOf<Options> = { readonly [name in Options extends unknown ? keyof Options : never]: true };

const ISSUER_FIELDS = namesOf({
  issuer: true,
  jwks: true,
  jwksUri: true,
  discovery: true,
  pem: true,
  algorithms: true,
  missingIss: true,
  audience: true,
  subject: true,
  typ: true,
  profile: true,
  maxTokenAge: true,
  clockTolerance: true,
  requireExp: true,
  requireClaims: true,
  requiredClaims: true,
  scopes: true,
  claims: true,
  crit: true,
  seed: true,
} satisfies FieldsOf<IssuerOptions>);
const PEM_FIELDS = namesOf({ key: true, kid: true, alg: true } satisfies FieldsOf<Exclude<IssuerOptions["pem"], string | undefined>>);
const LIST_FIELDS = namesOf({ issuer: true, keys: true, for: true } satisfies FieldsOf<ListOptions>);

function namesOf(fields: object): readonly string[] {
  return Object.keys(fields);
}

/**
 * An object's fields, each read once: those that are `known`, even where JSON would see none, as with what is inherited or
 * a getter of a class; and all others that show, so that the core refuses them. What is no object stays as it is.
 */
function recordOf(value: unknown, known: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  const names = new Set([...known.filter((name) => name in value), ...namesIn(value)]);
  return Object.fromEntries(Array.from(names, (name) => [name, memberOf(value, name)]));
}

function memberOf(value: Record<string, unknown>, name: string): unknown {
  try {
    return value[name];
  } catch (error) {
    // The getters of a class's prototype, for example, want one of its objects.
    throw failure("ERR_CONFIG_INVALID", `\`${name}\`: it cannot be read`, error);
  }
}

/**
 * Expected claims, each read once. Claims have any name, so that all count that can be found: also the getters of a class,
 * without which a claim would be expected of nobody.
 */
export function claimsOf(claims: unknown): unknown {
  const names: string[] = [];
  for (let from = claims; isRecord(from) && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(from))) if (get) names.push(name);
  }
  return recordOf(claims, names);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The names of an object's fields: its own, and the inherited ones that show. */
function namesIn(value: object): string[] {
  const names = new Set(Object.getOwnPropertyNames(value));
  for (const name in value) names.add(name);
  return [...names];
}

const ENGINES: readonly EngineName[] = ["webcrypto", "nodecrypto", "wasm"];

/** Refuses what is no object, or has a field of another name. */
export function onlyFields(value: unknown, path: string, known: readonly string[]): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const expected = path === "revocations" ? "expected an object, or `false`" : "expected an object";
    throw wrong(path, expected);
  }
  const unknown = namesIn(value).find((field) => !known.includes(field));
  if (unknown !== undefined) {
    const expected = known.map((field) => `\`${field}\``).join(", ");
    throw wrong(path === "" ? unknown : `${path}.${unknown}`, `unknown field, expected one of ${expected}`);
  }
}

/** JSON, without silently dropping or changing what JSON has no word for. */
function configText(config: object): string {
  // Where the objects and lists are that are being gone through.
  const paths = new Map<unknown, string>();
  function replacer(this: Record<string, unknown>, name: string, value: unknown): unknown {
    const holder = paths.get(this);
    const field = holder === undefined || holder === "" ? name : `${holder}.${name}`;
    const path = Array.isArray(this) ? `${holder}[${name}]` : field;
    if (typeof value === "object" && value !== null) paths.set(value, path);
    // A field without a value is one that is not there; but a claim that must have none would be expected of nobody.
    const isAbsent = value === undefined && this[name] === undefined && !IN_CLAIMS.test(path);
    if (isUnsayable(value) && !isAbsent) {
      const what = typeof value === "number" ? "a number that is not finite" : `a value of type ${typeof value}`;
      throw wrong(path, `expected what JSON can say, not ${what}`);
    }
    return value;
  }
  try {
    return JSON.stringify(config, replacer);
  } catch (error) {
    if (error instanceof RevocableError) throw error;
    // Whatever JSON refuses by itself contains itself.
    throw error instanceof TypeError ? wrong("", "expected what JSON can say") : error;
  }
}

const IN_CLAIMS = /^issuers\[\d+\]\.claims[.[]/;

/** Whether JSON would leave a value out, turn it into `null` or refuse it. */
export function isUnsayable(value: unknown): boolean {
  switch (typeof value) {
    case "number":
      return !Number.isFinite(value);
    case "undefined":
    case "function":
    case "symbol":
    case "bigint":
      return true;
    default:
      return false;
  }
}

/** An option that is not what it should be. */
export function wrong(path: string, reason: string): RevocableError {
  return failure("ERR_CONFIG_INVALID", path === "" ? reason : `\`${path}\`: ${reason}`);
}

function ignore(): void {}
