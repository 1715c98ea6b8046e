// Builds the core as a Wasm for the vectors, into `target/vectors-wasm/`: `core.js` and `core_bg.wasm`.
import { buildLeaf } from "../../xtask/node/leaf.mjs";

/** @returns {Promise<string>} the folder */
export function buildCore() {
  return buildLeaf({ package: "revocable-vectors-wasm", folder: "vectors-wasm", name: "core" });
}
