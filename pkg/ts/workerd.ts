// workerd: the Wasm is a module that was compiled when the Worker was uploaded. Nothing may be compiled later.
import wasm from "./revocable_wasm_bg.wasm";
import { hostHere } from "./workerd_host.js";
import { createVerifierOn } from "./verifier.js";

export * from "./api.js";

/** Makes a verifier. It reads keys and snapshot when the first token comes. */
export const createVerifier = createVerifierOn({ wasm, hasHttpCache: false, hostHere });
