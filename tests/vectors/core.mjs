// Builds the core as a Wasm for the vectors, into `target/vectors-wasm/`: `core.js` and `core_bg.wasm`.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { ROOT } from "../../xtask/node/names.mjs";

const run = promisify(execFile);
const TARGET = "wasm32-unknown-unknown";

/** @returns {Promise<string>} the folder */
export async function buildCore() {
  const options = { cwd: ROOT, maxBuffer: 1 << 26 };
  const cargo = process.env.CARGO ?? "cargo";
  await run(cargo, ["build", "--release", "--package", "revocable-vectors-wasm", "--target", TARGET], options);
  const { stdout } = await run(cargo, ["metadata", "--format-version", "1", "--no-deps"], options);
  const target = JSON.parse(stdout).target_directory;
  const folder = join(target, "vectors-wasm");
  const own = join(ROOT, ".tools/bin/wasm-bindgen");
  await run(process.env.WASM_BINDGEN_BIN ?? (existsSync(own) ? own : "wasm-bindgen"), [
    ...["--target", "web", "--out-dir", folder, "--out-name", "core", "--omit-default-module-path"],
    join(target, TARGET, "release/revocable_vectors_wasm.wasm"),
  ], options);
  return folder;
}
