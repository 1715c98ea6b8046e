// Where a snapshot's objects come from: one interface, whoever implements it, and how the reader goes through it.

import { failure } from "../core.js";
import { isBytes, messageOf } from "../given.js";
import { READ_TIMEOUT_MILLIS, TooLarge, inTime, timeoutFor } from "../read.js";
import type { Alive } from "../reading.js";

/**
 * What has a snapshot's objects by their names: `manifest.jwt` and `segments/<64 hexadecimal digits>`.
 *
 * It is asked for the manifest, and then for what the manifest names, never for anything that may not exist by design: a
 * store that remembers what it has not got, as Workers KV does, would hide it for a while once it comes.
 */
export interface Source {
  /**
   * Reads an object; `null` or `undefined` when there is none. Whatever it throws is a reading that failed, after which
   * the snapshot before stays in force.
   */
  get(name: string, options: GetOptions): Found | Promise<Found>;
}

/** What a source is told beside the name. */
export interface GetOptions {
  /** How many bytes will be taken at most: what is longer need not be read. */
  limit: number;
  /** Aborted once nobody waits for this object any more. */
  signal: AbortSignal;
  /** With which ETag the source gave this object last. When it has not changed since, `"unchanged"` is an answer. */
  etag?: string;
  /** To be called when more of the object has come. After a second without, another may begin to read as well. */
  onProgress: () => void;
}

/** An object: its bytes, alone or with the ETag by which the source will know them again. */
export type Found = Uint8Array | { bytes: Uint8Array; etag?: string | undefined } | "unchanged" | null | undefined;

/** Reads an object by its name; `null` when there is none. */
export type GetObject = (name: string) => Promise<Uint8Array | null>;

/**
 * Reads an object of at most so many bytes; `undefined` when there is none. What comes back is nobody else's.
 * @internal
 */
export type ReadObject = (name: string, limit: number, alive: Alive) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** The object that says which others there are. */
export const MANIFEST = "manifest.jwt";

/**
 * Reads objects from a source. The manifest is kept, so that a source may say that it has not changed.
 * @internal
 */
export function readFrom(source: Source): ReadObject {
  let known: { etag: string; bytes: Uint8Array<ArrayBuffer> } | undefined;
  return async (name, limit, alive) => {
    const before = name === MANIFEST ? known : undefined;
    const onProgress = (): void => alive();
    const asked = before === undefined ? {} : { etag: before.etag };
    try {
      const found: unknown = await inTime(timeoutOf(name, limit), async (signal) =>
        source.get(name, { limit, signal, onProgress, ...asked }),
      );
      if (found === "unchanged" && before !== undefined) return before.bytes;
      const given = bytesOf(found);
      if (given === undefined) return undefined;
      if (given.bytes.byteLength > limit) throw new TooLarge(limit);
      // A copy: the bytes that are hashed must be those that are used, whatever the caller does to his meanwhile.
      const bytes = GIVES_AWAY.has(source) ? (given.bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(given.bytes);
      if (name === MANIFEST) known = given.etag === undefined ? undefined : { etag: given.etag, bytes };
      return bytes;
    } catch (error) {
      const detail = messageOf(error) ?? "it could not be read";
      throw failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `\`${name}\`: ${detail}`, error);
    }
  };
}

/**
 * A source that keeps nothing of what it gives, so that nobody else can change it.
 * @internal
 */
export function givingAway(source: Source): Source {
  GIVES_AWAY.add(source);
  return source;
}

const GIVES_AWAY = /* @__PURE__ */ new WeakSet<Source>();

function bytesOf(found: unknown): { bytes: Uint8Array; etag?: string | undefined } | undefined {
  if (found === null || found === undefined) return undefined;
  if (isBytes(found)) return { bytes: found };
  if (typeof found === "object" && "bytes" in found && isBytes(found.bytes)) {
    const etag = "etag" in found && typeof found.etag === "string" ? found.etag : undefined;
    return { bytes: found.bytes, etag };
  }
  throw new Error("`source` gave something else than a Uint8Array");
}

/** A segment's limit is the length that the manifest declares; a manifest's own is known only once it is read. */
function timeoutOf(name: string, limit: number): number {
  return name === MANIFEST ? READ_TIMEOUT_MILLIS : timeoutFor(limit);
}
