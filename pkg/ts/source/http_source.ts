// Objects below a URL: a gate's `/_revocable/`, a folder on a CDN, an object store.

import type { Platform } from "../core.js";
import { readBody, runtimeFetch } from "../read.js";
import { optionsOf, wrongArgument } from "./argument.js";
import type { Found, GetOptions, Source } from "./source.js";
import { MANIFEST, givingAway } from "./source.js";
import { folderUrl, isPrivate } from "../url.js";


/** How objects are asked for. */
export interface HttpSourceOptions {
  /**
   * What requests bear, such as `{ authorization: "Bearer <read key>" }`. With headers no redirect is followed, which would
   * take them to somebody else.
   */
  headers?: HeadersInit;
  /** What reads URLs. By default, the runtime's own `fetch`. */
  fetch?: typeof fetch;
}

/** What makes a source of a folder's URL, to which the objects' names are appended. */
export type HttpSource = (url: string | URL, options?: HttpSourceOptions) => Source;

/**
 * `httpSource` of a runtime. The manifest is asked for again only if it has changed.
 * @internal
 */
export function httpSourceOn({ hasHttpCache }: Pick<Platform, "hasHttpCache">): HttpSource {
  return (url, options) => {
    const base = folderUrl(url);
    if (base === undefined) throw wrongArgument("url", EXPECTED_URL);
    const { fetch = runtimeFetch, headers: given } = optionsOf(options, ["headers", "fetch"]);
    if (typeof fetch !== "function") throw wrongArgument("fetch", "a function");
    const headers = given === undefined ? undefined : headersOf(given);
    // A read key is for whoever it is sent to, and for nobody on the way.
    if (headers !== undefined && !isPrivate(base)) throw wrongArgument("headers", "an `https` URL, or `http` on a loopback host, to send them to");
    return givingAway({
      get: (name, asked) => read({ url: new URL(name, base), name, headers, fetch, hasHttpCache }, asked),
    });
  };
}

/** What is asked for, and how. */
interface Asked {
  url: URL;
  name: string;
  headers: Headers | undefined;
  fetch: typeof globalThis.fetch;
  hasHttpCache: boolean;
}

async function read({ url, name, headers: own, fetch, hasHttpCache }: Asked, options: GetOptions): Promise<Found> {
  const { limit, signal, etag, onProgress } = options;
  const init: RequestInit = { signal };
  if (own !== undefined) {
    init.headers = own;
    init.redirect = "manual";
  }
  if (hasHttpCache) {
    // The cache sends its own `If-None-Match`; ours would cost a page of another origin a preflight. A segment's name says
    // what is in it, so that whatever the cache has of it is good.
    if (name === MANIFEST) init.cache = "no-cache";
  } else if (etag !== undefined) {
    const headers = new Headers(own);
    headers.set("if-none-match", etag);
    init.headers = headers;
  }
  const response = await fetch(url, init);
  if (response.ok) {
    const bytes = await readBody(response, limit, onProgress);
    return { bytes, etag: hasHttpCache ? undefined : (response.headers.get("etag") ?? undefined) };
  }
  await response.body?.cancel();
  if (response.status === 304 && etag !== undefined) return "unchanged";
  if (response.status === 404 || response.status === 410) return null;
  const isRedirect = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400);
  throw new Error(isRedirect ? "it redirects" : `HTTP status ${response.status}`);
}

/** What a folder's URL has to be. */
export const EXPECTED_URL = "the URL of a folder, without query, fragment or password";

/**
 * A copy of headers.
 * @internal
 */
export function headersOf(headers: HeadersInit): Headers {
  try {
    return new Headers(headers);
  } catch {
    // What the runtime says of it would repeat a key that is no header's value.
    throw wrongArgument("headers", "names and values of HTTP headers");
  }
}
