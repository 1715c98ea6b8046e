// workerd: WebCrypto first. The Wasm is a module of the Worker's own, which nobody touches before it is needed.
import type { Host } from "./host/host.js";
import { createHost } from "./host/host.js";
import type { EngineName } from "./host/question.js";
import { wasmEngines } from "./host/wasm.js";
import { webCrypto } from "./host/webcrypto.js";

/** What this runtime verifies signatures with. */
export function hostHere(force?: EngineName): Host {
  const wasm = wasmEngines(async () => (await import("./revocable_engines_wasm_bg.wasm")).default);
  return createHost([webCrypto(), wasm], force);
}
