// Reading an issuer's keys: what the core names, step by step, for a bounded time and no more bytes than it allows.

import type { KeysFetch } from "./core.js";
import { failure, typed } from "./core.js";
import { RevocableError } from "./error.js";
import { jsonOf, messageOf } from "./given.js";
import { READ_TIMEOUT_MILLIS, TookTooLong, TooLarge, inTime, readBody } from "./read.js";
import type { Alive } from "./reading.js";

/** Keys in the core that are read from a URL; the members are as `KeySet` of pkg/src/keys.rs has them. */
export interface RemoteKeys {
  nextFetch(now: number): KeysFetch | undefined;
  beginKeys(now: number): void;
  installKeys(
    fetch: KeysFetch,
    document: Uint8Array,
    askedAt: number,
    cacheControl: string | undefined,
    age: string | undefined,
    now: number,
  ): KeysFetch | undefined;
  endKeys(): void;
  failKeys(now: number): void;
}

/** How keys are read. */
export interface ReadOptions {
  /** What reads URLs. */
  fetch: (url: string, init: RequestInit & { headers: Headers }) => Promise<Answered>;
  now: () => number;
  hasHttpCache: boolean;
  /** How long one answer may take, in milliseconds. */
  timeout?: number;
  /** What requests bear beside `Accept`. */
  headers?: Headers;
  /** The longest time that an answer is fresh, in seconds. */
  maxAge?: number;
}

/** Reads them; it throws a [`RevocableError`], after which those before are still there. */
export async function readKeys(keys: RemoteKeys, options: ReadOptions, alive: Alive): Promise<void> {
  const { now } = options;
  typed(() => keys.beginKeys(now()));
  try {
    for (let fetch = typed(() => keys.nextFetch(now())); fetch !== undefined; ) {
      const askedAt = now();
      const { document, cacheControl, age } = await readOne(fetch, options, alive);
      alive();
      const asked: KeysFetch = fetch;
      try {
        // Also what comes late is taken, or a host that needs longer than others wait would never be heard. The core
        // keeps what was asked for later.
        fetch = typed(() => keys.installKeys(asked, document, askedAt, cacheControl, age, now()));
      } finally {
        asked.free();
      }
      // That has ended reading for the core, where another is at it still.
      if (alive.isFollowed()) typed(() => keys.beginKeys(now()));
    }
  } catch (error) {
    // One that was taken over says nothing about its successor.
    if (alive.isCurrent()) typed(() => keys.failKeys(now()));
    throw error;
  } finally {
    if (alive.isCurrent()) keys.endKeys();
  }
}

/** What is used of an answer: all that a function of the caller's has to give is a status and `json()`. */
type Answered = Response | PlainAnswer;

interface PlainAnswer {
  readonly status: number;
  readonly type?: undefined;
  readonly headers?: { get?: (name: string) => unknown } | undefined;
  json(): Promise<unknown>;
}

interface Answer {
  document: Uint8Array;
  cacheControl: string | undefined;
  age: string | undefined;
}

async function readOne(what: KeysFetch, options: ReadOptions, alive: Alive): Promise<Answer> {
  const { fetch, hasHttpCache, timeout = READ_TIMEOUT_MILLIS, maxAge } = options;
  const headers = new Headers(options.headers);
  if (!headers.has("accept")) headers.set("accept", what.accept);
  // Keys come from the configured place and from nowhere else. Workers refuse the word "error" here, so a redirect is
  // taken as the answer, which is then none.
  const init: RequestInit & { headers: Headers } = { method: "GET", headers, redirect: "manual" };
  // What an HTTP cache holds may lack the very key that is looked for.
  if (hasHttpCache && what.passesCachesBy) init.cache = "no-cache";
  const { url, limit } = what;
  try {
    return await inTime(timeout, async (signal) => {
      const response = await fetch(url, { ...init, signal });
      if (response.status !== 200) {
        if ("body" in response) await response.body?.cancel();
        throw new Error(response.type === "opaqueredirect" ? "it redirects" : `HTTP status ${response.status}`);
      }
      const stated = [headerOf(response, "cache-control"), maxAge === undefined ? undefined : `max-age=${maxAge}`];
      return {
        document: "body" in response ? await readBody(response, limit, alive) : await readJson(response, limit),
        // The least of several counts.
        cacheControl: stated.filter((value) => value !== undefined).join(", ") || undefined,
        age: headerOf(response, "age"),
      };
    });
  } catch (error) {
    if (error instanceof RevocableError) throw error;
    if (error instanceof TooLarge) throw failure("ERR_JWKS_INVALID", error.message, error);
    const isLate = error instanceof TookTooLong || (error instanceof Error && error.name === "TimeoutError");
    throw failure(isLate ? "ERR_JWKS_TIMEOUT" : "ERR_JWKS_UNAVAILABLE", messageOf(error), error);
  }
}

/** A header's value; of an answer that is no `Response`, there may be none, or something else. */
function headerOf({ headers }: Answered, name: string): string | undefined {
  const value: unknown = headers?.get?.(name);
  return typeof value === "string" ? value : undefined;
}

/** The document of an answer that has been read by whoever gave it. */
async function readJson(response: PlainAnswer, limit: number): Promise<Uint8Array> {
  let value: unknown;
  try {
    value = await response.json();
  } catch (error) {
    throw failure("ERR_JWKS_INVALID", messageOf(error), error);
  }
  const bytes = new TextEncoder().encode(jsonOf(value, "ERR_JWKS_INVALID", "a JWKS that JSON cannot say"));
  if (bytes.byteLength > limit) throw new TooLarge(limit);
  return bytes;
}
