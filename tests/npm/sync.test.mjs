// `revocable/sync` in Node and in workerd.
import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";
import { makeJoseFixture } from "./support/jose_fixture.mjs";
import { runSyncSuite } from "./support/sync_suite.mjs";
import { startWorker } from "./support/workerd.mjs";

const [installed, main, jose] = await Promise.all([installPackage(), makeFixture(), makeJoseFixture()]);
after(installed.remove);
const fixture = { ...main, jose };
const sync = createRequire(join(installed.folder, "main.js")).resolve("revocable/sync");

for (const [runtime, outcomes] of [
  ["node", await runSyncSuite(await import(pathToFileURL(sync).href), fixture)],
  ["workerd", await runInWorkerd()],
]) {
  for (const { name, failure } of outcomes) test(`${runtime}: ${name}`, () => assert.equal(failure, null));
  test(`${runtime}: every case was run`, () => assert.ok(outcomes.length > 15, `${outcomes.length}`));
}

async function runInWorkerd() {
  const folder = join(installed.folder, "worker-sync");
  await mkdir(folder);
  await copyFile(new URL("support/sync_suite.mjs", import.meta.url), join(folder, "sync_suite.mjs"));
  const entry = join(folder, "worker.js");
  await writeFile(
    entry,
    `import * as sync from "revocable/sync";
     import { runSyncSuite } from "./sync_suite.mjs";
     export default {
       async fetch(request) { return Response.json(await runSyncSuite(sync, await request.json())); },
     };`,
  );
  const worker = await startWorker(entry);
  try {
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body: JSON.stringify(fixture) });
    assert.equal(response.status, 200, await response.clone().text());
    return await response.json();
  } finally {
    await worker.dispose();
  }
}
