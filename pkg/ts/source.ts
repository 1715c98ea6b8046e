// Where a snapshot's objects come from: a folder's URL, or a function of the caller's.

import { failure } from "./core.js";
import { messageOf } from "./given.js";
import type { GetObject } from "./options.js";
import { READ_TIMEOUT_MILLIS, inTime, readBody, timeoutFor } from "./read.js";
import type { Alive } from "./reading.js";

/** Reads an object of at most so many bytes; `undefined` when there is none. What comes back is nobody else's. */
export type ReadObject = (name: string, limit: number, alive: Alive) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** The object that says which others there are. */
export const MANIFEST = "manifest.jwt";

/** Reads objects from below a URL. The manifest is asked for again only if it has changed. */
export function readFromUrl(base: URL, fetch: typeof globalThis.fetch, hasHttpCache: boolean): ReadObject {
  let known: { etag: string; bytes: Uint8Array<ArrayBuffer> } | undefined;
  const read = async (name: string, limit: number, alive: Alive, signal: AbortSignal) => {
    const init: RequestInit = { signal };
    const etag = name === MANIFEST && !hasHttpCache ? known?.etag : undefined;
    if (etag !== undefined) {
      init.headers = { "if-none-match": etag };
    } else if (name === MANIFEST && hasHttpCache) {
      // The cache sends its own `If-None-Match`; ours would cost a page of another origin a preflight.
      init.cache = "no-cache";
    }
    const response = await fetch(new URL(name, base), init);
    if (response.status === 304 && known !== undefined && etag !== undefined) {
      await response.body?.cancel();
      return known.bytes;
    }
    if (!response.ok) {
      await response.body?.cancel();
      if (response.status === 404 || response.status === 410) return undefined;
      throw new Error(`HTTP status ${response.status}`);
    }
    const bytes = await readBody(response, limit, alive);
    if (name === MANIFEST) {
      const etag = response.headers.get("etag");
      known = etag === null ? undefined : { etag, bytes };
    }
    return bytes;
  };
  return async (name, limit, alive) => {
    try {
      return await inTime(timeoutOf(name, limit), (signal) => read(name, limit, alive, signal));
    } catch (error) {
      throw unavailable(name, error);
    }
  };
}

/** Reads objects through a function of the caller's. */
export function readByFunction(get: GetObject): ReadObject {
  return async (name, limit) => {
    try {
      const bytes: unknown = await inTime(timeoutOf(name, limit), async () => get(name));
      if (bytes === null || bytes === undefined) return undefined;
      if (!(bytes instanceof Uint8Array)) throw new Error("`source` gave something else than a Uint8Array");
      if (bytes.byteLength > limit) throw new Error(`it has more than ${limit} bytes`);
      // A copy: the bytes that are hashed must be those that are used, whatever the caller does to his meanwhile.
      return new Uint8Array(bytes);
    } catch (error) {
      throw unavailable(name, error);
    }
  };
}

/** A segment's limit is the length that the manifest declares; a manifest's own is known only once it is read. */
function timeoutOf(name: string, limit: number): number {
  return name === MANIFEST ? READ_TIMEOUT_MILLIS : timeoutFor(limit);
}

function unavailable(name: string, error: unknown): Error {
  const detail = messageOf(error) ?? "it could not be read";
  return failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `\`${name}\`: ${detail}`, error);
}
