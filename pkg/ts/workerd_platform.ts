// workerd: the Wasm is a module that was compiled when the Worker was uploaded. Nothing may be compiled later.
import type { Platform } from "./core.js";
import wasm from "./revocable_wasm_bg.wasm";
import { hostHere } from "./workerd_host.js";

export const platform: Platform = { wasm, hasHttpCache: false, hostHere };
