// What people type, as they type it: each command works at the project's root with nothing set.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { ROOT } from "../../xtask/node/names.mjs";
import { until } from "../../xtask/node/stack.mjs";

const run = promisify(execFile);
// As after `cargo install wasm-pack wasm-bindgen-cli`: on the path. Nothing else is told to anybody.
/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env, PATH: [join(ROOT, ".tools/bin"), process.env.PATH].join(delimiter), WRANGLER_SEND_METRICS: "false" };
for (const name of ["WASM_BINDGEN_BIN", "WASM_OPT_BIN", "ESBUILD_BIN"]) delete env[name];
const options = { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 };

for (const browser of ["--chrome", "--firefox"]) {
  test(`wasm-pack test --headless ${browser}`, async () => {
    const { stdout } = await run("wasm-pack", ["test", "--headless", browser], options);
    assert.match(stdout, /test result: ok\. [1-9]\d* passed; 0 failed/);
  });
}

test("wasm-pack build pkg leaves package.json alone and what it builds in the tarball", async () => {
  const before = await readFile(join(ROOT, "pkg/package.json"), "utf8");
  await run("wasm-pack", ["build", "pkg", "--target", "web", "--out-dir", "dist"], options);
  assert.equal(await readFile(join(ROOT, "pkg/package.json"), "utf8"), before);
  const { stdout } = await run("npm", ["pack", "./pkg", "--dry-run", "--json"], options);
  const files = JSON.parse(stdout)[0].files.map((/** @type {{ path: string }} */ file) => file.path);
  assert.ok(files.includes("dist/revocable_wasm_bg.wasm"), files.join(" "));
  assert.ok(files.includes("dist/revocable_wasm.js"));
});

test("npx wrangler dev answers healthz, and everything else with the next command to type", async () => {
  // A group of its own, so that the runtime that wrangler starts ends with it.
  const wrangler = spawn("npx", ["wrangler", "dev", "--port", "0", "--ip", "127.0.0.1"], { ...options, detached: true });
  let output = "";
  for (const stream of [wrangler.stdout, wrangler.stderr]) stream.on("data", (chunk) => (output += chunk));
  try {
    const url = await until(async () => /Ready on (http:\/\/\S+)/.exec(output)?.[1], (url) => url !== undefined || wrangler.exitCode !== null, 480_000);
    assert.ok(url, output);
    const health = await fetch(`${url}/_revocable/healthz`);
    assert.equal(health.status, 200);
    assert.equal((await health.json()).configured, false);
    const gated = await fetch(`${url}/orders`);
    assert.equal(gated.status, 503);
    assert.match((await gated.json()).next, /cargo xtask dev/);
  } finally {
    if (wrangler.pid) process.kill(-wrangler.pid, "SIGTERM");
    await new Promise((resolve) => (wrangler.exitCode === null ? wrangler.once("exit", resolve) : resolve(undefined)));
  }
});
