// Builds a leaf crate as a Wasm with its JavaScript, into a folder of Cargo's target folder.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { ROOT } from "./names.mjs";

const run = promisify(execFile);
const TARGET = "wasm32-unknown-unknown";

/**
 * @param {{ package: string, folder: string, name: string, profile?: string }} leaf  `name` is what the files are called:
 *   `name.js` and `name_bg.wasm`
 * @returns {Promise<string>} the folder
 */
export async function buildLeaf({ package: leaf, folder: into, name, profile = "release" }) {
  const options = { cwd: ROOT, maxBuffer: 1 << 26 };
  const cargo = process.env.CARGO ?? "cargo";
  await run(cargo, ["build", "--profile", profile, "--package", leaf, "--target", TARGET], options);
  const { stdout } = await run(cargo, ["metadata", "--format-version", "1", "--no-deps"], options);
  const target = JSON.parse(stdout).target_directory;
  const folder = join(target, into);
  const own = join(ROOT, ".tools/bin/wasm-bindgen");
  await run(process.env.WASM_BINDGEN_BIN ?? (existsSync(own) ? own : "wasm-bindgen"), [
    ...["--target", "web", "--out-dir", folder, "--out-name", name, "--omit-default-module-path"],
    join(target, TARGET, profile, `${leaf.replaceAll("-", "_")}.wasm`),
  ], options);
  return folder;
}
