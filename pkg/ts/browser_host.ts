// Browsers, and whatever else has `fetch` and `import.meta.url`.
import type { Host } from "./host/host.js";
import { createHost } from "./host/host.js";
import type { EngineName } from "./host/question.js";
import { wasmEngines } from "./host/wasm.js";
import { webCrypto } from "./host/webcrypto.js";

/** What this runtime verifies signatures with. */
export function hostHere(force?: EngineName): Host {
  const wasm = wasmEngines(() => fetch(new URL("./revocable_engines_wasm_bg.wasm", import.meta.url)));
  return createHost([webCrypto(), wasm], force);
}
