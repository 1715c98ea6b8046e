// workerd, without waiting: Rust in Wasm, as WebCrypto answers later.
import type { Platform } from "../core.js";
import { createHost } from "../host/host.js";
import { wasmEnginesNow } from "../host/wasm_now.js";
import engines from "../revocable_engines_wasm_bg.wasm";
import { platform as waiting } from "../workerd_platform.js";

export const platform: Platform = {
  ...waiting,
  hostHere: (force) => createHost([wasmEnginesNow(() => engines)], force),
};
