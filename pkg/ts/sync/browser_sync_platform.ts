// Browsers, without waiting: Rust in Wasm, as WebCrypto answers later. `init` loads it.
import { platform as waiting } from "../browser_platform.js";
import type { Platform } from "../core.js";
import { loadWasm } from "../core.js";
import { InvalidArgument } from "../error.js";
import { createHost } from "../host/host.js";
import { compiled } from "../host/wasm.js";
import { wasmEnginesNow } from "../host/wasm_now.js";

let engines: WebAssembly.Module | undefined;

/** Loads both Wasm modules. Nothing answers before. */
export async function init(): Promise<void> {
  await loadWasm(platform);
  engines ??= await compiled(await fetch(new URL("../revocable_engines_wasm_bg.wasm", import.meta.url)));
}

/** @internal */
export const platform: Platform = {
  ...waiting,
  hostHere: (force) => createHost([wasmEnginesNow(enginesNow)], force),
};

function enginesNow(): WebAssembly.Module {
  if (engines !== undefined) return engines;
  throw new InvalidArgument("ERR_ENGINE_UNAVAILABLE", "the Wasm has not been loaded yet: call `await init()` before");
}
