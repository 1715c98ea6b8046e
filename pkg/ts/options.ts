// The options of `createVerifier`. A field that is unknown or wrong is refused and named; none is ignored.

import type { Core } from "./core.js";
import { coreOf, failure } from "./core.js";
import type { RevocableError } from "./error.js";
import type { EngineName } from "./host/question.js";

/** Whose tokens pass, and whose revocation lists are believed. */
export interface VerifierOptions {
  /** The trusted issuers; at least one. */
  issuers: readonly IssuerOptions[];
  /** Where the revocation lists are; `false` asks none, so that a revoked token passes until it expires. */
  revocations: RevocationOptions | false;
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

/** A trusted issuer. Its keys are given either inline or by URL. */
export type IssuerOptions = IssuerSettings &
  (
    | {
        /** Its keys: a JWKS, or a single JWK. */
        jwks: object;
        jwksUri?: undefined;
      }
    | {
        /** Where its JWKS is read from, and read again: `https`, or `http` on a loopback host. */
        jwksUri: string | URL;
        jwks?: undefined;
      }
  );

/** What is expected of an issuer's tokens. */
export interface IssuerSettings {
  /** Its name: `iss`, compared byte for byte. */
  issuer: string;
  /** The allowed algorithms. By default, each key's own. */
  algorithms?: readonly string[];
  /** What `aud` must be or hold, one of these. By default it is not looked at. */
  audience?: string | readonly string[];
  /** How far clocks may differ, in seconds, at most 60. By default 5. */
  clockTolerance?: number;
  /** Whether a token without `exp` is refused. By default `true`. */
  requireExp?: boolean;
  /** Claims whose absence refuses a token. By default `["jti"]`, as soon as the lists have a rule that names it. */
  requireClaims?: readonly string[];
}

/** Where the revocation lists are, and whose are believed. */
export interface RevocationOptions {
  /**
   * A folder's URL, to which object names are appended: `manifest.jwt` and `segments/<64 hexadecimal digits>`. So a
   * gate's `https://gate.example/_revocable/`, a folder on a CDN, or anything that a function can read by name.
   */
  source: string | URL | GetObject;
  /** Whose list is believed, and for which issuers: one, as a source holds one manifest. It must speak for every issuer. */
  lists: readonly [ListOptions];
}

/** Reads an object by its name; `null` when there is none. */
export type GetObject = (name: string) => Promise<Uint8Array | null>;

/** An authority whose lists are believed. */
export interface ListOptions {
  /** The authority's name: `iss` of its manifests. */
  issuer: string;
  /** The authority's public keys: a JWKS, or a single JWK. */
  keys: object;
  /** The token issuers it may speak for. */
  for: readonly string[];
}

/**
 * Options that have been checked.
 * @internal
 */
export interface CheckedOptions {
  core: Core;
  engine: EngineName | undefined;
  source: URL | GetObject | undefined;
  now: () => number;
  fetch: typeof fetch;
  onReadError: (error: RevocableError) => void;
}

/**
 * Checks the options. What the core understands better is checked there.
 * @internal
 */
export function checkOptions(options: VerifierOptions): CheckedOptions {
  onlyFields(options, "", ["issuers", "revocations", "now", "fetch", "onReadError", "engine"]);
  const { issuers, revocations, now = Date.now, fetch = runtimeFetch, onReadError = ignore } = options;
  if (options.engine !== undefined && !ENGINES.includes(options.engine)) {
    throw wrong("engine", `expected one of ${ENGINES.map((name) => `\`${name}\``).join(", ")}`);
  }
  const functions = { now, fetch, onReadError };
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== "function") throw wrong(name, "expected a function");
  }
  if (revocations === false) {
    return { core: coreOf(configText({ issuers, lists: [] })), source: undefined, engine: options.engine, ...functions };
  }
  onlyFields(revocations, "revocations", ["source", "lists"]);
  const { source, lists }: { source: unknown; lists: unknown } = revocations;
  if (Array.isArray(lists) && lists.length === 0) {
    throw wrong("revocations.lists", "there must be at least one; `revocations: false` asks none");
  }
  if (Array.isArray(lists) && lists.length > 1) {
    throw wrong("revocations.lists", "expected at most one: a source holds one manifest");
  }
  return { core: coreOf(configText({ issuers, lists })), source: sourceOf(source), engine: options.engine, ...functions };
}

const ENGINES: readonly EngineName[] = ["webcrypto", "nodecrypto", "wasm"];

function onlyFields(value: unknown, path: string, known: readonly string[]): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const expected = path === "revocations" ? "expected an object, or `false`" : "expected an object";
    throw wrong(path, expected);
  }
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown !== undefined) {
    const expected = known.map((field) => `\`${field}\``).join(", ");
    throw wrong(path === "" ? unknown : `${path}.${unknown}`, `unknown field, expected one of ${expected}`);
  }
}

function sourceOf(source: unknown): URL | GetObject {
  if (typeof source === "function") return source as GetObject;
  const expected = "expected the URL of a folder, without query or fragment, or a function";
  if (typeof source !== "string" && !(source instanceof URL)) throw wrong("revocations.source", expected);
  let url: URL;
  try {
    // A page may name a folder beside itself.
    url = new URL(source, globalThis.location?.href);
  } catch {
    throw wrong("revocations.source", expected);
  }
  if (!["http:", "https:"].includes(url.protocol) || url.search !== "" || url.hash !== "") {
    throw wrong("revocations.source", expected);
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** JSON, without silently dropping what JSON has no word for. */
function configText(config: object): string {
  const replacer = (name: string, value: unknown): unknown => {
    if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
      throw wrong(name, `expected what JSON can say, not a ${typeof value}`);
    }
    return value;
  };
  try {
    return JSON.stringify(config, replacer);
  } catch (error) {
    // Whatever JSON refuses by itself contains itself.
    throw error instanceof TypeError ? wrong("", "expected what JSON can say") : error;
  }
}

function wrong(path: string, reason: string): RevocableError {
  return failure("ERR_CONFIG_INVALID", path === "" ? reason : `\`${path}\`: ${reason}`);
}

// Looked up at every call, so that a `fetch` that is replaced later counts.
const runtimeFetch: typeof fetch = (input, init) => globalThis.fetch(input, init);

function ignore(): void {}
