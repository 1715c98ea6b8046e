// Node, Deno and Bun, without waiting: `node:crypto`, and Rust in Wasm for what it lacks.
import * as crypto from "node:crypto";
import { readFileSync } from "node:fs";

import type { Platform } from "../core.js";
import { createHost } from "../host/host.js";
import { nodeCrypto } from "../host/nodecrypto.js";
import { wasmEnginesNow } from "../host/wasm_now.js";
import { platform as waiting } from "../node_platform.js";

const ENGINES = new URL("../revocable_engines_wasm_bg.wasm", import.meta.url);

export const platform: Platform = {
  ...waiting,
  hostHere: (force) => createHost([nodeCrypto(crypto), wasmEnginesNow(() => readFileSync(ENGINES))], force),
};
