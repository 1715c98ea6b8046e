// Browsers, and whatever else has `fetch` and `import.meta.url`: the Wasm is a URL beside this one.
import type { Platform } from "./core.js";
import { hostHere } from "./browser_host.js";

export const platform: Platform = {
  wasm: () => fetch(new URL("./revocable_wasm_bg.wasm", import.meta.url)),
  hasHttpCache: typeof document !== "undefined" || typeof WorkerGlobalScope !== "undefined",
  hostHere,
};
