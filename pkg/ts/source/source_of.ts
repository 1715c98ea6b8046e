// The option `source`: a folder's URL, a function, or a source.

import { wrong } from "../options.js";
import { folderUrl } from "../url.js";
import { EXPECTED_URL, httpSourceOn } from "./http_source.js";
import type { GetObject, Source } from "./source.js";

/** How a URL is read. */
export interface Reads {
  fetch: typeof fetch;
  hasHttpCache: boolean;
}

/**
 * Where a snapshot is read from; `path` names the option.
 * @internal
 */
export function sourceOf(source: unknown, path: string, { fetch, hasHttpCache }: Reads): Source {
  if (typeof source === "function") {
    const get = source as GetObject;
    // The name alone, as it has always been: a function may have a second parameter of its own.
    return { get: async (name) => get(name) };
  }
  if (isSource(source)) return source;
  const url = folderUrl(source);
  if (url === undefined) throw wrong(path, `expected ${EXPECTED_URL}, a function, or an object with a method \`get\``);
  return httpSourceOn({ hasHttpCache })(url, { fetch });
}

function isSource(source: unknown): source is Source {
  return typeof source === "object" && source !== null && "get" in source && typeof source.get === "function";
}
