// Objects in Workers KV.

import { readBody } from "../read.js";
import { optionsOf, wrongArgument } from "./argument.js";
import type { Source } from "./source.js";
import { givingAway } from "./source.js";

/** What is used of a KV namespace, such as a Worker's `env.REVOCATIONS`. */
export interface KvNamespace {
  get(key: string, options: { type: "stream"; cacheTtl: number }): Promise<unknown>;
}

/** How objects are read. */
export interface KvSourceOptions {
  /**
   * For how long a data centre may answer from its own cache, in seconds; at least 30, which is the default. It counts for
   * what is not there too: were segments kept for longer than the manifest, one that has not arrived yet would be missing
   * for as long.
   */
  cacheTtl?: number;
}

/** The least that KV takes, in seconds: https://developers.cloudflare.com/kv/api/read-key-value-pairs/#cachettl-parameter. */
const LEAST_CACHE_TTL = 30;

/** A source of a KV namespace, in which the objects have their names as keys. */
export function kvSource(namespace: KvNamespace, options?: KvSourceOptions): Source {
  const { cacheTtl = LEAST_CACHE_TTL } = optionsOf(options, ["cacheTtl"]);
  if (typeof namespace?.get !== "function") throw wrongArgument("namespace", "a KV namespace");
  if (!Number.isSafeInteger(cacheTtl) || cacheTtl < LEAST_CACHE_TTL) {
    throw wrongArgument("cacheTtl", `whole seconds, at least ${LEAST_CACHE_TTL}`);
  }
  return givingAway({
    async get(name, { limit, onProgress }) {
      const value = await namespace.get(name, { type: "stream", cacheTtl });
      // A stream, so that of a value that is longer than it should be no more is read than that shows.
      return value === null ? null : readBody(new Response(value as ReadableStream), limit, onProgress);
    },
  });
}
