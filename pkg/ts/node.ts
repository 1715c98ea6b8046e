// Node, Deno and Bun: the Wasm is a file beside this one.
import { readFile } from "node:fs/promises";
import { hostHere } from "./node_host.js";
import { createVerifierOn } from "./verifier.js";

export * from "./api.js";

/** Makes a verifier. It reads keys and snapshot when the first token comes. */
export const createVerifier = createVerifierOn({
  wasm: () => readFile(new URL("./revocable_wasm_bg.wasm", import.meta.url)),
  hasHttpCache: false,
  hostHere,
});
