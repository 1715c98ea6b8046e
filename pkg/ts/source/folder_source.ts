// The entry `revocable/folder`: objects in a folder, for Node, Deno and Bun. It is an entry of its own because nothing else
// of the package may want a file system.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { TooLarge } from "../read.js";
import { wrongArgument } from "./argument.js";
import type { Found, GetOptions, Source } from "./source.js";

export type { Found, GetOptions, Source };

/**
 * A source of a folder that holds `manifest.jwt` and `segments/`, as `revocable build --out` and `revocable publish --to`
 * leave it. `path` is a path or a `file:` URL.
 */
export function folderSource(path: string | URL): Source {
  const folder = pathOf(path);
  return {
    async get(name, { limit, signal }) {
      const file = await open(join(folder, name)).catch((error: unknown) => {
        if (codeOf(error) === "ENOENT") return undefined;
        throw error;
      });
      if (file === undefined) return null;
      try {
        const { size } = await file.stat();
        if (size > limit) throw new TooLarge(limit);
        // No more than it said, even if it has grown since.
        const bytes = new Uint8Array(size);
        let length = 0;
        while (length < size) {
          signal?.throwIfAborted();
          const { bytesRead } = await file.read(bytes, length, size - length, length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return bytes.subarray(0, length);
      } finally {
        await file.close();
      }
    },
  };
}

function pathOf(path: unknown): string {
  if (typeof path === "string" && path !== "") return path;
  if (path instanceof URL && path.protocol === "file:") return fileURLToPath(path);
  throw wrongArgument("path", "the path of a folder, or its file: URL");
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
