// `createRemoteJWKSet`: a JWKS that is read from a URL, and read again.

import type { Platform } from "../core.js";
import { KeySet, isWasmLoaded, loadWasm, typed } from "../core.js";
import type { Header } from "../decision.js";
import { InvalidArgument, RevocableError } from "../error.js";
import { jsonOf } from "../given.js";
import { readKeys } from "../keys_reader.js";
import { READ_TIMEOUT_MILLIS, runtimeFetch } from "../read.js";
import type { Reading } from "../reading.js";
import { readingThat } from "../reading.js";
import { Chosen, choose } from "./candidates.js";
import type { KeySource } from "./key_source.js";
import { remember } from "./key_source.js";
import type { FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from "./types.js";

/** Option of `createRemoteJWKSet`: what reads the URL. */
export const customFetch: unique symbol = Symbol("customFetch");
/** Option of `createRemoteJWKSet`: an object in which the keys are kept beyond this process. */
export const jwksCache: unique symbol = Symbol("jwksCache");

/** Reads a key set. Of what it answers, `status` and `json()` are enough; `headers` say how long it is fresh. */
export type FetchImplementation = (
  url: string,
  options: { headers: Headers; method: "GET"; redirect: "manual"; signal: AbortSignal },
) => Promise<Response>;

/** What is kept beyond this process, as `jose` has it. Whoever can write it can choose the keys. */
export interface JWKSCache {
  jwks?: JSONWebKeySet;
  /** When the issuer gave them, in milliseconds since 1970. They are trusted for an hour after that at most. */
  uat?: number;
}

/** Keys that were kept. */
export type ExportedJWKSCache = Required<JWKSCache>;
/** Keys that were kept, or an empty object to keep them in. */
export type JWKSCacheInput = ExportedJWKSCache | { [member: string]: never };

/** How a key set is read; each option has `jose`'s name. */
export interface RemoteJWKSetOptions {
  /** How long an answer may take, in milliseconds. By default 5000. */
  timeoutDuration?: number;
  /** The least time between two readings for a key that is not among them, in milliseconds. At least 30,000, the default. */
  cooldownDuration?: number;
  /**
   * The longest time that an answer is fresh, in milliseconds, whatever its headers say; within 1 and 30 minutes. Keys that
   * are not fresh any more are read again in the background, and are relied on for one hour at most.
   */
  cacheMaxAge?: number;
  /** What requests bear. */
  headers?: { [name: string]: string };
  [customFetch]?: FetchImplementation;
  [jwksCache]?: JWKSCache;
}

/** Chooses among the keys of a set by a token's header. `jwtVerify` takes it as its key. */
export interface RemoteJWKSet {
  (protectedHeader?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey>;
  /** Whether a key that is not among them does not make them be read again. */
  readonly coolingDown: boolean;
  /** Whether they are so new that they are not read again. */
  readonly fresh: boolean;
  /** Whether they are being read. */
  readonly reloading: boolean;
  /** Reads them now. */
  reload(): Promise<void>;
  /** The set as it was last read; `undefined` before. */
  jwks(): JSONWebKeySet | undefined;
}

/** Makes a key set that is read from a URL: `https`, or `http` on a loopback host. */
export type CreateRemoteJWKSet = (url: URL, options?: RemoteJWKSetOptions) => RemoteJWKSet;

/**
 * `createRemoteJWKSet` of a runtime.
 * @internal
 */
export function createRemoteJWKSetOn(platform: Platform): CreateRemoteJWKSet {
  return (url, options = {}) => {
    const keys = new RemoteKeySet(platform, url, options);
    const set = async (header?: Partial<Header>): Promise<CryptoKey> => keys.choose(header ?? {});
    Object.defineProperties(set, {
      coolingDown: { get: () => keys.isCoolingDown, enumerable: true },
      fresh: { get: () => keys.isFresh, enumerable: true },
      reloading: { get: () => keys.isReloading, enumerable: true },
      reload: { value: async () => keys.reload(), enumerable: true },
      jwks: { value: () => keys.jwks(), enumerable: true },
    });
    remember(set, keys);
    return set as RemoteJWKSet;
  };
}

/** The core's own: no shorter cooldown is kept, whatever the caller says. */
const LEAST_COOLDOWN = 30_000;
/** How long an answer is fresh that does not say it. */
const DEFAULT_FRESH = 600_000;
const LEAST_FRESH = 60_000;
const MOST_FRESH = 1_800_000;

class RemoteKeySet implements KeySource {
  readonly #platform: Platform;
  readonly #url: string;
  readonly #cooldown: number;
  readonly #maxAge: number | undefined;
  readonly #cache: JWKSCache | undefined;
  readonly #reading: Reading;
  readonly #chosen = new Chosen(() => this.jwks());
  #set: KeySet | undefined;
  /** When keys were last read, by this process or the one that they are from. */
  #readAt: number | undefined;

  constructor(platform: Platform, url: URL, options: RemoteJWKSetOptions) {
    if (!(url instanceof URL)) throw wrong("url", "expected a URL");
    if (typeof options !== "object" || options === null) throw wrong("options", "expected an object");
    this.#platform = platform;
    this.#url = checkedUrl(url);
    const { timeoutDuration, cooldownDuration, cacheMaxAge, headers } = options;
    const timeout = duration("timeoutDuration", timeoutDuration) ?? READ_TIMEOUT_MILLIS;
    if (!Number.isInteger(timeout)) throw wrong("timeoutDuration", "expected whole milliseconds");
    this.#cooldown = Math.max(LEAST_COOLDOWN, duration("cooldownDuration", cooldownDuration) ?? LEAST_COOLDOWN);
    this.#maxAge = duration("cacheMaxAge", cacheMaxAge);
    this.#cache = options[jwksCache];
    if (this.#cache !== undefined && (typeof this.#cache !== "object" || this.#cache === null)) {
      throw wrong("[jwksCache]", "expected an object");
    }
    const fetch = options[customFetch] ?? runtimeFetch;
    if (typeof fetch !== "function") throw wrong("[customFetch]", "expected a function");
    const limit = this.#maxAge;
    const reads = {
      fetch: fetch as typeof runtimeFetch,
      now: Date.now,
      hasHttpCache: platform.hasHttpCache,
      timeout,
      headers: headersOf(headers),
      ...(limit !== undefined && limit !== Number.POSITIVE_INFINITY && { maxAge: Math.floor(limit / 1000) }),
    };
    this.#reading = readingThat(
      async (alive) => {
        await readKeys(this.set, reads, alive);
        this.#keep();
      },
      "ERR_JWKS_UNAVAILABLE",
      () => {},
    );
  }

  get set(): KeySet {
    if (this.#set !== undefined) return this.#set;
    this.#set = KeySet.remote(this.#url);
    try {
      const saved = this.#saved();
      if (saved === undefined) return this.#set;
      typed(() => this.#set?.seedKeys(JSON.stringify(saved), Date.now()));
      this.#readAt = saved.at;
    } catch (error) {
      // What was kept is of no use any more: the keys are read.
      if (!(error instanceof RevocableError)) throw error;
    }
    return this.#set;
  }

  async read(): Promise<Error | undefined> {
    // The core looks at its own cooldown; a longer one of the caller's is looked at here.
    const isForAnother = this.#document() !== undefined;
    if (isForAnother && this.isCoolingDown) return undefined;
    return this.#reading.now();
  }

  readInBackground(): Promise<unknown> | undefined {
    return this.#reading.inBackground();
  }

  readWhatIsDue(): Promise<unknown> | undefined {
    return typed(() => this.set.isDue(Date.now())) ? this.readInBackground() : undefined;
  }

  chosen(header: Header): unknown {
    return this.#chosen.of(header);
  }

  async choose(header: Partial<Header>): Promise<CryptoKey> {
    await loadWasm(this.#platform);
    if (this.#document() === undefined) await this.#readNow();
    else if (!this.isFresh) void this.readInBackground();
    try {
      return await choose(this.jwks() ?? { keys: [] }, header);
    } catch (error) {
      const isMissing = error instanceof RevocableError && error.code === "ERR_JWKS_NO_MATCHING_KEY";
      if (!isMissing || this.isCoolingDown) throw error;
      await this.#readNow();
      return choose(this.jwks() ?? { keys: [] }, header);
    }
  }

  async reload(): Promise<void> {
    await loadWasm(this.#platform);
    const error = this.isReloading ? await this.#reading.now() : await this.#reading.again();
    if (error !== undefined) throw error;
  }

  jwks(): JSONWebKeySet | undefined {
    const document = this.#document();
    return document === undefined ? undefined : (JSON.parse(document) as JSONWebKeySet);
  }

  get isCoolingDown(): boolean {
    return this.#isWithin(this.#cooldown);
  }

  get isFresh(): boolean {
    const stated = Math.min(this.#maxAge ?? DEFAULT_FRESH, MOST_FRESH);
    return this.#document() !== undefined && this.#isWithin(Math.max(stated, LEAST_FRESH));
  }

  get isReloading(): boolean {
    return this.#reading.isUnderWay;
  }

  async #readNow(): Promise<void> {
    const error = await this.#reading.now();
    if (error !== undefined) throw error;
  }

  /** What was kept before counts only once the core is there to look at it. */
  #document(): string | undefined {
    return isWasmLoaded() ? typed(() => this.set.document(Date.now())) : undefined;
  }

  #isWithin(millis: number): boolean {
    if (isWasmLoaded()) void this.set;
    return this.#readAt !== undefined && Date.now() < this.#readAt + millis;
  }

  /** What was kept, in the core's own form (src/key/cache/saved.rs). */
  #saved(): { at: number } | undefined {
    const { jwks, uat } = this.#cache ?? {};
    if (jwks === undefined || typeof uat !== "number" || !Number.isSafeInteger(uat)) return undefined;
    const text = jsonOf(jwks, "ERR_JWKS_INVALID", "a JWKS that JSON cannot say");
    const freshUntil = uat + Math.min(this.#maxAge ?? DEFAULT_FRESH, MOST_FRESH);
    return { format: FORMAT, uri: this.#url, at: uat, freshUntil, jwks: text } as { at: number };
  }

  #keep(): void {
    this.#readAt = Date.now();
    this.#chosen.clear();
    const [jwks, saved] = [this.jwks(), this.set.exportKeys()];
    if (this.#cache === undefined || jwks === undefined || saved === undefined) return;
    Object.assign(this.#cache, { jwks, uat: (JSON.parse(saved) as { at: number }).at });
  }
}

/** What the core's exports begin with. */
const FORMAT = "revocable-keys/1";

function checkedUrl(url: URL): string {
  const { href, protocol, hostname, username, password } = copyOf(url);
  const isLoopback = protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  if ((protocol !== "https:" && !isLoopback) || username !== "" || password !== "") {
    throw wrong("url", "expected https, or http on a loopback host, without a user's name");
  }
  return href;
}

/** Read again from its text: an object may have a URL's prototype and nothing else of it. */
function copyOf(url: URL): URL {
  try {
    return new URL(url.href);
  } catch (error) {
    throw wrong("url", "expected a URL", error);
  }
}

function headersOf(headers: RemoteJWKSetOptions["headers"]): Headers {
  try {
    return new Headers(headers);
  } catch (error) {
    throw wrong("headers", "expected names and values of headers", error);
  }
}

function duration(name: string, millis: unknown): number | undefined {
  if (millis === undefined) return undefined;
  if (typeof millis !== "number" || !(millis >= 0)) throw wrong(name, "expected milliseconds, and not less than none");
  return millis;
}

function wrong(name: string, reason: string, cause?: unknown): InvalidArgument {
  return new InvalidArgument("ERR_CONFIG_INVALID", `\`${name}\`: ${reason}`, cause);
}
