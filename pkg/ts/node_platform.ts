// Node, Deno and Bun: the Wasm is a file beside this one.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import type { Platform } from "./core.js";
import { hostHere } from "./node_host.js";

const WASM = new URL("./revocable_wasm_bg.wasm", import.meta.url);

export const platform: Platform = {
  wasm: () => readFile(WASM),
  wasmNow: () => readFileSync(WASM),
  hasHttpCache: false,
  hostHere,
};
