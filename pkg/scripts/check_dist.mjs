// Before `npm pack` and `npm publish`: refuses to pack a package that has not been built.
import { existsSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const wasm = ["revocable_wasm", "revocable_engines_wasm"].map((name) => `./dist/${name}_bg.wasm`);
const files = Object.values(exports).flatMap((entry) => Object.values(typeof entry === "string" ? [entry] : entry));
const wanted = [...files, ...wasm, "./dist/.npmignore"];
const missing = wanted.filter((file) => !existsSync(new URL(file, root)));
if (missing.length > 0) {
  console.error(`not built yet, ${missing[0]} is missing: run \`node scripts/build.mjs\` first`);
  process.exit(1);
}
