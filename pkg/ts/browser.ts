// Browsers, and whatever else has `fetch` and `import.meta.url`: the Wasm is a URL beside this one.
import { hostHere } from "./browser_host.js";
import { createVerifierOn } from "./verifier.js";

export * from "./api.js";

/** Makes a verifier. It reads keys and snapshot when the first token comes. */
export const createVerifier = createVerifierOn({
  wasm: () => fetch(new URL("./revocable_wasm_bg.wasm", import.meta.url)),
  hasHttpCache: typeof document !== "undefined" || typeof WorkerGlobalScope !== "undefined",
  hostHere,
});
