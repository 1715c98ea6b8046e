// Node, Deno and Bun: `node:crypto` answers at once; what a runtime lacks of it, it may have as WebCrypto.
import * as crypto from "node:crypto";
import { readFile } from "node:fs/promises";

import type { Host } from "./host/host.js";
import { createHost } from "./host/host.js";
import { nodeCrypto } from "./host/nodecrypto.js";
import type { EngineName } from "./host/question.js";
import { wasmEngines } from "./host/wasm.js";
import { webCrypto } from "./host/webcrypto.js";

/** What this runtime verifies signatures with. */
export function hostHere(force?: EngineName): Host {
  const wasm = wasmEngines(() => readFile(new URL("./revocable_engines_wasm_bg.wasm", import.meta.url)));
  return createHost([nodeCrypto(crypto), webCrypto(), wasm], force);
}
